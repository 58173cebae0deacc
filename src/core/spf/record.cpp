// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/record.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/core/spf/domain.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace fendmail::spf {

namespace {

constexpr std::string_view version = "v=spf1";

constexpr std::array mechanisms{mechanism::all, mechanism::include, mechanism::a,
                                mechanism::mx,  mechanism::ptr,     mechanism::ip4,
                                mechanism::ip6, mechanism::exists};

/// RFC 7208 §7.2: the letters c, r and t are for explanations only, where we do not look.
constexpr std::string_view macro_letters = "slodiphv";
constexpr std::string_view explanation_letters = "slodiphvcrt";
constexpr std::string_view delimiters = ".-+,/_=";

bool is_one_of(char c, std::string_view set) noexcept
{
    return set.find(c) != std::string_view::npos;
}

/// Octets of the macro at the beginning of `text`, which begins with "%"; 0 when it is none.
std::size_t macro_octets(std::string_view text, std::string_view letters) noexcept
{
    if (text.size() < 2) return 0;
    if (text[1] == '%' || text[1] == '_' || text[1] == '-') return 2;
    if (text[1] != '{' || text.size() < 3 || !is_one_of(to_lower(text[2]), letters)) return 0;
    std::size_t at = 3;
    while (at < text.size() && is_digit(text[at]))
        ++at;
    if (at < text.size() && to_lower(text[at]) == 'r') ++at;
    while (at < text.size() && is_one_of(text[at], delimiters))
        ++at;
    return at < text.size() && text[at] == '}' ? at + 1 : 0;
}

struct macro_string {
    bool is_valid = true;
    bool has_macro = false;
    bool ends_in_macro = false;
};

macro_string scan(std::string_view text, std::string_view letters) noexcept
{
    macro_string found;
    while (!text.empty()) {
        found.ends_in_macro = text.front() == '%';
        std::size_t octets = 1;
        if (found.ends_in_macro) {
            octets = macro_octets(text, letters);
            found.has_macro = true;
        } else if (text.front() < 0x21 || text.front() > 0x7e) {
            octets = 0;
        }
        if (octets == 0) return {.is_valid = false};
        text.remove_prefix(octets);
    }
    return found;
}

/// Letters, digits and inner hyphens, and not digits alone.
bool is_top_label(std::string_view label) noexcept
{
    const auto is_alphanumeric = [](char c) { return is_letter(c) || is_digit(c); };
    return !label.empty() && is_alphanumeric(label.front()) && is_alphanumeric(label.back()) &&
           std::ranges::all_of(label, [&](char c) { return is_alphanumeric(c) || c == '-'; }) &&
           !std::ranges::all_of(label, is_digit);
}

result<target> parse_target(std::string_view text)
{
    const macro_string found = scan(text, macro_letters);
    if (!found.is_valid) return error::bad_spf_macro;
    if (!found.ends_in_macro) {
        std::string_view name = text;
        if (name.ends_with('.')) name.remove_suffix(1);
        const auto dot = name.rfind('.');
        if (dot == std::string_view::npos || !is_top_label(name.substr(dot + 1)))
            return error::bad_domain;
    }
    return target{found.has_macro ? std::string{text} : canonical_name(text), found.has_macro};
}

/// A decimal number without leading zeros.
std::optional<std::uint8_t> parse_length(std::string_view text, unsigned most) noexcept
{
    if (text.empty() || !is_digit(text.front()) || (text.size() > 1 && text.front() == '0'))
        return std::nullopt;
    unsigned value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, value);
    if (fault != std::errc{} || stop != end || value > most) return std::nullopt;
    return static_cast<std::uint8_t>(value);
}

/// Takes the dual-cidr-length off the end of `text`.
bool cut_prefix_lengths(std::string_view& text, directive& out) noexcept
{
    // A domain may hold slashes, but not behind its last dot or macro.
    const auto end_of_name = text.find_last_of(".}");
    const auto begin = text.find('/', end_of_name == std::string_view::npos ? 0 : end_of_name + 1);
    if (begin == std::string_view::npos) return true;
    const std::string_view lengths = text.substr(begin);
    text = text.substr(0, begin);
    const auto two = lengths.find("//");
    if (two != 0) {
        const auto v4 = parse_length(lengths.substr(0, two).substr(1), 32);
        if (!v4) return false;
        out.prefix_v4 = *v4;
    }
    if (two != std::string_view::npos) {
        const auto v6 = parse_length(lengths.substr(two + 2), 128);
        if (!v6) return false;
        out.prefix_v6 = *v6;
    }
    return true;
}

result<std::optional<network>> parse_net(std::string_view text, bool as_v6) noexcept
{
    const auto slash = text.find('/');
    const auto address_text = text.substr(0, slash);
    const auto address = parse_address(address_text);
    const bool written_as_v6 = address_text.find(':') != std::string_view::npos;
    if (!address || written_as_v6 != as_v6) return error::bad_address;
    std::uint8_t length = as_v6 ? 128 : 32;
    if (slash != std::string_view::npos) {
        const auto written = parse_length(text.substr(slash + 1), length);
        if (!written) return error::bad_prefix_length;
        length = *written;
    }
    // RFC 7208 §5: an IPv4 client is never compared with ip6, also not in its mapped form.
    if (as_v6 && address->is_v4()) return std::optional<network>{};
    // Unlike in our own files, bits behind the prefix do not matter (RFC 7208 §5.6).
    return std::optional{network{address->masked(length), length}};
}

