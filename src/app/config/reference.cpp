// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/core/units.hpp"
#include "reference_texts.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

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
    append_comment(out, facts + ")");
    if (!k.example.empty()) out += fmt::format("# example: {} = {}\n", k.name, k.example);
    return out + fmt::format("{} = {}\n", k.name, k.default_toml);
}

/// Every key of a table, as an example to be made one's own.
std::string named_section_entry(const named_section& s)
{
    std::string out = "\n";
    append_comment(out, s.doc);
    out += fmt::format("# {}\n", s.header(s.example));
    for (const key& k : s.keys) {
        if (s.is_of_section(k)) continue;
        append_comment(out,
                       fmt::format("{} ({}; default: {})", k.doc, type_text(k), k.default_toml));
        out += fmt::format("# {} = {}\n", k.name, k.example);
    }
    return out;
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

constexpr std::string_view table_head = "| key | type | default | reload | meaning |\n"
                                        "|---|---|---|---|---|\n";

std::string table_row(const key& k)
{
    std::string doc{k.doc};
    if (!k.example.empty()) doc += fmt::format(" Example: `{}`", k.example);
    return fmt::format("| `{}` | {} | `{}` | {} | {} |\n", k.name, type_text(k),
                       cell(k.default_toml), k.reloadable ? "yes" : "no", cell(doc));
}

constexpr std::string_view config_head = R"(# SPDX-License-Identifier: Apache-2.0
# fendmail.toml: every key with its default. A key that is left out has the value shown here.
# Durations are "6s", "10m", "12h", "1d" or "2w"; sizes "64KiB", "10MB" or a number of octets.
# "${NAME}" in a string is replaced by that environment variable.
# conf.d/*.toml beside this file are read after it, in lexical order; a key there replaces the
# one here, and a variable of the environment both: FENDMAIL_BACKEND_ADDRESS is backend.address.
# `fendmail check` says what is wrong, with line and column; `fendmail config` what is in effect.
)";

constexpr std::string_view markdown_head =
    R"(<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made by `fendmail reference` from what app/config/sections/ says; a unit test compares. -->
# Configuration

)";

} // namespace

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
    case key_type::choice: {
        std::string out;
        for (const std::string_view choice : k.choices)
            out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", choice);
        return "one of " + out;
    }
    case key_type::text_map: return "table of strings";
    case key_type::number_map:
        return fmt::format("table of whole numbers from {} to {}", k.min, k.max);
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
    std::string out = fmt::format("\n## {}\n\n{}\n\n", s.header(s.placeholder), s.doc);
    out += table_head;
    for (const key& k : s.keys)
        if (!s.is_of_section(k)) out += table_row(k);
    return out;
}

std::string configuration_markdown()
{
    std::string out{markdown_head};
    out += reference_head;
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
