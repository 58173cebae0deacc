// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "fendmail/app/config/access_files.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace fendmail::app {

namespace {

/// Of a token: fewer could be guessed, and no more fit into a header field.
constexpr std::size_t token_octets_min = 16;
constexpr std::size_t token_octets_max = 512;

/// RFC 6750 §2.1: what may stand behind "Bearer".
bool is_bearer_token(std::string_view text)
{
    const auto padding = text.find_last_not_of('=');
    if (padding == std::string_view::npos) return false;
    constexpr std::string_view others = "-._~+/";
    return std::ranges::all_of(text.substr(0, padding + 1), [&](char c) {
        return is_letter(c) || is_digit(c) || others.find(c) != std::string_view::npos;
    });
}

class admin_builder : section_builder {
public:
    explicit admin_builder(const section_builder& from)
        : section_builder{from}
    {
    }

    void build()
    {
        socket();
        admin_options& admin = out_.runtime.admin;
        admin.read_token = token("token_file");
        admin.admin_token = token("admin_token_file");
        if (!admin.read_token.empty() && admin.read_token == admin.admin_token)
            problems_.warning(text("admin", "token_file").where,
                              "admin.token_file: admin_token_file holds the same token, so whoever "
                              "reads may change as well");
    }

private:
    void socket();
    [[nodiscard]] std::string token(std::string_view key_name);
    void look_at_file(const text_item& item, std::string_view name,
                      const std::filesystem::path& path);
};

void admin_builder::socket()
{
    const text_item& item = text("admin", "socket");
    constexpr std::string_view name = "admin.socket";
    if (item.text.empty()) return;
    const auto& listen = out_.startup.admin.listen;
    if (!item.text.starts_with('/') || item.text.size() > limits::unix_path_octets)
        found(item, name,
              fmt::format("write an absolute path of at most {} octets", limits::unix_path_octets));
    else if (listen && listen->unix_path == item.text)
        found(item, name, "admin.listen is there already; leave one of them out");
}

/// The one in the file that the key names; "" when it names none, or there was an error.
std::string admin_builder::token(std::string_view key_name)
{
    const text_item& item = text("admin", key_name);
    if (item.text.empty()) return {};
    const auto name = fmt::format("admin.{}", key_name);
    const auto path = path_of(item);
    std::string why;
    const auto content = read_file(path, why);
    if (!content) {
        found(item, name, fmt::format("cannot read: {}", why));
        return {};
    }
    // What is in the file is never shown.
    std::string token{trimmed(*content)};
    if (token.size() < token_octets_min || token.size() > token_octets_max)
        found(item, name,
              fmt::format("a token has {} to {} octets, that in the file has {}; `openssl rand "
                          "-hex 32` makes one",
                          token_octets_min, token_octets_max, token.size()));
    else if (!is_bearer_token(token))
        found(item, name,
              "a token is one line of letters, digits and -._~+/, with nothing else in its file; "
              "`openssl rand -hex 32` makes one");
    else {
        look_at_file(item, name, path);
        return token;
    }
    return {};
}

void admin_builder::look_at_file(const text_item& item, std::string_view name,
                                 const std::filesystem::path& path)
{
    std::error_code unknown; // then there is nothing to be said of it
    const auto mode = std::filesystem::status(path, unknown).permissions();
    if (!unknown && (mode & std::filesystem::perms::others_read) != std::filesystem::perms::none)
        problems_.warning(item.where,
                          fmt::format("{}: every user of this host can read {}; `chmod o-r` helps",
                                      name, in_quotes(path.string())));
    warn_unless_readable(item, name, path);
}

} // namespace

const section_source admin_section{
    {"admin", "HTTP for health, metrics and the admin page."},
    [](section_rows& keys) {
        keys.add_part(&startup_config::admin);
        keys.add_part(&runtime_config::admin);
    },
    build_with<admin_builder>,
};

} // namespace fendmail::app
