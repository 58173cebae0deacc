// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

#include <algorithm>

namespace fendmail::app {

namespace {

class recipients_builder : section_builder {
public:
    explicit recipients_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();
};

void recipients_builder::build()
{
    constexpr std::string_view name = "known_recipients.logs";
    auto& logs = out_.runtime.known_recipients.logs;
    const setting& written = get("known_recipients", "logs");
    for (const text_item& item : written.texts) {
        const auto path = path_of(item).lexically_normal();
        if (item.text.empty() || !path.has_filename())
            found(item, name, "not a file; write one such as /var/log/mail.log");
        else if (std::ranges::find(logs, path) != logs.end())
            found(item, name, "the same file twice");
        else
            logs.push_back(path);
    }
    constexpr auto most = known_recipients_options::logs_max;
    if (written.texts.size() > most)
        error(
            written.where, name,
            fmt::format("at most {} files can be followed, found {}", most, written.texts.size()));
}

} // namespace

const section_source recipients_section{
    {"known_recipients", "Hosts that take our outgoing mail, from the logs of mail servers."},
    [](section_rows& keys) {
        keys.built("logs", key_type::text_list, "[]",
                   {.doc = "Log files of Postfix or Exim that are followed, through rotations: the "
                           "hosts to which they tell that a mail was sent are known. [] = off. An "
                           "access rule that matches comes first. server.user has to be able to "
                           "read them (server.groups = [\"adm\"] on Debian).",
                    .example = R"(["/var/log/mail.log"])"});
        keys.add("skip", [](runtime_config& c) -> auto& { return c.screening.known_recipients; },
                 {.doc =
                      "What they are spared: all tests, as if a rule permitted them, or the deep "
                      "tests alone. With \"all\" whoever gets a bounce from you is let in."});
        keys.add("ttl", [](runtime_config& c) -> auto& { return c.known_recipients.ttl; },
                 {.doc = "How long a host is known after the last mail that it took.",
                  .min = 60'000,
                  .max = 3650 * 86'400'000LL});
    },
    build_with<recipients_builder>,
};

} // namespace fendmail::app
