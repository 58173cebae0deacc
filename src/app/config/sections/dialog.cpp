// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/footer.hpp"
#include "fendmail/core/smtp/open_recipients.hpp"
#include "fendmail/core/smtp/rejection.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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

class dialog_builder : section_builder {
public:
    explicit dialog_builder(const section_builder& from)
        : section_builder{from}
    {
    }

    void build()
    {
        smtp::dialog_options& options = out_.runtime.dialog;
        options.hostname = out_.runtime.hostname;
        options.tls = out_.runtime.tls.level;
        check_banner(text("dialog", "banner"), "dialog.banner");
        hidden_keywords();
        reject_footer();
        rejection();
        open_recipients();
    }

private:
    [[nodiscard]] std::vector<std::string> ehlo_keywords(const text_item& item,
                                                         std::string_view key_name);
    void hidden_keywords();
    void reject_footer();
    void rejection();
    void open_recipients();
};

std::vector<std::string> dialog_builder::ehlo_keywords(const text_item& item,
                                                       std::string_view key_name)
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
        out.push_back(to_upper(word));
    }
    return out;
}

void dialog_builder::hidden_keywords()
{
    for (const text_item& item : get("dialog", "hide_ehlo").texts) {
        if (!is_ehlo_keyword(item.text))
            found(item, "dialog.hide_ehlo",
                  "not an EHLO keyword; write letters, digits and \"-\", such as \"ETRN\"");
        out_.runtime.dialog.hide_ehlo.push_back(to_upper(item.text));
    }
    constexpr std::string_view name = "dialog.hide_ehlo_from";
    for (const auto& [clients, keywords] : get("dialog", "hide_ehlo_from").pairs) {
        const auto net = parse_network(clients.text);
        if (!net) error(clients, name, net.error());
        auto hidden = ehlo_keywords(keywords, name);
        if (net) out_.runtime.hide_ehlo_from.add(*net, std::move(hidden));
    }
}

void dialog_builder::reject_footer()
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

void dialog_builder::rejection()
{
    constexpr std::string_view name = "dialog.rejection";
    const text_item& item = text("dialog", "rejection");
    if (!is_reply_text(item.text))
        return found(item, name, "a reply is one line of printable ASCII");
    auto parsed = smtp::parse_rejection(item.text);
    if (!parsed.trouble.empty()) found(item, name, parsed.trouble);
    out_.runtime.rejection = std::move(parsed.value);
}

void dialog_builder::open_recipients()
{
    for (const text_item& item : get("dialog", "open_recipients").texts) {
        if (!smtp::is_plain_local_part(item.text))
            found(item, "dialog.open_recipients",
                  "not the local part of an address; write one such as \"postmaster\"");
        out_.runtime.dialog.open_recipients.push_back(to_lower(item.text));
    }
}

} // namespace

const section_source dialog_section{
    {"dialog", "Our own SMTP side, for clients that failed a test or are still in one."},
    [](section_rows& keys) {
        keys.add("banner", [](runtime_config& c) -> auto& { return c.dialog.greeting; },
                 {.doc = "The text behind our own \"220 \"; \"\" = hostname and \"ESMTP\".",
                  .example = R"("mx1.example.org ESMTP Postfix")"});
        keys.add("command_limit", [](runtime_config& c) -> auto& { return c.dialog.command_limit; },
                 {.doc = "Commands answered in one session.", .min = 1, .max = 10000});
        keys.add("command_time_limit",
                 [](runtime_config& c) -> auto& { return c.command_time.limit; },
                 {.doc = "Longest wait for one whole command.",
                  .min = spans::second,
                  .max = spans::hour});
        keys.add("command_time_limit_under_stress",
                 [](runtime_config& c) -> auto& { return c.command_time.limit_under_stress; },
                 {.doc = "The same while there are many clients (see limits.screening).",
                  .min = spans::second,
                  .max = spans::hour});
        keys.add("line_limit",
                 [](runtime_config& c) -> auto& { return c.dialog.line_limit_octets; },
                 {.doc = "Longest command line, in octets; a longer one ends the session.",
                  .min = limits::line_limit_min_octets,
                  .max = limits::line_limit_max_octets,
                  .is_size = true});
        keys.add("helo_required", [](runtime_config& c) -> auto& { return c.dialog.helo_required; },
                 {.doc = "Refuse MAIL before HELO or EHLO."});
        keys.add("disable_vrfy", [](runtime_config& c) -> auto& { return c.dialog.disable_vrfy; },
                 {.doc = "Refuse VRFY."});
        keys.built(
            "hide_ehlo", key_type::text_list, "[]",
            {.doc =
                 "EHLO keywords not to offer, neither in our own dialog nor, where sessions are "
                 "relayed, "
                 "in the backend's replies, as long as it and the client do not speak TLS past us. "
                 "postfix-pass gives the socket away: hide them in Postfix as well "
                 "(smtpd_discard_ehlo_keywords). Hiding is not refusing: only a session that goes "
                 "on "
                 "behind its deep tests, and any with backend.data = \"strict\", refuses BDAT when "
                 "CHUNKING is hidden.",
             .example = R"(["ETRN", "VRFY"])"});
        keys.built("hide_ehlo_from", key_type::text_map, "{}",
                   {.doc = "Network = keywords not to offer to its clients instead of those in "
                           "hide_ehlo, with "
                           "blanks between them; the longest network that matches decides.",
                    .example = R"({ "192.0.2.0/24" = "STARTTLS CHUNKING" })"});
        keys.add(
            "size_limit", [](runtime_config& c) -> auto& { return c.dialog.size_limit_octets; },
            {.doc =
                 "The number behind SIZE in our EHLO reply, in octets; 0 = none. Only shown: our "
                 "own dialog takes no mail.",
             .example = R"("10MiB")",
             .max = std::int64_t{1} << 50,
             .is_size = true});
        keys.built("reject_footer", key_type::text, R"("")",
                   {.doc =
                        "Text behind each 4xx and 5xx of ours, such as where to ask for help. "
                        "\"\\n\" begins "
                        "a new line of the reply, \"\\c\" at the start goes on in the same one; "
                        "$client_address, $client_port, $localtime and $server_name are replaced.",
                    .example = R"('\c. For help see https://mail.example.org/?ip=$client_address')",
                    .has_dollars = true});
        keys.built("open_recipients", key_type::text_list, "[]",
                   {.doc = "Local parts of recipients that refused clients reach all the same, in "
                           "any domain of the backend; all their others stay refused. A client "
                           "that is dropped reaches none.",
                    .example = R"(["postmaster", "abuse"])"});
        keys.built(
            "rejection", key_type::text, R"("")",
            {.doc =
                 "What clients are told whose score is too high, in place of \"Service "
                 "unavailable; client [...] blocked using ...\". {client} is its address, {zone} "
                 "the list that weighs most, {zones} all that speak against it, {txt} what the "
                 "TXT record of the first one says of it, {session} the number under which the "
                 "log has the session. A name without a value goes together with the "
                 "punctuation before it. \"\" = the reply of postscreen.",
             .example = R"("5.7.1 Service unavailable; client [{client}] blocked using {zones}; )"
                        R"({txt}; ref {session}")"});
        keys.add("soft_bounce", [](runtime_config& c) -> auto& { return c.dialog.soft_bounce; },
                 {.doc = "4xx instead of 5xx, everywhere: to try out a configuration without "
                         "losing mail."});
    },
    build_with<dialog_builder>,
};

} // namespace fendmail::app
