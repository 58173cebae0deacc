// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "keys_units.hpp"

#include <array>

/// The keys of [log]. Private to keys.cpp.
namespace fendmail::app {

inline constexpr std::array log_keys{
    key{.section = "log",
        .name = "format",
        .type = key_type::choice,
        .default_toml = R"("postscreen")",
        .doc = "postscreen's phrases, which fail2ban and log analysers know, or JSON, or "
               "key=value pairs.",
        .choices = "postscreen|json|logfmt"},
    key{.section = "log",
        .name = "respectful",
        .type = key_type::boolean,
        .default_toml = "true",
        .doc = "In postscreen's format, ALLOWLISTED and DENYLISTED; false = the words of Postfix "
               "before 3.6, for log analysers that know no others."},
    key{.section = "log",
        .name = "target",
        .default_toml = R"("stderr")",
        .doc = "\"stderr\" (when that is systemd's journal: as \"journald\"), \"syslog\", "
               "\"journald\" or \"file:/path\".",
        .example = R"("file:/var/log/fendmail.log")"},
    key{.section = "log",
        .name = "ident",
        .default_toml = R"("fendmail")",
        .doc = "The program name in log lines; \"postfix/postscreen\" lets fail2ban's own filter "
               "match, and lines of Postfix's helpers then have theirs, \"postfix/dnsblog\".",
        .example = R"("postfix/postscreen")"},
    key{.section = "log",
        .name = "summary",
        .type = key_type::boolean,
        .default_toml = "true",
        .doc =
            "The SUMMARY line of each session (event session_ended); log analysers that know only "
            "postscreen report it as unmatched."},
};

} // namespace fendmail::app
