// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/choice.hpp"
#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/smtp/backend_trouble.hpp"
#include "fendmail/core/smtp/replay_dialog.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Section [backend]: the mail server behind us.
namespace fendmail::app {

enum class backend_kind : std::uint8_t { postfix_pass, proxy_v2, proxy_v1, xclient, plain };
inline constexpr std::array backend_kinds{
    choice{backend_kind::postfix_pass, "postfix-pass"},
    choice{backend_kind::proxy_v2, "proxy-v2"},
    choice{backend_kind::proxy_v1, "proxy-v1"},
    choice{backend_kind::xclient, "xclient"},
    choice{backend_kind::plain, "plain"},
};
[[nodiscard]] constexpr const auto& choice_table(backend_kind) noexcept
{
    return backend_kinds;
}
/// As written in the configuration: "postfix-pass".
[[nodiscard]] constexpr std::string_view to_string(backend_kind k) noexcept
{
    return text_of(k);
}

using backend_data = smtp::data_policy;

struct backend_options {
    backend_kind kind = backend_kind::proxy_v2;
    std::string address = "127.0.0.1:10025"; ///< as written, for logs
    endpoint tcp{};                          ///< when `unix_path` and `host` are empty
    std::optional<dns::named_host> host{};   ///< where it is, its lookup knows
    std::string unix_path;
    milliseconds connect_timeout{5000};
    milliseconds greeting_timeout{30000};
    milliseconds idle_timeout{600000};
    /// Of sessions that go on from our dialog and came to us encrypted.
    smtp::backend_tls tls = smtp::backend_tls::none;
    backend_data data = backend_data::automatic;

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add(
            "kind", &backend_options::kind,
            {.doc =
                 "How a client reaches the mail server: its live socket goes to Postfix's `pass` "
                 "service, or the session is relayed with a PROXY header, with XCLIENT, or as it "
                 "is (then the server sees our address)."});
        keys.add(
            "address", &backend_options::address,
            {.doc =
                 "\"address:port\", \"[v6]:port\" or \"unix:/path\"; postfix-pass needs "
                 "\"unix:/path\". A name in place of the address, as in \"mta.internal:10025\", is "
                 "looked up like any program's, in /etc/hosts and DNS, and again when its TTL is "
                 "over (5 s to 5 min); its addresses are tried in turn. Until it is found, clients "
                 "get 421.",
             .example = R"("unix:/var/spool/postfix/public/smtpd")",
             .is_one_line = true});
        keys.add("connect_timeout", &backend_options::connect_timeout,
                 {.doc = "Longest wait for the connection to the backend.",
                  .min = 1,
                  .max = 10 * spans::minute});
        keys.add("greeting_timeout", &backend_options::greeting_timeout,
                 {.doc = "Longest wait for the backend's greeting.",
                  .min = 1,
                  .max = 10 * spans::minute});
        keys.add(
            "idle_timeout", &backend_options::idle_timeout,
            {.doc = "A relayed session ends after this long without an octet in either direction.",
             .min = 1,
             .max = spans::day});
        keys.add(
            "tls", &backend_options::tls,
            {.doc =
                 "A client that has spoken TLS with us and goes on to the backend behind its deep "
                 "tests: whether that way is encrypted too, with any certificate. A client that is "
                 "handed off before our dialog speaks TLS with the backend itself."});
        keys.add(
            "data", &backend_options::data,
            {.doc =
                 "Relayed mail against SMTP smuggling. strict: only <CRLF>.<CRLF> ends a message; "
                 "a line of one dot that is none, but for some servers, gets a second dot, and "
                 "bare "
                 "<CR>s and <LF>s are else left to the backend; as-is: octets pass unseen; auto: "
                 "strict for clients that go on from our dialog behind their deep tests, as-is for "
                 "others. postfix-pass hands known clients to Postfix with their socket, so there "
                 "is nothing to be relayed then."});
    }
};
/// What happens when the backend is told nothing about its clients; "" with any other kind.
[[nodiscard]] std::string hazard_of_plain(const backend_options& to);

} // namespace fendmail::app
