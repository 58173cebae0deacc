// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/forbidden_commands.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <re2/re2.h>

namespace fendmail::smtp {

namespace {

/// Memory of one compiled pattern and its states, in octets.
constexpr std::int64_t pattern_memory = 1 << 20;

RE2::Options pattern_options()
{
    RE2::Options options{RE2::Quiet};
    options.set_case_sensitive(false);
    options.set_encoding(RE2::Options::EncodingLatin1); // a client may send any octet
    options.set_max_mem(pattern_memory);
    return options;
}

/// How many octets a UTF-8 sequence has that starts with `octet`; 0 when none does.
std::size_t sequence_octets(unsigned char octet) noexcept
{
    if (octet < 0x80) return 1;
    if (octet >= 0xc2 && octet < 0xe0) return 2;
    if (octet >= 0xe0 && octet < 0xf0) return 3;
    if (octet >= 0xf0 && octet < 0xf5) return 4;
    return 0;
}

} // namespace

result<void> forbidden_commands::add(std::string_view text)
{
    if (!text.starts_with('/')) {
        if (text.empty() || text.find(' ') != std::string_view::npos) return error::bad_pattern;
        verbs_.emplace_back(text);
        return {};
    }
    if (text.size() < 2 || !text.ends_with('/')) return error::bad_pattern;
    const std::string_view pattern = text.substr(1, text.size() - 2);
    auto compiled = std::make_shared<const RE2>(re2::StringPiece{pattern.data(), pattern.size()},
                                                pattern_options());
    if (!compiled->ok()) return error::bad_pattern;
    patterns_.push_back(std::move(compiled));
    return {};
}

bool forbidden_commands::matches(std::string_view verb) const
{
    const auto is_verb = [&](const std::string& word) { return equals_ignoring_case(word, verb); };
    const auto fits = [&](const std::shared_ptr<const RE2>& pattern) {
        return RE2::PartialMatch(re2::StringPiece{verb.data(), verb.size()}, *pattern);
    };
    return std::ranges::any_of(verbs_, is_verb) || std::ranges::any_of(patterns_, fits);
}

bool is_header_like(std::string_view line) noexcept
{
    // RFC 5322 §3.6.8: a field name is printable ASCII without ":". postscreen looks at the first
    // word alone and so does not see the blanks that RFC 5322 §4.5 lets stand before the colon.
    const auto is_name = [](char c) { return c > ' ' && c < 0x7f && c != ':'; };
    const auto end = std::ranges::find_if_not(line, is_name);
    if (end == line.begin()) return false;
    const auto behind = std::find_if_not(end, line.end(), [](char c) { //
        return c == ' ' || c == '\t';
    });
    return behind != line.end() && *behind == ':';
}

bool is_utf8(std::string_view text) noexcept
{
    while (!text.empty()) {
        const auto first = static_cast<unsigned char>(text.front());
        const std::size_t octets = sequence_octets(first);
        if (octets == 0 || text.size() < octets) return false;
        for (std::size_t i = 1; i < octets; ++i)
            if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80) return false;
        if (octets > 2) {
            // RFC 3629 §3: no overlong forms, no surrogates, nothing above U+10FFFF.
            const auto second = static_cast<unsigned char>(text[1]);
            if (first == 0xe0 && second < 0xa0) return false;
            if (first == 0xed && second >= 0xa0) return false;
            if (first == 0xf0 && second < 0x90) return false;
            if (first == 0xf4 && second >= 0x90) return false;
        }
        text.remove_prefix(octets);
    }
    return true;
}

} // namespace fendmail::smtp
