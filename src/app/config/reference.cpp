// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/core/units.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

constexpr std::string_view action_choices = "ignore|enforce|drop";

std::string duration_text(std::int64_t count)
{
    return to_text(milliseconds{count});
}

/// Appends `text` as comment lines of at most 96 columns.
void append_comment(std::string& out, std::string_view text)
{
    constexpr std::size_t width = 96;
    std::string line = "#";
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (line.size() + 1 + end > width) {
            out += line + "\n";
            line = "#";
        }
        line += fmt::format(" {}", text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    out += line + "\n";
}

std::string config_entry(const key& k)
{
    std::string out = "\n";
    append_comment(out, k.doc);
    std::string facts = fmt::format("({}", type_text(k));
    if (!k.reloadable) facts += "; a change needs a restart";
    if (k.since == availability::later)
        facts += "; not built yet in this version, which takes only the default";
    if (k.since == availability::inert) facts += "; without effect in this version";
    append_comment(out, facts + ")");
    if (!k.example.empty()) out += fmt::format("# example: {} = {}\n", k.name, k.example);
    return out + fmt::format("{} = {}\n", k.name, k.default_toml);
}

/// What stands above a table: [dnsbl.list."zen.spamhaus.org"] or [[tls.certificate]].
std::string header_of(const named_section& s, std::string_view name)
{
    if (name.empty()) return fmt::format("[[{}.{}]]", s.section, s.name);
    return fmt::format("[{}.{}.\"{}\"]", s.section, s.name, name);
}

/// Every key of a table, as an example to be made one's own.
std::string named_section_entry(const named_section& s)
{
    std::string out = "\n";
    append_comment(out, s.doc);
    out += fmt::format("# {}\n", header_of(s, s.example));
    for (const key& k : s.keys) {
        append_comment(out,
                       fmt::format("{} ({}; default: {})", k.doc, type_text(k), k.default_toml));
        out += fmt::format("# {} = {}\n", k.name, k.example);
    }
    return out;
}

std::string_view to_string(availability a) noexcept
{
    switch (a) {
    case availability::available: return "yes";
    case availability::later: return "later";
    case availability::inert: return "inert";
    }
    return "?";
}

/// A cell of a table: a bar would end it.
std::string cell(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    return out;
}

constexpr std::string_view table_head = "| key | type | default | reload | available | meaning |\n"
                                        "|---|---|---|---|---|---|\n";

std::string table_row(const key& k)
{
    std::string doc{k.doc};
    if (!k.example.empty()) doc += fmt::format(" Example: `{}`", k.example);
    return fmt::format("| `{}` | {} | `{}` | {} | {} | {} |\n", k.name, type_text(k),
                       cell(k.default_toml), k.reloadable ? "yes" : "no", to_string(k.since),
                       cell(doc));
}

constexpr std::string_view config_head = R"(# SPDX-License-Identifier: Apache-2.0
# fendmail.toml: every key with its default. A key that is left out has the value shown here.
# Durations are "6s", "10m", "12h", "1d" or "2w"; sizes "64KiB", "10MB" or a number of octets.
# "${NAME}" in a string is replaced by that environment variable.
# conf.d/*.toml beside this file are read after it, in lexical order; a key there replaces the
# one here. `fendmail check` says what is wrong, with line and column.
)";

constexpr std::string_view markdown_head =
    R"(<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made from src/app/config/keys.cpp; a unit test compares. Change it there. -->
# Configuration

fendmail reads one TOML file, and then `conf.d/*.toml` beside it in lexical order. Each file says
only what differs from the defaults below. A key in a later file replaces the same key of an
earlier one; arrays and tables are replaced as a whole, never joined. A table with a name of its
own, such as `[dnsbl.list."zen.spamhaus.org"]`, is a section like others. Files in `conf.d` whose
name begins with a dot are not read.

What is unknown, misspelled or of the wrong type is an error, never ignored. `fendmail check`
reports everything at once as `FILE:LINE:COLUMN: error: TEXT`; warnings do not keep fendmail from
starting. The form of a value (its type and range) is checked wherever it stands; what it means is
checked in the value that is left when all files are read.

- **Durations** are strings with a unit: `"6s"`, `"10m"`, `"12h"`, `"1d"`, `"2w"`.
- **Sizes** are strings with a unit, `"64KiB"` or `"10MB"`, or a whole number of octets.
- **Actions**: `"ignore"` notes a failed test and goes on; `"enforce"` lets the client talk to our
  own dialog and refuses its recipients, so that the log shows helo, sender and recipients;
  `"drop"` refuses and closes at once.
- **`${NAME}`** in any string, names in tables included, is replaced by the environment variable
  of that name; one that is not set is an error. Messages show the text as it was written, so a
  secret does not get into a log this way.
- **Access files** hold one network a line; `#` starts a comment. A relative path starts at the
  directory of the file that holds the rule.
- **Reload**: `yes` means that `SIGHUP` puts a change into effect; `no` means that it waits for a
  restart.
- **Available**: keys marked `later` are known but not built yet. Their default is accepted,
  everything else is an error: who asks for a feature must not run without it. Keys marked
  `inert` are details of such a feature: they are accepted with a warning and change nothing.
)";

} // namespace

std::vector<std::string_view> choices_of(const key& k)
{
    std::string_view rest = k.type == key_type::action ? action_choices : k.choices;
    std::vector<std::string_view> out;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('|'), rest.size());
        out.push_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

std::string type_text(const key& k)
{
    switch (k.type) {
    case key_type::text: return "string";
    case key_type::text_list: return "list of strings";
    case key_type::boolean: return "true or false";
    case key_type::integer: return fmt::format("whole number from {} to {}", k.min, k.max);
    case key_type::duration:
        return fmt::format("duration from {} to {}", duration_text(k.min), duration_text(k.max));
    case key_type::size: return fmt::format("size from {} to {} octets", k.min, k.max);
    case key_type::action:
    case key_type::choice: {
        std::string out;
        for (const std::string_view choice : choices_of(k))
            out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", choice);
        return "one of " + out;
    }
    case key_type::text_map: return "table of strings";
    }
    FENDMAIL_ASSERT(false);
    return {};
}

std::string default_config_text()
{
    std::string out{config_head};
    for (const section& s : all_sections()) {
        out += "\n\n";
        append_comment(out, s.doc);
        out += fmt::format("[{}]\n", s.name);
        for (const key& k : all_keys())
            if (k.section == s.name) out += config_entry(k);
        for (const auto all : {all_named_sections(), all_table_lists()})
            for (const named_section& n : all)
                if (n.section == s.name) out += named_section_entry(n);
    }
    return out;
}

static std::string named_section_rows(const named_section& s)
{
    std::string out = fmt::format("\n## {}\n\n{}\n\n", header_of(s, s.placeholder), s.doc);
    out += table_head;
    for (const key& k : s.keys)
        out += table_row(k);
    return out;
}

std::string configuration_markdown()
{
    std::string out{markdown_head};
    for (const section& s : all_sections()) {
        out += fmt::format("\n## [{}]\n\n{}\n\n", s.name, s.doc);
        out += table_head;
        for (const key& k : all_keys())
            if (k.section == s.name) out += table_row(k);
        for (const auto all : {all_named_sections(), all_table_lists()})
            for (const named_section& n : all)
                if (n.section == s.name) out += named_section_rows(n);
    }
    return out;
}

} // namespace fendmail::app