class parser {
public:
    parsed_record parse(std::string_view text)
    {
        text.remove_prefix(version.size());
        while (!text.empty()) {
            const auto end = std::min(text.find(' '), text.size());
            const std::string_view term = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            if (term.empty()) continue;
            const auto why = read(term);
            if (why) return record_fault{*why, std::string{term}};
        }
        return std::move(out_);
    }

private:
    /// Why the term is none.
    std::optional<error> read(std::string_view term)
    {
        const auto end = std::min(term.find_first_of(":/="), term.size());
        if (end < term.size() && term[end] == '=')
            return read_modifier(term.substr(0, end), term.substr(end + 1));
        directive one;
        one.text = term;
        one.qualifier = cut_qualifier(term);
        const auto name_end = std::min(term.find_first_of(":/"), term.size());
        const auto* const found = std::ranges::find_if(mechanisms, [&](mechanism m) {
            return equals_ignoring_case(to_string(m), term.substr(0, name_end));
        });
        if (found == mechanisms.end()) return error::bad_spf_term;
        one.mechanism = *found;
        const auto why = read_arguments(one, term.substr(name_end));
        if (!why) out_.directives.push_back(std::move(one));
        return why;
    }

    static qualifier cut_qualifier(std::string_view& term) noexcept
    {
        const char sign = term.front();
        if (sign == '+' || sign == '-' || sign == '~' || sign == '?') term.remove_prefix(1);
        switch (sign) {
        case '-': return qualifier::fail;
        case '~': return qualifier::soft_fail;
        case '?': return qualifier::neutral;
        default: return qualifier::pass;
        }
    }

    /// @param text "", ":domain", "/24" and so on
    static std::optional<error> read_arguments(directive& one, std::string_view text)
    {
        switch (one.mechanism) {
        case mechanism::all:
            return text.empty() ? std::nullopt : std::optional{error::bad_spf_term};
        case mechanism::include:
        case mechanism::exists: return read_target(one, text, true);
        case mechanism::ptr: return read_target(one, text, false);
        case mechanism::a:
        case mechanism::mx:
            if (!cut_prefix_lengths(text, one)) return error::bad_prefix_length;
            return read_target(one, text, false);
        case mechanism::ip4:
        case mechanism::ip6: break;
        }
        if (!text.starts_with(':')) return error::bad_address;
        const auto net = parse_net(text.substr(1), one.mechanism == mechanism::ip6);
        if (!net) return net.error();
        one.net = *net;
        return std::nullopt;
    }

    static std::optional<error> read_target(directive& one, std::string_view text, bool required)
    {
        if (text.empty() && !required) return std::nullopt;
        if (!text.starts_with(':')) return required ? error::bad_domain : error::bad_spf_term;
        auto parsed = parse_target(text.substr(1));
        if (!parsed) return parsed.error();
        one.target = std::move(*parsed);
        return std::nullopt;
    }

    std::optional<error> read_modifier(std::string_view name, std::string_view value)
    {
        const bool is_name =
            !name.empty() && is_letter(name.front()) && std::ranges::all_of(name, [](char c) {
                return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
            });
        if (!is_name) return error::bad_spf_term;
        const bool is_redirect = equals_ignoring_case(name, "redirect");
        const bool is_explanation = equals_ignoring_case(name, "exp");
        if (!is_redirect && !is_explanation) {
            if (!scan(value, explanation_letters).is_valid) return error::bad_spf_macro;
            return std::nullopt;
        }
        if (is_redirect ? out_.redirect.has_value() : std::exchange(has_explanation_, true))
            return error::repeated_spf_term;
        auto parsed = parse_target(value);
        if (!parsed) return parsed.error();
        if (is_redirect) out_.redirect = std::move(*parsed);
        return std::nullopt;
    }

    record out_;
    bool has_explanation_ = false;
};

} // namespace

std::string_view to_string(qualifier q) noexcept
{
    switch (q) {
    case qualifier::pass: return "+";
    case qualifier::fail: return "-";
    case qualifier::soft_fail: return "~";
    case qualifier::neutral: return "?";
    }
    return "unknown qualifier";
}

std::string_view to_string(mechanism m) noexcept
{
    switch (m) {
    case mechanism::all: return "all";
    case mechanism::include: return "include";
    case mechanism::a: return "a";
    case mechanism::mx: return "mx";
    case mechanism::ptr: return "ptr";
    case mechanism::ip4: return "ip4";
    case mechanism::ip6: return "ip6";
    case mechanism::exists: return "exists";
    }
    return "unknown mechanism";
}

bool asks_dns(mechanism m) noexcept
{
    switch (m) {
    case mechanism::include:
    case mechanism::a:
    case mechanism::mx:
    case mechanism::ptr:
    case mechanism::exists: return true;
    case mechanism::all:
    case mechanism::ip4:
    case mechanism::ip6: break;
    }
    return false;
}

bool is_record(std::string_view text) noexcept
{
    if (!equals_ignoring_case(text.substr(0, version.size()), version)) return false;
    return text.size() == version.size() || text[version.size()] == ' ';
}

parsed_record parse_record(std::string_view text)
{
    FENDMAIL_ASSERT(is_record(text));
    return parser{}.parse(text);
}

} // namespace fendmail::spf
