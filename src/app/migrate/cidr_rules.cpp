// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/tables.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app::postscreen {

namespace {

/// True when the line begins with this word and nothing that could be part of it follows.
bool begins_with_word(std::string_view line, std::string_view lower_word)
{
    if (to_lower(line.substr(0, lower_word.size())) != lower_word) return false;
    return line.size() == lower_word.size() || !is_word_character(line[lower_word.size()]);
}

/// Takes any number of "!" and blanks off the front. @return whether the pattern is negated
bool take_negation(std::string_view& text)
{
    bool negated = false;
    for (; !text.empty() && (text.front() == '!' || blanks.find(text.front()) != blanks.npos);
         text.remove_prefix(1))
        negated = negated != (text.front() == '!');
    return negated;
}

class cidr_parser {
public:
    explicit cidr_parser(remark_sink& remarks)
        : remarks_{remarks}
    {
        domains_.push_back(network_set::everything());
    }

    void take(const logical_line& line)
    {
        std::string_view text = trim(line.text);
        if (begins_with_word(text, "if"))
            open_block(text.substr(2), line.number);
        else if (begins_with_word(text, "endif"))
            close_block(text.substr(5), line.number);
        else
            add_rule(text, line.number);
    }

    std::vector<network_rule> finish() &&
    {
        if (domains_.size() > 1) remarks_.add(0, "IF without ENDIF: it reaches to the end");
        return std::move(out_);
    }

private:
    /// The addresses of the innermost block that the pattern matches.
    std::optional<std::vector<network>> resolve(std::string_view pattern, bool negated,
                                                unsigned line)
    {
        const auto net = parse_pattern(pattern);
        if (!net) {
            remarks_.add(line, fmt::format("{}: left out, as Postfix does", message(net.error())));
            return std::nullopt;
        }
        const network_set& domain = domains_.back();
        if (is_mapped_pattern(pattern, *net)) {
            // A pattern of IPv6, and negated one that every client with IPv6 matches.
            remarks_.add(line, negated
                                   ? "clients have plain IPv4 addresses, so this matches all that "
                                     "come by IPv6, as in Postfix"
                                   : "clients have plain IPv4 addresses, so this matches nobody: "
                                     "left out");
            return negated ? domain.common_with(all_v6()) : std::vector<network>{};
        }
        if (!negated) return domain.common_with(*net);
        network_set taken;
        taken.add(*net);
        std::vector<network> out;
        for (const network& part : taken.rest_of(net->address.is_v4() ? all_v4() : all_v6())) {
            const auto common = domain.common_with(part);
            out.insert(out.end(), common.begin(), common.end());
        }
        return out;
    }

    void open_block(std::string_view pattern, unsigned line)
    {
        const bool negated = take_negation(pattern);
        const auto nets = resolve(trim(pattern), negated, line);
        // Postfix drops a faulty IF alone, and then stumbles over its ENDIF.
        if (!nets) return;
        network_set inner;
        for (const network& net : *nets)
            inner.add(net);
        domains_.push_back(std::move(inner));
    }

    void close_block(std::string_view rest, unsigned line)
    {
        if (!trim(rest).empty())
            remarks_.add(line, "text behind ENDIF: left out, as Postfix does");
        else if (domains_.size() == 1)
            remarks_.add(line, "ENDIF without IF: left out, as Postfix does");
        else
            domains_.pop_back();
    }

    void add_rule(std::string_view text, unsigned line)
    {
        const bool negated = take_negation(text);
        auto pair = split_key_value(text);
        if (!pair)
            return remarks_.add(line, "a pattern without a result: left out, as Postfix does");
        if (auto nets = resolve(pair->name, negated, line))
            out_.push_back({std::move(*nets), std::move(pair->value), line});
    }

    remark_sink& remarks_;
    std::vector<network_set> domains_; ///< of the blocks that are open, the whole first
    std::vector<network_rule> out_;
};

} // namespace

result<network> parse_pattern(std::string_view text)
{
    if (!text.starts_with('[')) return parse_network(text);
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return error::bad_address;
    const std::string_view behind = text.substr(close + 1);
    if (!behind.empty() && !behind.starts_with('/')) return error::bad_address;
    return parse_network(fmt::format("{}{}", text.substr(1, close - 1), behind));
}

bool is_mapped_pattern(std::string_view text, const network& net)
{
    return net.address.is_v4() && text.find(':') != std::string_view::npos;
}

std::vector<network_rule> parse_cidr_rules(const std::vector<logical_line>& lines,
                                           remark_sink& remarks)
{
    cidr_parser parser{remarks};
    for (const logical_line& line : lines)
        parser.take(line);
    return std::move(parser).finish();
}

} // namespace fendmail::app::postscreen
