// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"

#include <array>

/// The keys of [backend] about sessions that are relayed. Private to keys.cpp, which would be too
/// long with them.
namespace fendmail::app {

inline constexpr std::array backend_keys{
    key{.section = "backend",
        .name = "tls",
        .type = key_type::choice,
        .default_toml = R"("none")",
        .doc = "A client that has spoken TLS with us and goes on to the backend behind its deep "
               "tests: whether that way is encrypted too, with any certificate. A client that is "
               "handed off before our dialog speaks TLS with the backend itself.",
        .choices = "none|opportunistic|require"},

    key{.section = "backend",
        .name = "data",
        .type = key_type::choice,
        .default_toml = R"("auto")",
        .doc = "Relayed mail against SMTP smuggling. strict: only <CRLF>.<CRLF> ends a message, "
               "and a message with a bare <CR> or <LF> is refused with 550 before the backend has "
               "its end; as-is: octets pass unseen; auto: strict for clients that go on from our "
               "dialog behind their deep tests, as-is for others. postfix-pass hands known "
               "clients to Postfix with their socket, so there is nothing to be relayed then.",
        .choices = "auto|strict|as-is"},
};

} // namespace fendmail::app
