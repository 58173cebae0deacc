// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/io/backend.hpp"
#include "fendmail/io/backend_address.hpp"
#include "fendmail/io/resume.hpp"

#include <cstdint>
#include <memory>
#include <string>

/// Connects a mail server over TCP or a UNIX socket, tells it who the client is, and relays.
///
/// Source: PROXY protocol 1 and 2, XCLIENT; RFC 5321 §4.2 (greeting).
/// Errors: see hand_off_result. Nothing of the client reaches the backend before its whole 220
/// greeting was read, and nothing at all after a failed introduction: the session would run with
/// our own, usually trusted, address. Behind a PROXY header the same could be without a failure, so
/// the client's first command goes alone, and nothing more until its reply has shown that the
/// header was not taken for a command (see first_exchange).
namespace fendmail::io {

class first_exchange;

enum class introduction : std::uint8_t { none, proxy_v1, proxy_v2, xclient };

struct relay_backend_options {
    std::string name;                       ///< the address as configured
    std::shared_ptr<backend_address> tcp{}; ///< when `unix_path` is empty
    std::string unix_path;
    introduction how = introduction::proxy_v2;
    std::string hostname; ///< ours, for EHLO before XCLIENT
    milliseconds connect_timeout{5000};
    milliseconds greeting_timeout{30000};
    milliseconds idle_timeout{600000};
    bool is_guarded = false; ///< what is handed off is relayed with smtp::data_guard
};

class relay_backend final : public backend {
public:
    explicit relay_backend(relay_backend_options options)
        : options_{std::move(options)}
    {
    }

    awaitable<hand_off_result> hand_off(hand_off_request& request) override;
    awaitable<resume_result> resume(hand_off_request& request, const resume_options& what,
                                    stream& server) override;
    awaitable<proof> prove(hand_off_request& request, const std::string& hostname,
                           stream& server) override;
    [[nodiscard]] milliseconds idle_limit() const noexcept override
    {
        return options_.idle_timeout;
    }
    [[nodiscard]] const std::string& name() const noexcept override { return options_.name; }
    [[nodiscard]] bool passes_sockets() const noexcept override { return false; }

private:
    awaitable<std::string> connect_any(stream& into, deadline& limit) const;
    awaitable<std::string> connect(stream& into, hand_off_request& request, deadline& limit) const;
    awaitable<greeted> introduce(stream& server, hand_off_request& request, deadline& limit) const;
    awaitable<bool> settle(first_exchange& first, hand_off_request& request, stream& server,
                           deadline& limit) const;
    awaitable<void> relay_on(first_exchange& first, hand_off_request& request, stream& server,
                             hand_off_result& result) const;

    relay_backend_options options_;
};

} // namespace fendmail::io
