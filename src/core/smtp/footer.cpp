// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/footer.hpp"

#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace fendmail::smtp {

namespace {

constexpr std::string_view new_line = "\\n";
constexpr std::string_view same_line = "\\c";

constexpr std::array<std::string_view, 4> macro_names{"client_address", "client_port", "localtime",
                                                      "server_name"};

bool is_name_octet(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// A macro at the start of a text.
struct macro {
    std::string_view name;  ///< with all that stands within its braces
    std::size_t octets = 0; ///< of its whole form
};

std::optional<macro> macro_at(std::string_view text) noexcept
{
    if (!text.starts_with('$')) return std::nullopt;
    const bool braced = text.substr(1).starts_with('{');
    const std::string_view rest = text.substr(braced ? 2 : 1);
    const auto end =
        static_cast<std::size_t>(std::ranges::find_if_not(rest, is_name_octet) - rest.begin());
    if (!braced) {
        if (end == 0) return std::nullopt;
        return macro{rest.substr(0, end), end + 1};
    }
    // ${name?text} and the like are no macros here, but were meant as such.
    const auto close = rest.find('}');
    if (close == std::string_view::npos) return std::nullopt;
    return macro{rest.substr(0, close), close + 3};
}

/// Printable ASCII and <HT> stay, as Postfix's smtpd_expansion_filter has it by default.
std::string filtered(std::string_view value)
{
    std::string out{value};
    std::ranges::replace_if(out, [](char c) { return (c < ' ' || c > '~') && c != '\t'; }, '_');
    return out;
}

std::string value_of(std::string_view name, const footer_values& values)
{
    if (name == "client_address") return filtered(values.client_address);
    if (name == "client_port") return std::to_string(values.client_port);
    if (name == "localtime") return filtered(values.localtime);
    if (name == "server_name") return filtered(values.server_name);
    return {};
}

} // namespace

std::string expand_footer(std::string_view text, const footer_values& values)
{
    std::string out;
    while (!text.empty()) {
        if (text.starts_with("$$")) {
            out += '$';
            text.remove_prefix(2);
        } else if (const auto found = macro_at(text)) {
            out += value_of(found->name, values);
            text.remove_prefix(found->octets);
        } else {
            out += text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

std::string_view unknown_macro(std::string_view text)
{
    while (!text.empty()) {
        if (text.starts_with("$$")) {
            text.remove_prefix(2);
        } else if (const auto found = macro_at(text)) {
            if (std::ranges::find(macro_names, found->name) == macro_names.end())
                return found->name;
            text.remove_prefix(found->octets);
        } else {
            text.remove_prefix(1);
        }
    }
    return {};
}

reply with_footer(reply r, std::string_view expanded)
{
    if (expanded.empty() || r.code < 400 || r.lines.empty()) return r;
    bool goes_on = expanded.starts_with(same_line);
    if (goes_on) expanded.remove_prefix(same_line.size());
    for (bool more = true; more;) {
        const auto end = expanded.find(new_line);
        const std::string_view text = expanded.substr(0, end);
        more = end != std::string_view::npos;
        if (more) expanded.remove_prefix(end + new_line.size());
        if (goes_on)
            r.lines.back() += text;
        else
            r.lines.emplace_back(text);
        goes_on = false;
        // RFC 5321 §4.5.3.1.5, with the code, the enhanced code and <CRLF> around the text.
        const std::size_t around = 3 + 1 + r.enhanced.size() + 1 + 2;
        if (r.lines.back().size() + around > limits::reply_line_octets)
            r.lines.back().resize(limits::reply_line_octets - around);
        if (r.lines.size() == limits::reply_lines) break;
    }
    return r;
}

} // namespace fendmail::smtp
