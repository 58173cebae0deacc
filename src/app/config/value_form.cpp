// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/value_form.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/units.hpp"

namespace fendmail::app {

std::optional<endpoint> text_form<endpoint>::parse(const std::string& text, std::string& why)
{
    return parsed(parse_endpoint(text), why);
}

std::optional<listen_address> text_form<listen_address>::parse(const std::string& text,
                                                               std::string& why)
{
    constexpr std::string_view unix_prefix = "unix:";
    if (!text.starts_with(unix_prefix)) {
        const auto tcp = parsed(parse_endpoint(text), why);
        if (!tcp) return std::nullopt;
        return listen_address{*tcp, {}};
    }
    auto path = text.substr(unix_prefix.size());
    if (path.starts_with('/') && path.size() <= limits::unix_path_octets)
        return listen_address{{}, std::move(path)};
    why = fmt::format("write an absolute path of at most {} octets, \"unix:/path\"",
                      limits::unix_path_octets);
    return std::nullopt;
}

std::optional<io::log_destination> text_form<io::log_destination>::parse(const std::string& text,
                                                                         std::string& why)
{
    auto value = io::parse_log_destination(text);
    if (!value)
        why = "write \"stderr\", \"stdout\", \"syslog\", \"journald\" or \"file:/path\" with an "
              "absolute path";
    return value;
}

std::string text_form<endpoint>::text(const endpoint& value)
{
    return fendmail::to_text(listen_address{value, {}});
}

std::string toml_string(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (octet < 0x20 || octet == 0x7f) {
            out += fmt::format("\\u{:04X}", octet);
        } else {
            out += c;
        }
    }
    out += '"';
    return out;
}

std::string duration_toml(milliseconds value)
{
    constexpr auto in_seconds = std::chrono::minutes{2};
    constexpr auto day = std::chrono::days{1};
    if (value >= day && value % day == milliseconds::zero()) return fmt::format("{}d", value / day);
    if (value < in_seconds && value % seconds{1} == milliseconds::zero())
        return fmt::format("{}s", value / seconds{1});
    return fendmail::to_text(value);
}

} // namespace fendmail::app
