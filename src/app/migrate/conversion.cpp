// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/app/migrate/parameter_table.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <limits>

namespace fendmail::app::postscreen {

namespace {

/// Values that may hold a key of a keyed zone are named, never shown.
bool may_be_secret(std::string_view name)
{
    return name == "postscreen_dnsbl_sites" || name == "postscreen_dnsbl_reply_map";
}

std::optional<std::int64_t> parse_number(std::string_view text)
{
    text = trim(text);
    if (text.starts_with('+')) text.remove_prefix(1);
    std::int64_t out = 0;
    const auto* const last = text.data() + text.size();
    const auto [end, failure] = std::from_chars(text.data(), last, out);
    if (failure != std::errc{} || end != last || text.empty()) return std::nullopt;
    return out;
}

/// Digits and a unit; Postfix ignores what follows the unit.
std::optional<seconds> parse_time(std::string_view text, char unit)
{
    std::int64_t count = 0;
    const auto* const last = text.data() + text.size();
    const auto [end, failure] = std::from_chars(text.data(), last, count);
    if (failure != std::errc{} || count < 0 || count > std::numeric_limits<int>::max())
        return std::nullopt;
    switch (end == last ? unit : *end) {
    case 's': return seconds{count};
    case 'm': return std::chrono::minutes{count};
    case 'h': return std::chrono::hours{count};
    case 'd': return std::chrono::days{count};
    case 'w': return std::chrono::weeks{count};
    default: return std::nullopt;
    }
}

/// As the table of keys writes it where that is the default, so that "60s" is not called "1m".
std::string duration_text(const key& k, std::int64_t count)
{
    std::string_view usual{k.default_toml};
    if (!usual.empty()) usual = usual.substr(1, usual.size() - 2); // without its quotes
    const auto parsed = parse_duration(usual);
    if (parsed && parsed->count() == count) return std::string(usual);
    return fendmail::to_text(milliseconds{count});
}

const key& key_of(std::string_view section, std::string_view name)
{
    static const key unknown{.min = std::numeric_limits<std::int64_t>::min(),
                             .max = std::numeric_limits<std::int64_t>::max()};
    const key* known = find_key(section, name);
    return known != nullptr ? *known : unknown;
}

bool same_overrides(const parameters& a, const parameters& b)
{
    return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
        return x.first == y.first && x.second.text == y.second.text;
    });
}

