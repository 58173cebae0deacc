// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/ascii.hpp"
#include "fendmail/core/smtp/footer.hpp"

#include <fmt/format.h>

namespace fendmail::app {

namespace {

/// RFC 5321 §4.1.1.1, ehlo-keyword.
bool is_ehlo_keyword(std::string_view text)
{
    const auto is_alnum = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    return !text.empty() && is_alnum(text.front()) &&
           std::ranges::all_of(text, [&](char c) { return is_alnum(c) || c == '-'; });
}

} // namespace

void builder::dialog()
{
    smtp::dialog_options& options = out_.runtime.dialog;
    options.hostname = out_.runtime.hostname;
    options.command_limit = number<std::size_t>("dialog", "command_limit");
    options.line_limit_octets = number<std::size_t>("dialog", "line_limit");
    options.helo_required = flag("dialog", "helo_required");
    options.disable_vrfy = flag("dialog", "disable_vrfy");
    options.soft_bounce = flag("dialog", "soft_bounce");
    options.greeting = text("dialog", "banner").text;
    check_banner(text("dialog", "banner"), "dialog.banner");
    options.size_limit_octets = number<std::uint64_t>("dialog", "size_limit");
    out_.runtime.command_time_limit = whole_seconds("dialog", "command_time_limit");
    out_.runtime.command_time_limit_under_stress =
        whole_seconds("dialog", "command_time_limit_under_stress");
    hidden_keywords();
    reject_footer();
    forbidden_commands();
}

std::vector<std::string> builder::ehlo_keywords(const text_item& item, std::string_view key_name)
{
    std::vector<std::string> out;
    for (std::string_view rest = item.text; !rest.empty();) {
        const auto end = rest.find_first_of(" ,\t");
        const std::string_view word = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (word.empty()) continue;
        if (!is_ehlo_keyword(word))
            found(item, key_name,
                  "not an EHLO keyword; write letters, digits and \"-\", such as \"ETRN\"");
        out.push_back(smtp::to_upper(word));
    }
    return out;
}

void builder::hidden_keywords()
{
    for (const text_item& item : get("dialog", "hide_ehlo").texts) {
        if (!is_ehlo_keyword(item.text))
            found(item, "dialog.hide_ehlo",
                  "not an EHLO keyword; write letters, digits and \"-\", such as \"ETRN\"");
        out_.runtime.dialog.hide_ehlo.push_back(smtp::to_upper(item.text));
    }
    constexpr std::string_view name = "dialog.hide_ehlo_from";
    for (const auto& [clients, keywords] : get("dialog", "hide_ehlo_from").pairs) {
        const auto net = parse_network(clients.text);
        if (!net) error(clients, name, net.error());
        auto hidden = ehlo_keywords(keywords, name);
        if (net) out_.runtime.hide_ehlo_from.add(*net, std::move(hidden));
    }
}

void builder::reject_footer()
{
    constexpr std::string_view name = "dialog.reject_footer";
    const text_item& item = text("dialog", "reject_footer");
    std::string& footer = out_.runtime.reject_footer;
    // A line break in the file is as good as the two characters that stand for it.
    for (const char c : item.text)
        if (c == '\n')
            footer += "\\n";
        else
            footer += c;
    if (!is_reply_text(footer))
        found(item, name, "a footer is printable ASCII; write \\n for a new line of the reply");
    if (const auto macro = smtp::unknown_macro(footer); !macro.empty())
        found(item, name,
              fmt::format("${} stands for nothing; there are $client_address, $client_port, "
                          "$localtime and $server_name, and $$ for a $",
                          macro));
}

void builder::forbidden_commands()
{
    for (const text_item& item : get("non_smtp_command", "forbidden").texts)
        if (const auto added = out_.runtime.dialog.forbidden.add(item.text); !added)
            error(item, "non_smtp_command.forbidden", added.error());
}

} // namespace fendmail::app
