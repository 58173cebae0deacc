// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/app/migrate/pattern_table.hpp"
#include "fendmail/core/smtp/forbidden_commands.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

class forbidden_finder {
public:
    forbidden_finder(conversion& c, remark_sink& remarks)
        : c_{c}
        , remarks_{remarks}
    {
    }

    std::vector<std::string> find(std::string_view list)
    {
        for (const std::string& word : split_list(list)) {
            if (word.starts_with('!') || word.starts_with('/'))
                remarks_.add(0, fmt::format("\"{}\" cannot be translated: left out", word));
            else if (const auto table = parse_table_name(word))
                add_table(*table);
            else
                add(word);
        }
        return out_;
    }

private:
    /// A verb, or a pattern in RE2's syntax.
    void add(std::string text, unsigned line = 0)
    {
        // In fendmail.toml "${" would name an environment variable.
        const bool can_be_written =
            text.find("${") == std::string::npos &&
            std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
        if (!can_be_written || !smtp::forbidden_commands{}.add(text))
            remarks_.add(line, "a pattern that RE2 does not know, or no verb: left out");
        else if (std::ranges::find(out_, text) == out_.end())
            out_.push_back(std::move(text));
    }

    void add_table(const table_name& table)
    {
        if (table.kind != table_kind::pattern && table.kind != table_kind::keyed) {
            remarks_.add(0, fmt::format("{} cannot be translated: left out", table.shown()));
            return;
        }
        const auto lines = read_table(table, c_.read, remarks_);
        if (!lines) return;
        if (table.kind == table_kind::keyed) {
            for (const keyed_entry& entry : parse_entries(table, *lines, remarks_))
                add(entry.key, entry.line);
            return;
        }
        for (const plain_pattern& pattern : plain_patterns(*lines, remarks_))
            add(fmt::format("/{}/", pattern.text), pattern.line);
    }

    conversion& c_;
    remark_sink& remarks_;
    std::vector<std::string> out_;
};

void convert_deep_test(conversion& c, std::string_view section)
{
    const auto name = [&](std::string_view what) {
        return fmt::format("postscreen_{}_{}", section, what);
    };
    const std::string enable = name("enable"), action = name("action"), ttl = name("ttl");
    c.put(section, "enable", c.flag(enable) ? "true" : "false", {enable});
    c.put(section, "action", fmt::format("\"{}\"", c.action(action)), {action});
    c.put_span(section, "ttl", c.span(ttl, 'd'), {ttl});
}

} // namespace

void convert_tests(conversion& c)
{
    const std::string teaser = c.banner("postscreen_greet_banner");
    if (teaser.empty()) {
        c.put("greet", "wait", "\"0s\"", {"postscreen_greet_banner"},
              {{"An empty banner turns the pregreet test off.", false}});
    } else {
        c.put("greet", "banner", toml_text(teaser), {"postscreen_greet_banner"});
        c.put_span("greet", "wait", c.span("postscreen_greet_wait", 's'),
                   {"postscreen_greet_wait"});
        c.put_span("greet", "wait_under_stress", c.span("postscreen_greet_wait", 's', "yes"),
                   {"postscreen_greet_wait"});
    }
    c.put("greet", "action", fmt::format("\"{}\"", c.action("postscreen_greet_action")),
          {"postscreen_greet_action"});
    c.put_span("greet", "ttl", c.span("postscreen_greet_ttl", 'd'), {"postscreen_greet_ttl"});

    for (const std::string_view test : {"pipelining", "non_smtp_command", "bare_newline"})
        convert_deep_test(c, test);
    remark_sink sink{c.out.remarks, c.place_of("postscreen_forbidden_commands")};
    const auto forbidden = forbidden_finder{c, sink}.find(c.text("postscreen_forbidden_commands"));
    c.put("non_smtp_command", "forbidden", toml_list(forbidden), {"postscreen_forbidden_commands"});
    c.out.put("deep", "after", "\"retry\"",
              {{"postscreen's way: who passed the deep tests gets a 450 and has to come back. "
                "With \"relay\", fendmail's own default, it goes on to the backend at once.",
                false}});
}

} // namespace fendmail::app::postscreen
