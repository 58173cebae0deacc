// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/listen_address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Section [admin]: HTTP for health, metrics and the admin page.
namespace fendmail::app {

/// What a start takes once.
struct admin_place {
    static constexpr std::uint16_t default_port = 8025;

    std::optional<listen_address> listen =
        listen_address{{ip_address::v4({127, 0, 0, 1}), default_port}, {}}; ///< none = off
    std::vector<std::string> hosts{}; ///< besides localhost and addresses
    /// For the command line; "" = `default_socket` where that can be.
    std::string socket{};

    static constexpr const char* default_socket = "/run/fendmail/admin.sock";

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add("listen", &admin_place::listen,
                 {.doc = "Where /livez, /readyz, /metrics and `fendmail healthcheck` are answered: "
                         "\"address:port\" or \"unix:/path\"; \"\" = off.",
                  .is_one_line = true});
        keys.add("hosts", &admin_place::hosts,
                 {.doc = "Names under which it may be asked over TCP, besides localhost and "
                         "addresses: a request with another Host gets 403, or a web page could "
                         "have a browser on this machine read what is here.",
                  .example = R"(["fendmail.internal"])"});
        keys.add("socket", &admin_place::socket,
                 {.doc = "UNIX socket for commands such as `fendmail status`: root and the user "
                         "that fendmail runs as may do all there, others whom its mode lets in may "
                         "read. \"\" = /run/fendmail/admin.sock where that can be made.",
                  .example = R"("/run/fendmail/admin.sock")",
                  .is_one_line = true});
    }
    friend bool operator==(const admin_place&, const admin_place&) = default;
};

struct admin_options {
    bool ready_without_backend = false; ///< what /readyz says while the backend is down
    std::string read_token;             ///< what token_file held; "" = there is none
    std::string admin_token;            ///< what admin_token_file held; "" = there is none

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add(
            "ready_without_backend", &admin_options::ready_without_backend,
            {.doc =
                 "Say ready although the backend could not take the last client. For a host whose "
                 "supervisor would restart fendmail for that, or takes it out of service though "
                 "nobody else is there."});
        keys.built("token_file", key_type::text, R"("")",
                   {.doc = "File with the token that reads over TCP (status, sessions, lists), one "
                           "line of 16 octets or more; a relative path starts at the file that "
                           "holds this. \"\" = only admin_token_file's reads. Health and metrics "
                           "need none.",
                    .example = R"("/etc/fendmail/admin-read.token")",
                    .is_one_line = true});
        keys.built("admin_token_file", key_type::text, R"("")",
                   {.doc = "File with the token that reads and changes over TCP, in the same form; "
                           "\"\" = nothing can be changed over TCP.",
                    .example = R"("/etc/fendmail/admin.token")",
                    .is_one_line = true});
    }
};

} // namespace fendmail::app
