// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/host_files.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace fendmail::dns {
namespace {

constexpr std::string_view blank = " \t\r\v\f";
constexpr unsigned ndots_max = 15; // RES_MAXNDOTS of libc

/// Takes the first word off a line; "" at its end.
std::string_view take_word(std::string_view& line) noexcept
{
    const auto begin = std::min(line.find_first_not_of(blank), line.size());
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(blank), line.size());
    const auto word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

template <class Each>
void for_each_line(std::string_view text, Each each)
{
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        each(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

bool is_same_name(std::string_view a, std::string_view b) noexcept
{
    return equals_ignoring_case(a, b);
}

void read_options(std::string_view line, resolv_conf& into)
{
    constexpr std::string_view prefix = "ndots:";
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
        if (!word.starts_with(prefix)) continue;
        word.remove_prefix(prefix.size());
        unsigned dots = 0;
        if (std::from_chars(word.data(), word.data() + word.size(), dots).ec == std::errc{})
            into.ndots = std::min(dots, ndots_max);
    }
}

/// "name.localhost" or "localhost", with a dot behind it or without.
bool is_localhost(std::string_view name) noexcept
{
    constexpr std::string_view local = "localhost";
    if (name.size() < local.size() || !is_same_name(name.substr(name.size() - local.size()), local))
        return false;
    return name.size() == local.size() || name[name.size() - local.size() - 1] == '.';
}

} // namespace

resolv_conf parse_resolv_conf(std::string_view text)
{
    resolv_conf found;
    for_each_line(text, [&](std::string_view line) {
        const bool begins_here =
            !line.empty() && blank.find(line.front()) == std::string_view::npos;
        if (!begins_here) return; // resolv.conf(5): keywords begin in the first column
        const auto keyword = take_word(line);
        if (keyword == "nameserver") {
            const auto word = take_word(line);
            if (word.empty() || word.starts_with('#') || word.starts_with(';')) return;
            const auto server = parse_name_server(word);
            if (!server) {
                if (found.unusable.size() < resolv_conf::servers_max)
                    found.unusable.emplace_back(word);
            } else if (found.servers.size() < resolv_conf::servers_max) {
                found.servers.push_back(*server);
            }
        } else if (keyword == "search" || keyword == "domain") { // the last one counts
            found.search.clear();
            for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
                if (word.starts_with('#') || word.starts_with(';')) break;
                if (word != "." && found.search.size() < resolv_conf::search_max)
                    found.search.emplace_back(word);
                if (keyword == "domain") break;
            }
        } else if (keyword == "options") {
            read_options(line, found);
        }
    });
    return found;
}

std::vector<ip_address> find_in_hosts(std::string_view text, std::string_view name)
{
    if (name.ends_with('.')) name.remove_suffix(1);
    std::vector<ip_address> all;
    const auto add = [&all](const ip_address& one) {
        if (std::ranges::find(all, one) == all.end()) all.push_back(one);
    };
    for_each_line(text, [&](std::string_view line) {
        line = line.substr(0, line.find('#'));
        const auto address = parse_address(take_word(line));
        if (!address) return;
        for (auto word = take_word(line); !word.empty(); word = take_word(line))
            if (is_same_name(word, name)) add(*address);
    });
    if (all.empty() && is_localhost(name)) {
        add(ip_address::v4({127, 0, 0, 1}));
        add(ip_address::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
    }
    return all;
}

std::vector<std::string> candidates_of(std::string_view name, const resolv_conf& how)
{
    if (name.ends_with('.')) return {std::string{name.substr(0, name.size() - 1)}};
    std::vector<std::string> all;
    for (std::string_view domain : how.search) {
        if (domain.ends_with('.')) domain.remove_suffix(1);
        all.push_back(fmt::format("{}.{}", name, domain));
    }
    const auto dots = static_cast<unsigned>(std::ranges::count(name, '.'));
    all.insert(dots >= how.ndots ? all.begin() : all.end(), std::string{name});
    return all;
}

} // namespace fendmail::dns
