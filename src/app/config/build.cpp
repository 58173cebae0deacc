// SPDX-License-Identifier: Apache-2.0
#include "build.hpp"

#include "access_files.hpp"
#include "build_tls.hpp"
#include "builder.hpp"
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

} // namespace

config builder::build() &&
{
    server();
    backend();
    proxy_protocol();
    access();
    known_senders();
    screening();
    dnsbl();
    client_name();
    dialog();
    store();
    log();
    admin();
    // Last: it looks at the user.
    build_tls(from_, out_, problems_);
    out_.runtime.dialog.tls = out_.runtime.tls.level;
    for (const auto& [section, name] : {std::pair{"server", "user"},
                                        {"server", "groups"},
                                        {"store", "path"},
                                        {"log", "target"},
                                        {"admin", "listen"},
                                        {"tls", "certificate"},
                                        {"tls", "key"},
                                        {"tls", "chain_files"},
                                        {"backend", "address"}})
        no_control(section, name);
    macros_of_postfix();
    return std::move(out_);
}

void builder::no_control(std::string_view section, std::string_view name)
{
    for (const text_item& item : get(section, name).texts)
        if (has_control(item.text))
            found(item, fmt::format("{}.{}", section, name), "control characters are not allowed");
}

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
    out_.runtime.ready_without_backend = flag("admin", "ready_without_backend");
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
    options.tls = number<smtp::backend_tls>("backend", "tls");
    options.data = number<backend_data>("backend", "data");
    details_without_effect(options);
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

void builder::details_without_effect(const backend_options& options)
{
    if (options.tls != smtp::backend_tls::none && get("tls", "level").number == 0)
        problems_.warning(get("backend", "tls").where,
                          "backend.tls: nothing is encrypted by it while tls.level is \"none\": "
                          "clients then speak TLS with the backend themselves");
    if (options.kind == backend_kind::postfix_pass && options.data == backend_data::strict)
        problems_.warning(get("backend", "data").where,
                          "backend.data: with \"postfix-pass\" known clients are handed to Postfix "
                          "with their socket and are not guarded by us; Postfix's "
                          "smtpd_forbid_bare_newline does that");
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

void builder::proxy_protocol()
{
    constexpr std::string_view name = "proxy_protocol.trusted";
    out_.runtime.proxy_header_timeout = span("proxy_protocol", "timeout");
    for (const text_item& item : get("proxy_protocol", "trusted").texts) {
        const auto net = parse_network(item.text);
        if (!net) {
            error(item, name, net.error());
            continue;
        }
        out_.runtime.balancers.insert(*net, 0);
        if (net->prefix_length == 0)
            problems_.warning(item.where,
                              fmt::format("{}: {} is everybody: any client may claim any address, "
                                          "and one that sends no PROXY header is not served; name "
                                          "the balancers",
                                          name, in_quotes(item.written)));
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
    allowlist_interfaces();
}

void builder::allowlist_interfaces()
{
    const setting& setting = get("access", "allowlist_interfaces");
    bool any_permits = false;
    for (const text_item& item : setting.texts) {
        std::string_view text = item.text;
        const bool excludes = text.starts_with('!');
        if (excludes) text.remove_prefix(1);
        const auto net = parse_network(text);
        if (!net) {
            error(item, "access.allowlist_interfaces", net.error());
            continue;
        }
        out_.runtime.allowlist_interfaces.add(
            excludes ? acl::decision::reject : acl::decision::permit, item.written, {*net});
        any_permits = any_permits || !excludes;
    }
    if (!setting.texts.empty() && !any_permits && !setting.broken)
        problems_.warning(setting.where,
                          "access.allowlist_interfaces: every new client is told to come back, "
                          "again and again, because no address is allowed; add \"0.0.0.0/0\" and "
                          "\"::/0\" behind the exclusions");
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
    out_.runtime.limit_ipv6_prefix = number<unsigned>("limits", "ipv6_prefix");
    out_.runtime.screening_limit = number<std::uint32_t>("limits", "screening");
    out_.runtime.handing_off_limit = number<std::uint32_t>("limits", "handing_off");
    out_.runtime.relays_after_deep_tests = get("deep", "after").number == 0;
    out_.runtime.deep_ipv4_prefix = number<unsigned>("deep", "ipv4_prefix");
    teaser();
}

void builder::teaser()
{
    const text_item& item = text("greet", "banner");
    out_.runtime.teaser = item.text.empty() ? out_.runtime.hostname + " ESMTP" : item.text;
    check_banner(item, "greet.banner");
}

void builder::check_banner(const text_item& item, std::string_view key_name)
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

void builder::store()
{
    const text_item& path = text("store", "path");
    out_.startup.store = number<store_kind>("store", "kind");
    out_.startup.store_path = path.text;
    out_.runtime.store_ipv6_prefix = number<unsigned>("store", "ipv6_prefix");
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
    options.words =
        flag("log", "respectful") ? event::log_words::respectful : event::log_words::old;
    const std::string_view to = target.text;
    if (to != "stderr" && to != "syslog" && to != "journald" && !to.starts_with("file:/"))
        found(target, "log.target",
              "write \"stderr\", \"syslog\", \"journald\" or \"file:/path\" with an absolute path");
    if (ident.text.empty() || !is_reply_text(ident.text) ||
        ident.text.find(' ') != std::string::npos)
        found(ident, "log.ident", "write a program name, printable ASCII without spaces");
}

config build_config(const settings& from, std::string_view default_hostname, problem_list& problems)
{
    return builder{from, default_hostname, problems}.build();
}

} // namespace fendmail::app
