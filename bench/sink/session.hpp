// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

/// One SMTP session of a server that takes everything and keeps nothing.
///
/// Source: RFC 5321 §3 and §4.1; the PROXY protocol's versions 1 and 2, whose header is skipped.
/// Memory: some 300 octets and a socket; all sessions of the process read into one buffer.
/// Errors: end the session; the measuring program sees that on the other side.
/// Threads: one for the whole process.
namespace fendmail::sink {

class session : public std::enable_shared_from_this<session> {
public:
    /// @param has_header a PROXY header comes before anything else
    session(boost::asio::ip::tcp::socket socket, bool has_header);
    void start();

private:
    void wait();
    void read();
    /// False when the header has not ended.
    [[nodiscard]] bool skip_header(std::string_view& octets);
    void take(std::string_view octets);
    /// Takes what belongs to the mail under way off the front.
    void take_message(std::string_view& octets);
    void take_line(std::string_view line);
    void say(std::string_view text);

    boost::asio::ip::tcp::socket socket_;
    std::string kept_; ///< of a header, line or end of mail that has not ended yet
    bool has_header_;
    bool in_message_ = false;
    bool is_over_ = false;
};

} // namespace fendmail::sink
