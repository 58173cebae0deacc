// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/section_builder.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/io/os/privilege.hpp"

#include <algorithm>

namespace fendmail::app {

bool is_reply_text(std::string_view text)
{
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blank = " \t\r\n";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::filesystem::path section_builder::path_of(place where, std::string_view written) const
{
    return problems_.directory_of(where.file) / written;
}

void section_builder::warn_unless_readable(const text_item& item, std::string_view key_name,
                                           const std::filesystem::path& path)
{
    const server_identity& server = out_.startup.server;
    if (server.user.empty() || io::could_read(server.user, server.groups, path).value_or(true))
        return;
    problems_.warning(item.where,
                      fmt::format("{}: {} (server.user) cannot read {}, so each reload "
                                  "would be refused",
                                  key_name, in_quotes(server.user), in_quotes(path.string())));
}

void section_builder::check_banner(const text_item& item, std::string_view key_name)
{
    // "220-" and <CRLF> stand around it.
    constexpr std::size_t octets_max = limits::reply_line_octets - 6;
    if (!is_reply_text(item.text))
        found(item, key_name, "a banner is one line of printable ASCII");
    else if (item.text.size() > octets_max)
        error(item.where, key_name,
              fmt::format("a banner has at most {} octets, this one has {}", octets_max,
                          item.text.size()));
}

} // namespace fendmail::app
