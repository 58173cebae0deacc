// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/client_origin.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <charconv>
#include <fmt/format.h>
#include <system_error>

namespace fendmail::acl {

namespace {

constexpr std::string_view country_mark = "country:";
constexpr std::string_view asn_mark = "asn:";

} // namespace

bool is_origin_text(std::string_view text) noexcept
{
    return text.starts_with(country_mark) || text.starts_with(asn_mark);
}

result<origin_pattern> parse_origin(std::string_view text) noexcept
{
    origin_pattern out;
    if (text.starts_with(country_mark)) {
        text.remove_prefix(country_mark.size());
        if (text.size() != out.wanted.country.size()) return error::bad_origin;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (!is_letter(text[i])) return error::bad_origin;
            out.wanted.country[i] = to_upper(text[i]);
        }
        return out;
    }
    if (!text.starts_with(asn_mark)) return error::bad_origin;
    text.remove_prefix(asn_mark.size());
    if (text.starts_with("AS") || text.starts_with("as")) text.remove_prefix(2);
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), out.wanted.asn);
    const bool is_whole = failure == std::errc{} && end == text.data() + text.size();
    if (!is_whole || out.wanted.asn == 0) return error::bad_origin;
    return out;
}

std::string to_text(const origin_pattern& what)
{
    if (what.is_country()) return fmt::format("country:{}", what.wanted.country_text());
    return fmt::format("asn:{}", what.wanted.asn);
}

} // namespace fendmail::acl
