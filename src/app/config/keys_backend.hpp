// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "keys_units.hpp"

#include <array>

/// The keys of [backend] about sessions that are relayed. Private to keys.cpp, which would be too
/// long with them.
namespace fendmail::app {

inline constexpr std::array backend_keys{
    key{.section = "backend",
        .name = "kind",
        .type = key_type::choice,
        .default_toml = R"("proxy-v2")",
        .doc = "How a client reaches the mail server: its live socket goes to Postfix's `pass` "
               "service, or the session is relayed with a PROXY header, with XCLIENT, or as it "
               "is (then the server sees our address).",
        .choices = "postfix-pass|proxy-v2|proxy-v1|xclient|plain"},
    key{.section = "backend",
        .name = "address",
        .default_toml = R"("127.0.0.1:10025")",
        .doc = "\"address:port\", \"[v6]:port\" or \"unix:/path\"; postfix-pass needs "
               "\"unix:/path\". Names are not looked up.",
        .example = R"("unix:/var/spool/postfix/public/smtpd")"},
    key{.section = "backend",
        .name = "connect_timeout",
        .type = key_type::duration,
        .default_toml = R"("5s")",
        .doc = "Longest wait for the connection to the backend.",
        .min = 1,
        .max = 10 * minute},
    key{.section = "backend",
        .name = "greeting_timeout",
        .type = key_type::duration,
        .default_toml = R"("30s")",
        .doc = "Longest wait for the backend's greeting.",
        .min = 1,
        .max = 10 * minute},
    key{.section = "backend",
        .name = "idle_timeout",
        .type = key_type::duration,
        .default_toml = R"("10m")",
        .doc = "A relayed session ends after this long without an octet in either direction.",
        .min = 1,
        .max = day},
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
        .doc = "Relayed mail against SMTP smuggling. strict: only <CRLF>.<CRLF> ends a message; "
               "a line of one dot that is none, but for some servers, gets a second dot, and bare "
               "<CR>s and <LF>s are else left to the backend; as-is: octets pass unseen; auto: "
               "strict for clients that go on from our dialog behind their deep tests, as-is for "
               "others. postfix-pass hands known clients to Postfix with their socket, so there "
               "is nothing to be relayed then.",
        .choices = "auto|strict|as-is"},
};

} // namespace fendmail::app
