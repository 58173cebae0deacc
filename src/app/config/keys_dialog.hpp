// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "fendmail/core/limits.hpp"
#include "keys_units.hpp"

#include <array>

/// The keys of [dialog]. Private to keys.cpp.
namespace fendmail::app {

inline constexpr std::array dialog_keys{
    key{.section = "dialog",
        .name = "banner",
        .default_toml = R"("")",
        .doc = "The text behind our own \"220 \"; \"\" = hostname and \"ESMTP\".",
        .example = R"("mx1.example.org ESMTP Postfix")"},
    key{.section = "dialog",
        .name = "command_limit",
        .type = key_type::integer,
        .default_toml = "20",
        .doc = "Commands answered in one session.",
        .min = 1,
        .max = 10000},
    key{.section = "dialog",
        .name = "command_time_limit",
        .type = key_type::duration,
        .default_toml = R"("5m")",
        .doc = "Longest wait for one whole command.",
        .min = second,
        .max = hour,
        .step = second},
    key{.section = "dialog",
        .name = "command_time_limit_under_stress",
        .type = key_type::duration,
        .default_toml = R"("10s")",
        .doc = "The same while there are many clients (see limits.screening).",
        .min = second,
        .max = hour,
        .step = second},
    key{.section = "dialog",
        .name = "line_limit",
        .type = key_type::size,
        .default_toml = "2048",
        .doc = "Longest command line, in octets; a longer one ends the session.",
        .min = limits::line_limit_min_octets,
        .max = limits::line_limit_max_octets},
    key{.section = "dialog",
        .name = "helo_required",
        .type = key_type::boolean,
        .default_toml = "false",
        .doc = "Refuse MAIL before HELO or EHLO."},
    key{.section = "dialog",
        .name = "disable_vrfy",
        .type = key_type::boolean,
        .default_toml = "false",
        .doc = "Refuse VRFY."},
    key{.section = "dialog",
        .name = "hide_ehlo",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "EHLO keywords not to offer, neither in our own dialog nor, where sessions are "
               "relayed, "
               "in the backend's replies, as long as it and the client do not speak TLS past us. "
               "postfix-pass gives the socket away: hide them in Postfix as well "
               "(smtpd_discard_ehlo_keywords). Hiding is not refusing: only a session that goes on "
               "behind its deep tests, and any with backend.data = \"strict\", refuses BDAT when "
               "CHUNKING is hidden.",
        .example = R"(["ETRN", "VRFY"])"},
    key{.section = "dialog",
        .name = "hide_ehlo_from",
        .type = key_type::text_map,
        .default_toml = "{}",
        .doc = "Network = keywords not to offer to its clients instead of those in hide_ehlo, with "
               "blanks between them; the longest network that matches decides.",
        .example = R"({ "192.0.2.0/24" = "STARTTLS CHUNKING" })"},
    key{.section = "dialog",
        .name = "size_limit",
        .type = key_type::size,
        .default_toml = "0",
        .doc = "The number behind SIZE in our EHLO reply, in octets; 0 = none. Only shown: our "
               "own dialog takes no mail.",
        .example = R"("10MiB")",
        .max = std::int64_t{1} << 50},
    key{.section = "dialog",
        .name = "reject_footer",
        .default_toml = R"("")",
        .doc =
            "Text behind each 4xx and 5xx of ours, such as where to ask for help. \"\\n\" begins "
            "a new line of the reply, \"\\c\" at the start goes on in the same one; "
            "$client_address, $client_port, $localtime and $server_name are replaced.",
        .example = R"('\c. For help see https://mail.example.org/?ip=$client_address')"},
    key{.section = "dialog",
        .name = "soft_bounce",
        .type = key_type::boolean,
        .default_toml = "false",
        .doc = "4xx instead of 5xx, everywhere: to try out a configuration without losing mail."},
};

} // namespace fendmail::app
