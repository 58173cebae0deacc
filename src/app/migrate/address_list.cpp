// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/address_list.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

/// A file may name files; none nests deeper.
constexpr unsigned file_depth_max = 5;

class list_parser {
public:
    list_parser(const file_reader& read, remark_sink& remarks)
        : read_{read}
        , remarks_{remarks}
    {
    }

    void take(std::string_view text, bool is_member, unsigned line, unsigned depth)
    {
        for (const std::string& word : split_list(text)) {
            std::string_view item = word;
            bool member = is_member;
            for (; item.starts_with('!'); item.remove_prefix(1))
                member = !member;
            if (item.starts_with('/'))
                take_file(std::string(item), member, depth);
            else if (!item.starts_with('[') && item.find(':') != std::string_view::npos)
                take_table(item, member, line);
            else
                take_pattern(item, member, line);
        }
    }

    std::vector<address_pattern> finish() && { return std::move(out_); }

private:
    void take_file(const std::string& path, bool member, unsigned depth)
    {
        std::string why;
        const auto text = depth < file_depth_max ? read_(path, why) : std::nullopt;
        if (!text) {
            remarks_.add(0, fmt::format("cannot read {}: {}", path,
                                        why.empty() ? "files name each other" : why));
            lose(member);
            return;
        }
        for (const logical_line& line : logical_lines(*text))
            take(line.text, member, 0, depth + 1);
    }

    void take_table(std::string_view item, bool member, unsigned line)
    {
        if (parse_address(item)) {
            remarks_.add(line, fmt::format("{}: Postfix wants [] around it: left out", item));
            lose(member);
            return;
        }
        const auto table = parse_table_name(item);
        const auto rules = read_network_table(*table, read_, remarks_);
        if (!rules) return lose(member);
        for (const network_rule& rule : *rules)
            for (const network& net : rule.nets)
                out_.push_back({member, net});
    }

    void take_pattern(std::string_view item, bool member, unsigned line)
    {
        const auto net = parse_pattern(item);
        if (!net) {
            remarks_.add(line, fmt::format("\"{}\" matches no address: left out ({})", item,
                                           message(net.error())));
            // A name matches no client in Postfix either; a wrong mask ends its search.
            if (net.error() != error::bad_address) lose(member);
            return;
        }
        // Debian's own main.cf has one of these.
        if (!is_mapped_pattern(item, *net)) out_.push_back({member, *net});
    }

    void lose(bool member) { out_.push_back({member, {}, true}); }

    const file_reader& read_;
    remark_sink& remarks_;
    std::vector<address_pattern> out_;
};

} // namespace

std::vector<address_pattern> parse_address_list(std::string_view text, const file_reader& read,
                                                remark_sink& remarks)
{
    list_parser parser{read, remarks};
    parser.take(text, true, 0, 0);
    return std::move(parser).finish();
}

bool has_lost(const std::vector<address_pattern>& list)
{
    return std::ranges::any_of(list, [](const address_pattern& p) { return p.is_lost; });
}

std::vector<network> members(const std::vector<address_pattern>& list)
{
    network_set excluded;
    network_set taken;
    std::vector<network> out;
    for (const address_pattern& pattern : list) {
        // It is not known what it excludes, nor therefore whether what follows belongs to it.
        if (pattern.is_lost && !pattern.is_member) break;
        if (pattern.is_lost) continue;
        if (!pattern.is_member) {
            excluded.add(pattern.net);
            continue;
        }
        for (const network& part : excluded.rest_of(pattern.net)) {
            if (taken.covers(part)) continue;
            taken.add(part);
            out.push_back(part);
        }
    }
    return out;
}

} // namespace fendmail::app::postscreen
