// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/web/access.hpp"
#include "fendmail/core/web/target.hpp"
#include "fendmail/io/awaiting.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What the admin's HTTP server serves: requests that were let in, and the replies to them.
///
/// Units: octets; the server bounds them (http.hpp).
/// Errors: a reply like others; std::exception in answer() becomes a 500.
/// Threads: the server's.
namespace fendmail::app {

enum class admin_verb : std::uint8_t { get, put, post, remove };

struct admin_request {
    admin_verb verb = admin_verb::get;
    web::target target;
    std::string body;
    bool is_local = false; ///< over a UNIX socket
};

using admin_stream =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, io::executor>;

struct admin_reply {
    unsigned status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields{}; ///< of the header, besides

    /// Set for a reply that goes on until the client leaves: what has come up since the last
    /// call, or "". It is asked every `admin_http::stream_interval`.
    std::function<std::string()> more{};
    /// What is done with the connection once the reply is out, with time limits of its own; what
    /// the client sent behind its request is still in it.
    std::function<io::awaitable<void>(std::shared_ptr<admin_stream>)> then{};
};

/// {"error": text}
[[nodiscard]] admin_reply admin_error(unsigned status, std::string_view text);

class admin_site {
public:
    admin_site() = default;
    admin_site(const admin_site&) = delete;
    admin_site& operator=(const admin_site&) = delete;
    virtual ~admin_site() = default;

    /// Before the body is read and anything is looked up.
    [[nodiscard]] virtual web::right needed_for(admin_verb verb, std::string_view path) const = 0;
    /// Within `admin_http::answering_time_limit`: beyond it the connection is closed.
    [[nodiscard]] virtual io::awaitable<admin_reply> answer(admin_request what) = 0;
};

} // namespace fendmail::app
