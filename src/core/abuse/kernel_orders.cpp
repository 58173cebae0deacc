// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/kernel_orders.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <span>

namespace fendmail::abuse {

namespace {

constexpr seconds longest = std::chrono::days{3650};
constexpr unsigned ipv6_bits = 128;

/// Takes the first word, and the space behind it.
std::string_view take_word(std::string_view& line) noexcept
{
    const auto end = std::min(line.find(' '), line.size());
    const auto word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

template <class Number>
bool read_number(std::string_view text, Number& to) noexcept
{
    const auto* const end = text.data() + text.size();
    const auto [at, failure] = std::from_chars(text.data(), end, to);
    return failure == std::errc{} && at == end;
}

/// "held=12" for "held=".
template <class Number>
bool take_named(std::string_view& line, std::string_view name, Number& to) noexcept
{
    auto word = take_word(line);
    if (!word.starts_with(name)) return false;
    word.remove_prefix(name.size());
    return read_number(word, to);
}

bool take_ports(std::string_view& line, std::vector<std::uint16_t>& to)
{
    constexpr std::string_view name = "ports=";
    auto word = take_word(line);
    if (!word.starts_with(name)) return false;
    word.remove_prefix(name.size());
    while (!word.empty()) {
        const auto end = std::min(word.find(','), word.size());
        const auto port = parse_port(word.substr(0, end));
        if (!port || *port == 0 || to.size() == kernel_ports_max) return false;
        to.push_back(*port);
        word.remove_prefix(std::min(end + 1, word.size()));
    }
    return true;
}

std::optional<kernel_order> parse_all(std::string_view line)
{
    kernel_all out;
    if (!take_named(line, "ipv6-prefix=", out.ipv6_prefix) || !take_ports(line, out.ports) ||
        !line.empty() || out.ipv6_prefix == 0 || out.ipv6_prefix > ipv6_bits)
        return std::nullopt;
    return out;
}

std::optional<kernel_order> parse_ban(std::string_view line)
{
    const auto who = parse_address(take_word(line));
    std::int64_t left = 0;
    if (!who || !read_number(line, left) || left < 1 || left > longest.count()) return std::nullopt;
    return kernel_ban{*who, seconds{left}};
}

/// Of a text that may come from the system: one line of it, in ASCII.
std::string cleaned(std::string_view text)
{
    constexpr std::size_t room = 300;
    std::string out{text.substr(0, room)};
    std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, ' ');
    return out;
}

} // namespace

std::string write_line(const kernel_order& what)
{
    struct writer {
        std::string operator()(const kernel_all& all) const
        {
            const std::span some{all.ports.data(), std::min(all.ports.size(), kernel_ports_max)};
            return fmt::format("all ipv6-prefix={} ports={}", all.ipv6_prefix,
                               fmt::join(some, ","));
        }
        std::string operator()(const kernel_end&) const { return "end"; }
        std::string operator()(const kernel_ban& ban) const
        {
            return fmt::format("ban {} {}", to_text(ban.who),
                               std::clamp(ban.left, seconds{1}, seconds{longest}).count());
        }
        std::string operator()(const kernel_unban& ban) const
        {
            return fmt::format("unban {}", to_text(ban.who));
        }
    };
    return std::visit(writer{}, what);
}

std::string write_line(const kernel_state& what)
{
    auto line =
        fmt::format("state held={} missing={} dropped={}", what.held, what.missing, what.dropped);
    if (!what.trouble.empty()) line += fmt::format(" trouble={}", cleaned(what.trouble));
    return line;
}

std::optional<kernel_order> parse_kernel_order(std::string_view line)
{
    if (line.size() > kernel_line_octets) return std::nullopt;
    if (line == "end") return kernel_end{};
    const auto verb = take_word(line);
    if (verb == "ban") return parse_ban(line);
    if (verb == "all") return parse_all(line);
    if (verb == "unban") {
        if (const auto who = parse_address(line)) return kernel_unban{*who};
    }
    return std::nullopt;
}

std::optional<kernel_state> parse_kernel_state(std::string_view line)
{
    kernel_state out;
    if (line.size() > kernel_line_octets || take_word(line) != "state" ||
        !take_named(line, "held=", out.held) || !take_named(line, "missing=", out.missing) ||
        !take_named(line, "dropped=", out.dropped))
        return std::nullopt;
    constexpr std::string_view trouble = "trouble=";
    if (line.starts_with(trouble))
        out.trouble = cleaned(line.substr(trouble.size()));
    else if (!line.empty())
        return std::nullopt;
    return out;
}

} // namespace fendmail::abuse
