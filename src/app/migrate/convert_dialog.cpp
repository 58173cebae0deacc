// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

/// The keywords that Postfix knows; it passes over others in silence.
constexpr std::array<std::string_view, 16> ehlo_keywords{
    "8BITMIME", "AUTH",       "CHUNKING", "DSN",        "ENHANCEDSTATUSCODES",
    "ETRN",     "PIPELINING", "REQTLS",   "REQUIRETLS", "SIZE",
    "SMTPUTF8", "STARTTLS",   "VERP",     "VRFY",       "XCLIENT",
    "XFORWARD"};

std::vector<std::string> keywords_of(std::string_view text)
{
    std::vector<std::string> out;
    for (const std::string& word : split_list(text)) {
        std::string upper = to_upper(word);
        if (upper == "REQTLS") upper = "REQUIRETLS";
        if (std::ranges::find(ehlo_keywords, upper) != ehlo_keywords.end() &&
            std::ranges::find(out, upper) == out.end())
            out.push_back(std::move(upper));
    }
    return out;
}

std::string joined(const std::vector<std::string>& words)
{
    std::string out;
    for (const std::string& word : words)
        out += (out.empty() ? "" : " ") + word;
    return out;
}

/// Networks and what to hide from them; no two have an address in common, because here the longest
/// network decides and in Postfix the first.
std::vector<std::pair<std::string, std::string>> keywords_by_network(conversion& c,
                                                                     const std::string& for_all)
{
    constexpr std::string_view name = "postscreen_discard_ehlo_keyword_address_maps";
    remark_sink sink{c.out.remarks, c.place_of(name)};
    network_set decided; // by an earlier entry
    std::vector<std::pair<std::string, std::string>> out;
    for (const std::string& word : split_list(c.text(name))) {
        const auto table = parse_table_name(word);
        const auto rules = table ? read_network_table(*table, c.read, sink) : std::nullopt;
        if (!rules) {
            c.out.add_leftover({fmt::format("{}: {} was not translated: dialog.hide_ehlo_from",
                                            name, table ? table->shown() : word),
                                true});
            continue;
        }
        for (const network_rule& rule : *rules)
            for (const network& net : rule.nets) {
                const auto words = keywords_of(fmt::format("{} {}", rule.result, for_all));
                for (const network& part : decided.rest_of(net))
                    out.emplace_back(to_text(part), joined(words));
                decided.add(net);
            }
    }
    return out;
}

void convert_keywords(conversion& c)
{
    std::vector<comment> more;
    // Not a keyword to discard in Postfix, so that no table has it.
    const std::string off = c.flag("smtputf8_enable") ? "" : "SMTPUTF8";
    if (!off.empty()) more.push_back({c.source_text("smtputf8_enable"), false});
    const std::string words = c.text("postscreen_discard_ehlo_keywords");
    c.put("dialog", "hide_ehlo", toml_list(keywords_of(fmt::format("{} {}", words, off))),
          {"postscreen_discard_ehlo_keywords"}, std::move(more));
    c.put("dialog", "hide_ehlo_from", toml_table(keywords_by_network(c, off)),
          {"postscreen_discard_ehlo_keyword_address_maps"});
}

/// A raw value that is nothing but "$name" stands for that parameter's raw value.
std::string raw_footer(const conversion& c, std::string_view name)
{
    std::string text = c.values.raw(name).value_or("");
    for (int hops = 0; hops < 3 && text.starts_with('$'); ++hops) {
        std::string_view inside = std::string_view(text).substr(1);
        if (inside.starts_with('{') && inside.ends_with('}'))
            inside = inside.substr(1, inside.size() - 2);
        const bool is_name = !inside.empty() && std::ranges::all_of(inside, is_word_character);
        const auto other = is_name ? c.values.raw(inside) : std::nullopt;
        if (!other) break;
        text = *other;
    }
    return text;
}

/// "${client_address}" and "$(client_address)" as "$client_address", which is all that is needed
/// and does not look like an environment variable.
std::string footer_macros(conversion& c, std::string_view text)
{
    constexpr std::array<std::string_view, 4> known{"client_address", "client_port", "localtime",
                                                    "server_name"};
    std::string out;
    while (!text.empty()) {
        const std::size_t dollar = text.find('$');
        out += text.substr(0, dollar);
        if (dollar == std::string_view::npos) break;
        text.remove_prefix(dollar + 1);
        if (text.starts_with('$')) {
            out += "$$";
            text.remove_prefix(1);
            continue;
        }
        const char open = text.empty() ? '\0' : text.front();
        const char close = open == '{' ? '}' : open == '(' ? ')' : '\0';
        std::string_view name = text.substr(close != '\0' ? 1 : 0);
        name = {name.begin(), std::ranges::find_if_not(name, is_word_character)};
        std::string_view rest = text.substr(name.size() + (close != '\0' ? 1 : 0));
        const bool is_closed = close == '\0' || rest.starts_with(close);
        if (close != '\0' && is_closed) rest.remove_prefix(1);
        // ${name?text} is left out as a whole.
        if (!is_closed) rest.remove_prefix(std::min(rest.find(close), rest.size() - 1) + 1);
        if (!is_closed || std::ranges::find(known, name) == known.end())
            c.warn("postscreen_reject_footer",
                   "a macro that is none of $client_address, $client_port, $localtime, "
                   "$server_name: left out");
        else
            out += fmt::format("${}", name);
        // Without its braces a name would go on into what follows.
        if (close != '\0' && !rest.empty() && is_word_character(rest.front())) out += ' ';
        text = rest;
    }
    return out;
}

void convert_footer(conversion& c)
{
    std::string footer = footer_macros(c, raw_footer(c, "postscreen_reject_footer"));
    for (char& ch : footer)
        if (ch < 0x20 || ch >= 0x7f) ch = '?';
    c.put("dialog", "reject_footer", toml_text(footer), {"postscreen_reject_footer"});
}

} // namespace

void convert_dialog(conversion& c)
{
    c.put("dialog", "banner", toml_text(c.banner("smtpd_banner")), {"smtpd_banner"});
    c.put("dialog", "command_limit",
          fmt::format("{}",
                      c.number_for("postscreen_command_count_limit", "dialog", "command_limit")),
          {"postscreen_command_count_limit"});
    c.put_span("dialog", "command_time_limit", c.span("postscreen_command_time_limit", 's'),
               {"postscreen_command_time_limit"});
    c.put_span("dialog", "command_time_limit_under_stress",
               c.span("postscreen_command_time_limit", 's', "yes"),
               {"postscreen_command_time_limit"});
    c.put("dialog", "line_limit",
          fmt::format("{}", c.number_for("line_length_limit", "dialog", "line_limit")),
          {"line_length_limit"});
    c.put("dialog", "size_limit",
          fmt::format("{}", c.number("message_size_limit", 0, std::int64_t{1} << 62)),
          {"message_size_limit"});
    c.put("dialog", "helo_required", c.flag("postscreen_helo_required") ? "true" : "false",
          {"postscreen_helo_required"});
    c.put("dialog", "disable_vrfy", c.flag("postscreen_disable_vrfy_command") ? "true" : "false",
          {"postscreen_disable_vrfy_command"});
    convert_keywords(c);
    convert_footer(c);
    c.put("dialog", "soft_bounce", c.flag("soft_bounce") ? "true" : "false", {"soft_bounce"});
}

} // namespace fendmail::app::postscreen
