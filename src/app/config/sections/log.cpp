// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

namespace fendmail::app {

namespace {

class log_builder : section_builder {
public:
    explicit log_builder(const section_builder& from)
        : section_builder{from}
    {
    }

    void build()
    {
        const text_item& ident = text("log", "ident");
        out_.runtime.log.hostname = out_.runtime.hostname;
        if (ident.text.empty() || !is_reply_text(ident.text) ||
            ident.text.find(' ') != std::string::npos)
            found(ident, "log.ident", "write a program name, printable ASCII without spaces");
    }
};

} // namespace

const section_source log_section{
    {"log", "One line for each event."},
    [](section_rows& keys) {
        keys.add("format", [](runtime_config& c) -> auto& { return c.log.format; },
                 {.doc = "postscreen's phrases, which fail2ban and log analysers know, or JSON, or "
                         "key=value pairs."});
        keys.add(
            "respectful", [](runtime_config& c) -> auto& { return c.log.words; },
            {.doc =
                 "In postscreen's format, ALLOWLISTED and DENYLISTED; false = the words of Postfix "
                 "before 3.6, for log analysers that know no others."});
        keys.add("target", [](runtime_config& c) -> auto& { return c.log.target; },
                 {.doc = "\"stderr\" or \"stdout\" (when that is systemd's journal: as "
                         "\"journald\"), \"syslog\", "
                         "\"journald\" or \"file:/path\".",
                  .example = R"("file:/var/log/fendmail.log")",
                  .is_one_line = true});
        keys.add(
            "ident", [](runtime_config& c) -> auto& { return c.log.ident; },
            {.doc =
                 "The program name in log lines; \"postfix/postscreen\" lets fail2ban's own filter "
                 "match, and lines of Postfix's helpers then have theirs, \"postfix/dnsblog\".",
             .example = R"("postfix/postscreen")"});
        keys.add("summary", [](runtime_config& c) -> auto& { return c.log.summary; },
                 {.doc = "The SUMMARY line of each session (event session_ended); log analysers "
                         "that know only "
                         "postscreen report it as unmatched."});
    },
    build_with<log_builder>,
};

} // namespace fendmail::app
