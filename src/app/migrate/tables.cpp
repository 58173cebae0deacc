// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/tables.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

constexpr std::size_t remarks_max = 20;

table_kind kind_of(std::string_view type)
{
    // The compiled ones are made by postmap from a text file of the same name without a suffix.
    constexpr std::array<std::string_view, 8> keyed{"texthash", "hash", "btree", "lmdb",
                                                    "cdb",      "dbm",  "sdbm",  "inline"};
    if (type == "cidr") return table_kind::cidr;
    if (type == "static") return table_kind::fixed;
    if (type == "regexp" || type == "pcre") return table_kind::pattern;
    return std::ranges::find(keyed, type) != keyed.end() ? table_kind::keyed : table_kind::opaque;
}

/// The rules of "{ {rule}, {rule} }".
std::vector<logical_line> inline_rules(std::string_view content, remark_sink& remarks)
{
    std::vector<logical_line> out;
    for (const std::string& word : split_list(content)) {
        if (auto rule = braces_content(word))
            out.push_back({std::move(*rule), 0, false});
        else
            remarks.add(0, "a rule of an inline table is not in {}: left out");
    }
    return out;
}

} // namespace

std::string table_name::shown() const
{
    return fmt::format("{}:{}", type, is_inline() ? "{...}" : name);
}

std::optional<table_name> parse_table_name(std::string_view text)
{
    constexpr std::string_view proxy = "proxy:";
    if (to_lower(text.substr(0, proxy.size())) == proxy) text.remove_prefix(proxy.size());
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    table_name out;
    out.type = to_lower(text.substr(0, colon));
    out.name = text.substr(colon + 1);
    out.kind = kind_of(out.type);
    return out;
}

void remark_sink::add(unsigned line, std::string text)
{
    if (++count_ > remarks_max) return;
    const bool in_file = line != 0 && !file_.empty();
    out_.push_back({in_file ? place{file_, line} : where_, std::move(text)});
}

remark_sink::~remark_sink()
{
    if (count_ > remarks_max)
        out_.push_back({where_, fmt::format("and {} more remarks about {}", count_ - remarks_max,
                                            file_.empty() ? "this table" : file_)});
}

std::optional<std::vector<logical_line>> read_table(const table_name& table,
                                                    const file_reader& read, remark_sink& remarks)
{
    if (table.is_inline()) {
        const auto content = braces_content(table.name);
        if (!content) {
            remarks.add(0, fmt::format("{}: \"}}\" is missing", table.shown()));
            return std::nullopt;
        }
        if (table.type == "inline") return std::vector<logical_line>{{*content, 0, false}};
        return inline_rules(*content, remarks);
    }
    std::string why;
    const auto text = read(table.name, why);
    if (!text) {
        remarks.add(0, fmt::format("cannot read {}: {}", table.name, why));
        return std::nullopt;
    }
    remarks.enter(table.name);
    auto lines = logical_lines(*text);
    std::erase_if(lines, [&](const logical_line& line) {
        if (line.is_orphan)
            remarks.add(line.number, "begins with a blank but continues nothing: left out");
        return line.is_orphan;
    });
    return lines;
}

std::vector<keyed_entry> parse_entries(const table_name& table,
                                       const std::vector<logical_line>& lines, remark_sink& remarks)
{
    std::vector<keyed_entry> out;
    for (const logical_line& line : lines) {
        if (table.is_inline()) {
            for (const std::string& word : split_list(line.text)) {
                const auto pair = split_name_value(braces_content(word).value_or(word));
                if (pair && !pair->value.empty())
                    out.push_back({pair->name, pair->value, 0});
                else
                    remarks.add(0, "an entry of an inline table is not \"key=value\": left out");
            }
        } else if (auto pair = split_key_value(line.text)) {
            out.push_back({std::move(pair->name), std::move(pair->value), line.number});
        } else {
            remarks.add(line.number, "not \"key value\": left out");
        }
    }
    return out;
}

std::optional<std::vector<network_rule>>
read_network_table(const table_name& table, const file_reader& read, remark_sink& remarks)
{
    if (table.kind == table_kind::fixed)
        return std::vector<network_rule>{{{all_v4(), all_v6()}, table.name, 0}};
    if (table.kind == table_kind::pattern || table.kind == table_kind::opaque) {
        remarks.add(0, fmt::format("{} cannot be translated: put its addresses into an access file",
                                   table.shown()));
        return std::nullopt;
    }
    const auto lines = read_table(table, read, remarks);
    if (!lines) return std::nullopt;
    if (table.kind == table_kind::cidr) return parse_cidr_rules(*lines, remarks);

    std::vector<network_rule> out;
    for (keyed_entry& entry : parse_entries(table, *lines, remarks)) {
        const auto address = parse_address(entry.key);
        // Postfix compares text, so only the form that it logs can match.
        if (address && to_text(*address) == to_lower(entry.key))
            out.push_back({{{*address, static_cast<std::uint8_t>(address->bits())}},
                           std::move(entry.result),
                           entry.line});
        else
            remarks.add(entry.line, "the key is no whole address as Postfix writes it, so it "
                                    "matches nobody: left out");
    }
    return out;
}

} // namespace fendmail::app::postscreen