std::string_view port_text(std::string_view name)
{
    const std::size_t colon = name.rfind(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

} // namespace

std::optional<std::uint16_t> port_of(std::string_view name)
{
    constexpr std::array<std::pair<std::string_view, std::uint16_t>, 6> known{{{"smtp", 25},
                                                                               {"mail", 25},
                                                                               {"smtps", 465},
                                                                               {"submissions", 465},
                                                                               {"submission", 587},
                                                                               {"msa", 587}}};
    for (const auto& [word, port] : known)
        if (word == name) return port;
    const auto port = parse_port(name);
    return port ? std::optional{*port} : std::nullopt;
}

std::pair<std::string, std::string> split_service_name(std::string_view name)
{
    const std::size_t colon = name.rfind(':');
    if (colon == std::string_view::npos) return {"", std::string(name)};
    std::string_view host = name.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return {std::string(host), std::string(name.substr(colon + 1))};
}

std::string listen_text(const ip_address& address, std::uint16_t port)
{
    if (address.is_v6()) return to_text(endpoint{address, port});
    return fmt::format("{}:{}", to_text(address), port);
}

const master_service* find_postscreen(const sources& from, std::string_view wanted)
{
    const master_service* found = nullptr;
    for (const master_service& s : from.services) {
        if (s.type != "inet" || s.command != "postscreen") continue;
        if (!wanted.empty()) {
            if (wanted == s.name || wanted == s.name + "/inet") return &s;
            // "2525" for "192.0.2.1:2525", if no service is called so itself.
            if (found == nullptr && wanted == port_text(s.name)) found = &s;
        } else if (found == nullptr) {
            found = &s;
        } else if (port_of(port_text(found->name)) != 25 && port_of(port_text(s.name)) == 25) {
            found = &s;
        }
    }
    return found;
}

services find_services(const sources& from, std::string_view smtpd_service_name,
                       std::string_view wanted)
{
    services out;
    out.screen = find_postscreen(from, wanted);
    for (const master_service& s : from.services) {
        const bool on_smtp_port = s.type == "inet" && port_of(port_text(s.name)) == 25;
        if (s.type == "pass" && s.command == "smtpd" &&
            (out.pass == nullptr || s.name == smtpd_service_name))
            out.pass = &s;
        if (s.command == "tlsproxy") out.tlsproxy = &s;
        if (on_smtp_port && s.command == "smtpd") out.front_smtpd = &s;
    }
    for (const master_service& s : from.services) {
        if (out.screen == nullptr || s.type != "inet" || s.command != "postscreen") continue;
        if (same_overrides(s.overrides, out.screen->overrides)) {
            out.listeners.push_back(&s);
            continue;
        }
        const auto group = std::ranges::find_if(out.others, [&](const auto& there) {
            return same_overrides(there.front()->overrides, s.overrides);
        });
        if (group == out.others.end())
            out.others.push_back({&s});
        else
            group->push_back(&s);
    }
    return out;
}

namespace {

services services_of(const sources& from, const host_facts& host, const conversion_options& options)
{
    const evaluator plain{from.main, nullptr, host, options.config_directory};
    services found = find_services(from, plain.value("smtpd_service_name").text, options.service);
    if (found.screen == nullptr) return found;
    const evaluator with{from.main, &found.screen->overrides, host, options.config_directory};
    return find_services(from, with.value("smtpd_service_name").text, options.service);
}

} // namespace

conversion::conversion(const sources& from_, const host_facts& host_, const file_reader& read_,
                       const conversion_options& options_)
    : from{from_}
    , host{host_}
    , read{read_}
    , options{options_}
    , around{services_of(from_, host_, options_)}
    , values{from_.main, around.screen != nullptr ? &around.screen->overrides : nullptr, host_,
             options_.config_directory}
    , master{from_.main, nullptr, host_, options_.config_directory}
{
}

// ── values ────────────────────────────────────────────────────────────────────────────────────

std::string conversion::text(std::string_view name, std::string_view stress)
{
    return told_text(name, values, stress);
}

std::string conversion::told_text(std::string_view name, const evaluator& as_seen,
                                  std::string_view stress)
{
    const expansion found = as_seen.value(name, stress);
    if (!found.error.empty()) {
        warn(name, fmt::format("{}; its default is used", found.error));
        const parameter* known = find_parameter(name);
        return known == nullptr ? "" : as_seen.expanded(known->default_text, stress).text;
    }
    const bool is_default = !as_seen.find_origin(name);
    for (const std::string& undefined : found.undefined) {
        if (is_default) continue;
        const bool is_known = find_parameter(undefined) != nullptr;
        warn(name, is_known ? fmt::format("what Postfix has for ${} is not in what was read, and "
                                          "is left out: write it yourself",
                                          undefined)
                            : fmt::format("${} is set nowhere here and is left out; if it is one "
                                          "of Postfix's own, write what it stands for",
                                          undefined));
    }
    return found.text;
}

bool conversion::flag(std::string_view name)
{
    const std::string value = to_lower(trim(text(name)));
    if (value != "yes" && value != "no") {
        warn(name, "neither yes nor no; taken for no");
        return false;
    }
    return value == "yes";
}

std::int64_t conversion::number(std::string_view name, std::int64_t min, std::int64_t max)
{
    const auto value = parse_number(text(name));
    if (value && *value >= min && *value <= max) return *value;
    const parameter* known = find_parameter(name);
    const auto usual =
        parse_number(known == nullptr ? "" : values.expanded(known->default_text).text);
    const std::int64_t used = std::clamp(value ? *value : usual.value_or(min), min, max);
    warn(name, fmt::format("not a number from {} to {}; {} is used", min, max, used));
    return used;
}

std::int64_t conversion::number_for(std::string_view name, std::string_view section,
                                    std::string_view key_name)
{
    const key& k = key_of(section, key_name);
    return number(name, k.min, k.max);
}

seconds conversion::span(std::string_view name, char unit, std::string_view stress)
{
    const auto value = parse_time(trim(text(name, stress)), unit);
    if (value) return *value;
    const parameter* known = find_parameter(name);
    const std::string usual =
        known == nullptr ? "" : values.expanded(known->default_text, stress).text;
    if (stress.empty()) warn(name, fmt::format("not a time; its default {} is used", usual));
    return parse_time(usual, unit).value_or(seconds{0});
}

std::string conversion::action(std::string_view name)
{
    const std::string value = to_lower(trim(text(name)));
    if (value == "continue") return "ignore"; // its old name
    if (value == "ignore" || value == "enforce" || value == "drop") return value;
    warn(name, "none of ignore, enforce, drop: postscreen does not start with it; \"ignore\" is "
               "used");
    return "ignore";
}

std::string conversion::banner(std::string_view name)
{
    // "220-" and <CRLF> stand around it.
    constexpr std::size_t octets_max = limits::reply_line_octets - 6;
    const std::string written{trim(text(name))};
    std::string clean;
    for (const char c : written.substr(0, octets_max))
        clean += c >= 0x20 && c < 0x7f ? c : '?';
    // The form of an environment variable.
    for (std::size_t at = 0; (at = clean.find("${", at)) != std::string::npos;)
        clean.erase(at, 1);
    if (clean != written) warn(name, "a banner is one short line of printable ASCII: changed");
    return clean;
}

// ── keys ──────────────────────────────────────────────────────────────────────────────────────

place conversion::place_of(std::string_view name) const
{
    const auto found = values.find_origin(name);
    return found ? found->what.at : place{};
}

std::string conversion::source_text(std::string_view name) const
{
    constexpr std::size_t shown_max = 60;
    const auto shown = [&](std::string_view what, std::string_view text) {
        if (may_be_secret(what) || text.size() > shown_max) return std::string(what);
        return fmt::format("{} ={}{}", what, text.empty() ? "" : " ", text);
    };
    if (const auto found = values.find_origin(name))
        return fmt::format("{} ({})", shown(found->name, found->what.text),
                           to_text(found->what.at));
    const parameter* known = find_parameter(name);
    return fmt::format("postscreen's default: {}",
                       shown(name, known == nullptr ? "" : known->default_text));
}

void conversion::warn(std::string_view parameter, std::string text)
{
    const auto found = values.find_origin(parameter);
    const std::string_view name = found ? std::string_view(found->name) : parameter;
    remark made{found ? found->what.at : place{}, fmt::format("{}: {}", name, text)};
    // A parameter that decides several keys is read for each of them.
    const bool is_known = std::ranges::any_of(out.remarks, [&](const remark& r) {
        return r.text == made.text && r.at.line == made.at.line && r.at.file == made.at.file;
    });
    if (!is_known) out.remarks.push_back(std::move(made));
}

void conversion::put(std::string_view section, std::string_view key_name, std::string toml,
                     std::initializer_list<std::string_view> deciding, std::vector<comment> more)
{
    const bool is_set = std::ranges::any_of(
        deciding, [&](std::string_view name) { return values.find_origin(name).has_value(); });
    const key* known = find_key(section, key_name);
    if (!is_set && more.empty() && known != nullptr && known->default_toml == toml) return;
    std::vector<comment> comments;
    for (const std::string_view name : deciding) {
        const bool is_first = name == *deciding.begin();
        if (!is_first && !values.find_origin(name)) continue;
        std::string line = source_text(name);
        const bool is_told =
            std::ranges::any_of(comments, [&](const comment& c) { return c.text == line; });
        if (!is_told) comments.push_back({std::move(line), false});
    }
    const parameter* first = find_parameter(*deciding.begin());
    const bool is_first_set = values.find_origin(*deciding.begin()).has_value();
    if (is_first_set && first != nullptr && first->what == fate::differs && !first->note.empty())
        comments.push_back({std::string(first->note), false});
    comments.insert(comments.end(), more.begin(), more.end());
    out.put(section, key_name, std::move(toml), std::move(comments));
}

void conversion::put_span(std::string_view section, std::string_view key_name, seconds value,
                          std::initializer_list<std::string_view> deciding)
{
    const key& k = key_of(section, key_name);
    const auto wanted = milliseconds{value}.count();
    const auto used = std::clamp(wanted, k.min, k.max);
    std::vector<comment> more;
    if (used != wanted) {
        more.push_back(
            {fmt::format("{} is {} than this key takes.", fendmail::to_text(milliseconds{wanted}),
                         used < wanted ? "longer" : "shorter"),
             false});
        warn(*deciding.begin(),
             fmt::format("{}.{} takes {} from {} to {}; {} is used", section, key_name, "a time",
                         fendmail::to_text(milliseconds{k.min}),
                         fendmail::to_text(milliseconds{k.max}),
                         fendmail::to_text(milliseconds{used})));
    }
    put(section, key_name, fmt::format("\"{}\"", duration_text(k, used)), deciding,
        std::move(more));
}

// ── all of it ─────────────────────────────────────────────────────────────────────────────────

namespace {

/// Texts for people, in which a "#" is one.
bool is_prose(std::string_view name)
{
    return name.ends_with("banner") || name.ends_with("_footer") ||
           name.ends_with("_expansion_filter") || name == "mail_name";
}

/// "a = b # c": Postfix knows comments only at the beginning of a line.
void report_number_signs(conversion& c)
{
    for (const parameter& p : all_parameters()) {
        const auto* set = c.values.written(p.name);
        if (set == nullptr || is_prose(p.name) || p.what == fate::dropped) continue;
        const auto words = split_list(set->text);
        if (std::ranges::any_of(words, [](const std::string& w) { return w.starts_with('#'); }))
            c.warn(p.name, "the \"#\" in it begins no comment: Postfix takes it and what stands "
                           "behind it for a part of the value");
    }
}

/// Whatever standard error says stands in the file as well.
void repeat_remarks(conversion& c)
{
    for (const remark& r : c.out.remarks)
        c.out.add_warning(r.at.file.empty() ? r.text : fmt::format("{}: {}", to_text(r.at), r.text),
                          r.text);
}

} // namespace

migration convert(const sources& from, const std::vector<std::string>& names,
                  const host_facts& host, const file_reader& read,
                  const conversion_options& options)
{
    conversion c{from, host, read, options};
    c.out.remarks = from.remarks;
    for (const std::string& note : options.notes)
        c.out.warn({}, note);
    report_number_signs(c);
    convert_server(c);
    convert_access(c);
    convert_tests(c);
    convert_dnsbl(c);
    convert_dialog(c);
    convert_tls(c);
    convert_operation(c);
    convert_leftovers(c);
    const auto head = head_lines(c, names);
    repeat_remarks(c);
    migration made;
    made.toml = c.out.to_toml(head);
    made.access_files = std::move(c.access_files);
    made.key_files = std::move(c.key_files);
    made.remarks = std::move(c.out.remarks);
    made.lacks_tables = c.lacks_tables;
    return made;
}

std::string effective_parameters(const sources& from, const host_facts& host,
                                 const conversion_options& options)
{
    const services around = services_of(from, host, options);
    const evaluator values{from.main,
                           around.screen != nullptr ? &around.screen->overrides : nullptr, host,
                           options.config_directory};
    std::string out;
    for (const parameter& p : all_parameters()) {
        // These hold "$" for the time when a client is answered.
        const bool is_raw =
            p.name.ends_with("_reject_footer") || p.name.ends_with("_expansion_filter");
        const std::string text =
            is_raw ? values.raw(p.name).value_or("") : values.value(p.name).text;
        out += fmt::format("{} ={}{}\n", p.name, text.empty() ? "" : " ", text);
    }
    return out;
}

} // namespace fendmail::app::postscreen
