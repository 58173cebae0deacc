// SPDX-License-Identifier: Apache-2.0
#include "build.hpp"

#include "access_files.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/ascii.hpp"
#include "fendmail/core/units.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace fendmail::app {

namespace {

bool has_control(std::string_view text)
{
    return std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// RFC 5321 §4.2: the text of a reply is printable ASCII, space and tab; a tab helps nobody.
bool is_reply_text(std::string_view text)
{
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// RFC 5321 §4.1.1.1, ehlo-keyword.
bool is_ehlo_keyword(std::string_view text)
{
    const auto is_alnum = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    return !text.empty() && is_alnum(text.front()) &&
           std::ranges::all_of(text, [&](char c) { return is_alnum(c) || c == '-'; });
}

/// Whether a connection to `to` reaches a listener on `at`.
bool reaches(const endpoint& to, const endpoint& at)
{
    if (to.port != at.port || to.address.is_v4() != at.address.is_v4()) return false;
    const auto is_any = [](const ip_address& a) {
        return std::ranges::all_of(a.octets(), [](auto octet) { return octet == 0; });
    };
    // Of the addresses that a wildcard stands for, only loopback is surely this host's.
    const bool to_this_host = is_any(to.address) || to.address.is_loopback();
    return to.address == at.address || (is_any(at.address) && to_this_host) ||
           (is_any(to.address) && at.address.is_loopback());
}

class builder {
public:
    builder(const settings& from, std::string_view default_hostname, problem_list& problems)
        : from_{from}
        , default_hostname_{default_hostname}
        , problems_{problems}
    {
    }

    config build() &&
    {
        server();
        backend();
        access();
        screening();
        dnsbl();
        dialog();
        store();
        log();
        admin();
        for (const auto& [section, name] : {std::pair{"server", "user"},
                                            {"server", "groups"},
                                            {"store", "path"},
                                            {"log", "target"},
                                            {"admin", "listen"},
                                            {"backend", "address"}})
            no_control(section, name);
        return std::move(out_);
    }

private:
    [[nodiscard]] const setting& get(std::string_view section, std::string_view name) const
    {
        return from_.get(section, name);
    }
    [[nodiscard]] const text_item& text(std::string_view section, std::string_view name) const
    {
        return get(section, name).texts.front();
    }
    [[nodiscard]] milliseconds span(std::string_view section, std::string_view name) const
    {
        return milliseconds{get(section, name).number};
    }
    /// The table of keys takes only whole ones where this is used.
    [[nodiscard]] seconds whole_seconds(std::string_view section, std::string_view name) const
    {
        return std::chrono::duration_cast<seconds>(span(section, name));
    }
    [[nodiscard]] bool flag(std::string_view section, std::string_view name) const
    {
        return get(section, name).number != 0;
    }
    /// For ranges that fit, as those of the table of keys do.
    template <class Number>
    [[nodiscard]] Number number(std::string_view section, std::string_view name) const
    {
        return static_cast<Number>(get(section, name).number);
    }
    [[nodiscard]] screen::action action(std::string_view section) const
    {
        return number<screen::action>(section, "action");
    }
    /// The one that somebody wrote, if there is one.
    [[nodiscard]] static place written(const setting& first, const setting& second)
    {
        return first.where.line != 0 ? first.where : second.where;
    }

    void error(place where, std::string_view key_name, std::string_view what)
    {
        problems_.error(where, fmt::format("{}: {}", key_name, what));
    }
    void error(const text_item& item, std::string_view key_name, fendmail::error e)
    {
        found(item, key_name, message(e));
    }
    void found(const text_item& item, std::string_view key_name, std::string_view what)
    {
        error(item.where, key_name, fmt::format("{} (found {})", what, in_quotes(item.written)));
    }

    void no_control(std::string_view section, std::string_view name)
    {
        for (const text_item& item : get(section, name).texts)
            if (has_control(item.text))
                found(item, fmt::format("{}.{}", section, name),
                      "control characters are not allowed");
    }

    void server();
    void hostname();
    void admin();
    void backend();
    void tcp_backend(const text_item& address, place where);
    void access();
    void screening();
    void banner();
    void dnsbl();
    void dnsbl_sites();
    void dnsbl_scores(const std::vector<dnsbl::site>& sites);
    void dnsbl_resolvers();
    [[nodiscard]] std::map<std::string, std::string> reply_names();
    void dialog();
    void store();
    void log();

    const settings& from_;
    std::string_view default_hostname_;
    problem_list& problems_;
    config out_;
};

void builder::server()
{
    startup_config& start = out_.startup;
    const setting& listen = get("server", "listen");
    if (listen.texts.empty() && !listen.broken)
        error(listen.where, "server.listen", "write at least one address, such as \"0.0.0.0:25\"");
    for (const text_item& item : listen.texts) {
        const auto parsed = parse_endpoint(item.text);
        if (!parsed)
            error(item, "server.listen", parsed.error());
        else if (parsed->port != 0 &&
                 std::ranges::find(start.listen, *parsed) != start.listen.end())
            found(item, "server.listen", "the same address twice");
        else
            start.listen.push_back(*parsed);
    }
    start.workers = number<unsigned>("server", "workers");
    start.user = text("server", "user").text;
    out_.runtime.stop_time_limit = whole_seconds("server", "stop_timeout");
    for (const text_item& item : get("server", "groups").texts) {
        if (item.text.empty()) found(item, "server.groups", "write the name of a group");
        start.groups.push_back(item.text);
    }
    hostname();
}

void builder::admin()
{
    constexpr std::string_view name = "admin.listen";
    constexpr std::string_view unix_prefix = "unix:";
    const text_item& item = text("admin", "listen");
    out_.startup.admin_listen = item.text;
    if (item.text.empty()) return;
    if (item.text.starts_with(unix_prefix)) {
        const auto path = std::string_view(item.text).substr(unix_prefix.size());
        if (!path.starts_with('/') || path.size() > limits::unix_path_octets)
            found(item, name,
                  fmt::format("write an absolute path of at most {} octets, \"unix:/path\"",
                              limits::unix_path_octets));
        return;
    }
    if (const auto where = parse_endpoint(item.text); !where) error(item, name, where.error());
}

void builder::hostname()
{
    constexpr std::string_view name = "server.hostname";
    const text_item& item = text("server", "hostname");
    std::string& host = out_.runtime.hostname;
    host = item.text.empty() ? std::string(default_hostname_) : item.text;
    if (host.empty())
        return error(item.where, name,
                     "this host has no name of its own; write one, such as \"mx1.example.org\"");
    if (!is_reply_text(host) || host.find(' ') != std::string::npos)
        return error(item.where, name,
                     fmt::format("a host name is printable ASCII without spaces (found {})",
                                 in_quotes(item.text.empty() ? host : item.written)));
    if (host.size() > limits::dns_name_octets)
        error(item.where, name,
              fmt::format("a host name has at most {} octets (found {})", limits::dns_name_octets,
                          host.size()));
}

void builder::backend()
{
    backend_options& options = out_.runtime.backend;
    const setting& kind = get("backend", "kind");
    const setting& address = get("backend", "address");
    options.kind = number<backend_kind>("backend", "kind");
    options.address = address.texts.front().text;
    options.connect_timeout = span("backend", "connect_timeout");
    options.greeting_timeout = span("backend", "greeting_timeout");
    options.idle_timeout = span("backend", "idle_timeout");
    if (kind.broken || address.broken) return;

    constexpr std::string_view name = "backend.address";
    constexpr std::string_view unix_prefix = "unix:";
    const text_item& item = address.texts.front();
    if (item.text.starts_with(unix_prefix)) {
        options.unix_path = item.text.substr(unix_prefix.size());
        if (!options.unix_path.starts_with('/'))
            found(item, name, "write an absolute path, \"unix:/path\"");
        else if (options.unix_path.size() > limits::unix_path_octets)
            error(item.where, name,
                  fmt::format("the path of a socket has at most {} octets, this one has {}",
                              limits::unix_path_octets, options.unix_path.size()));
        return;
    }
    const place where = written(address, kind);
    if (options.kind == backend_kind::postfix_pass)
        return error(where, name,
                     fmt::format("kind = \"postfix-pass\" needs \"unix:/path\", mostly "
                                 "\"unix:/var/spool/postfix/public/smtpd\" (found {})",
                                 in_quotes(item.written)));
    tcp_backend(item, where);
}

void builder::tcp_backend(const text_item& address, place where)
{
    constexpr std::string_view name = "backend.address";
    const auto parsed = parse_endpoint(address.text);
    if (!parsed) return error(address, name, parsed.error());
    if (parsed->port == 0) return found(address, name, "port 0 cannot be connected to");
    out_.runtime.backend.tcp = *parsed;
    for (const text_item& item : get("server", "listen").texts) {
        const auto at = parse_endpoint(item.text);
        if (at && reaches(*parsed, *at))
            return error(where, name,
                         fmt::format("{} is where server.listen has us listen ({}): each session "
                                     "would come back to us",
                                     in_quotes(address.written), in_quotes(item.written)));
    }
}

void builder::access()
{
    out_.runtime.screening.access_action = action("access");
    for (const text_item& item : get("access", "rules").texts) {
        const auto rule = acl::parse_rule(item.text);
        if (!rule) {
            error(item, "access.rules", rule.error());
            continue;
        }
        std::vector<network> nets{rule->net};
        if (!rule->file.empty()) {
            const std::filesystem::path from{problems_.file_name(item.where.file)};
            nets = read_access_file(from.parent_path() / rule->file, item.where, problems_);
        }
        out_.runtime.access.add(rule->decision, item.written, nets);
    }
}

void builder::screening()
{
    using screen::test;
    screen::policy& policy = out_.runtime.screening;
    policy.greet_wait = whole_seconds("greet", "wait");
    policy.greet_wait_under_stress = whole_seconds("greet", "wait_under_stress");
    policy.tests[test::pregreet] = {policy.greet_wait > seconds{0}, action("greet"),
                                    whole_seconds("greet", "ttl")};
    const auto deep = [&](std::string_view section) {
        return screen::test_policy{flag(section, "enable"), action(section),
                                   whole_seconds(section, "ttl")};
    };
    policy.tests[test::pipelining] = deep("pipelining");
    policy.tests[test::non_smtp_command] = deep("non_smtp_command");
    policy.tests[test::bare_newline] = deep("bare_newline");
    out_.runtime.clients_per_address = number<std::uint32_t>("limits", "clients_per_address");
    out_.runtime.screening_limit = number<std::uint32_t>("limits", "screening");
    out_.runtime.handing_off_limit = number<std::uint32_t>("limits", "handing_off");
    banner();
}

void builder::banner()
{
    constexpr std::string_view name = "greet.banner";
    // "220-" and <CRLF> stand around it.
    constexpr std::size_t octets_max = limits::reply_line_octets - 6;
    const text_item& item = text("greet", "banner");
    out_.runtime.teaser = item.text.empty() ? out_.runtime.hostname + " ESMTP" : item.text;
    if (!is_reply_text(item.text))
        found(item, name, "a banner is one line of printable ASCII");
    else if (item.text.size() > octets_max)
        error(item.where, name,
              fmt::format("a banner has at most {} octets, this one has {}", octets_max,
                          item.text.size()));
}

void builder::dnsbl()
{
    screen::policy& policy = out_.runtime.screening;
    policy.dnsbl_threshold = number<int>("dnsbl", "threshold");
    policy.dnsbl_allow_threshold = number<int>("dnsbl", "allow_threshold");
    policy.dnsbl_min_ttl = whole_seconds("dnsbl", "min_ttl");
    policy.dnsbl_max_ttl = whole_seconds("dnsbl", "max_ttl");
    policy.tests[screen::test::dnsbl].on_failure = action("dnsbl");
    out_.runtime.dnsbl_timeout = span("dnsbl", "timeout");

    const setting& min_ttl = get("dnsbl", "min_ttl");
    const setting& max_ttl = get("dnsbl", "max_ttl");
    if (policy.dnsbl_min_ttl > policy.dnsbl_max_ttl && !min_ttl.broken && !max_ttl.broken)
        error(written(min_ttl, max_ttl), "dnsbl.min_ttl",
              fmt::format("must not be longer than dnsbl.max_ttl ({} > {})",
                          fendmail::to_text(milliseconds{min_ttl.number}),
                          fendmail::to_text(milliseconds{max_ttl.number})));
    dnsbl_sites();
    dnsbl_resolvers();
}

void builder::dnsbl_sites()
{
    const setting& setting = get("dnsbl", "sites");
    std::vector<dnsbl::site> sites;
    bool broken = setting.broken;
    for (const text_item& item : setting.texts) {
        auto parsed = dnsbl::parse_site(item.text);
        if (parsed) {
            sites.push_back(std::move(*parsed));
        } else {
            error(item, "dnsbl.sites", parsed.error());
            broken = true;
        }
    }
    out_.runtime.dnsbl_sites = dnsbl::make_site_set(sites, reply_names());
    const std::size_t zones = out_.runtime.dnsbl_sites.zones.size();
    if (zones > limits::dnsbl_zones)
        error(setting.where, "dnsbl.sites",
              fmt::format("at most {} zones can be asked, found {}", limits::dnsbl_zones, zones));
    out_.runtime.screening.tests[screen::test::dnsbl].enabled = !sites.empty();
    if (!broken && !sites.empty()) dnsbl_scores(sites);
}

void builder::dnsbl_scores(const std::vector<dnsbl::site>& sites)
{
    const setting& threshold = get("dnsbl", "threshold");
    const setting& allow = get("dnsbl", "allow_threshold");
    std::int64_t highest = 0;
    std::int64_t lowest = 0;
    for (const dnsbl::site& s : sites)
        (s.weight > 0 ? highest : lowest) += s.weight;
    // Sites that only allow are a sensible configuration; then nobody is meant to be listed.
    const bool only_allows = highest == 0 && allow.number < 0;
    if (threshold.number > highest && !only_allows && !threshold.broken)
        problems_.warning(written(threshold, get("dnsbl", "sites")),
                          fmt::format("dnsbl.threshold: nobody can reach {}, the weights of all "
                                      "sites add up to {}",
                                      threshold.number, highest));
    if (allow.number < lowest && !allow.broken)
        problems_.warning(allow.where,
                          fmt::format("dnsbl.allow_threshold: nobody can reach {}, the negative "
                                      "weights of all sites add up to {}",
                                      allow.number, lowest));
}

std::map<std::string, std::string> builder::reply_names()
{
    constexpr std::string_view name = "dnsbl.reply_names";
    const setting& sites = get("dnsbl", "sites");
    const auto is_of = [](const text_item& site, std::string_view zone) {
        if (zone.ends_with('.')) zone.remove_suffix(1);
        const auto parsed = dnsbl::parse_site(site.text);
        return parsed && smtp::equals_ignoring_case(parsed->zone, zone);
    };
    std::map<std::string, std::string> out;
    for (const auto& [zone, shown] : get("dnsbl", "reply_names").pairs) {
        const auto& wanted = zone.text;
        if (!sites.broken && std::ranges::none_of(sites.texts, [&](const text_item& site) {
                return is_of(site, wanted);
            }))
            problems_.warning(zone.where, fmt::format("{}: no site has the zone {}", name,
                                                      in_quotes(zone.written)));
        if (shown.text.empty() || !is_reply_text(shown.text))
            found(shown, name, "a name for replies is printable ASCII and not empty");
        out[zone.text] = shown.text;
    }
    // A zone with a key in it goes to every client that is refused, unless it is renamed.
    for (const text_item& site : sites.texts)
        if (site.written != site.text && std::ranges::none_of(out, [&](const auto& renamed) {
                return is_of(site, renamed.first);
            }))
            problems_.warning(site.where,
                              fmt::format("dnsbl.sites: clients will be shown what ${{...}} "
                                          "stands for; give the zone a name in {} (found {})",
                                          name, in_quotes(site.written)));
    return out;
}

void builder::dnsbl_resolvers()
{
    for (const text_item& item : get("dnsbl", "resolvers").texts) {
        const auto where = parse_endpoint(item.text);
        if (where && where->port == 0)
            found(item, "dnsbl.resolvers", "port 0 cannot be asked");
        else if (!where && !parse_address(item.text))
            found(item, "dnsbl.resolvers",
                  "not a resolver; write an address, address:port or [v6]:port");
        out_.runtime.resolvers.push_back(item.text);
    }
}

void builder::dialog()
{
    smtp::dialog_options& options = out_.runtime.dialog;
    options.hostname = out_.runtime.hostname;
    options.command_limit = number<std::size_t>("dialog", "command_limit");
    options.line_limit_octets = number<std::size_t>("dialog", "line_limit");
    options.helo_required = flag("dialog", "helo_required");
    options.disable_vrfy = flag("dialog", "disable_vrfy");
    options.soft_bounce = flag("dialog", "soft_bounce");
    for (const text_item& item : get("dialog", "hide_ehlo").texts) {
        if (!is_ehlo_keyword(item.text))
            found(item, "dialog.hide_ehlo",
                  "not an EHLO keyword; write letters, digits and \"-\", such as \"ETRN\"");
        options.hide_ehlo.push_back(smtp::to_upper(item.text));
    }
    out_.runtime.command_time_limit = whole_seconds("dialog", "command_time_limit");
    out_.runtime.command_time_limit_under_stress =
        whole_seconds("dialog", "command_time_limit_under_stress");
}

void builder::store()
{
    const text_item& path = text("store", "path");
    out_.startup.store = number<store_kind>("store", "kind");
    out_.startup.store_path = path.text;
    out_.runtime.store_retention = whole_seconds("store", "retention");
    out_.runtime.store_sweep_interval = whole_seconds("store", "sweep_interval");
    if (!path.text.starts_with('/')) found(path, "store.path", "write an absolute path");
}

void builder::log()
{
    io::log_options& options = out_.runtime.log;
    const text_item& target = text("log", "target");
    const text_item& ident = text("log", "ident");
    options.format = number<event::log_format>("log", "format");
    options.target = target.text;
    options.ident = ident.text;
    options.hostname = out_.runtime.hostname;
    const std::string_view to = target.text;
    if (to != "stderr" && to != "syslog" && to != "journald" && !to.starts_with("file:/"))
        found(target, "log.target",
              "write \"stderr\", \"syslog\", \"journald\" or \"file:/path\" with an absolute path");
    if (ident.text.empty() || !is_reply_text(ident.text) ||
        ident.text.find(' ') != std::string::npos)
        found(ident, "log.ident", "write a program name, printable ASCII without spaces");
}

} // namespace

config build_config(const settings& from, std::string_view default_hostname, problem_list& problems)
{
    return builder{from, default_hostname, problems}.build();
}

} // namespace fendmail::app
