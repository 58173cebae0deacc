// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/parameter_table.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

constexpr auto same = fate::same;
constexpr auto differs = fate::differs;
constexpr auto feeds = fate::feeds;
constexpr auto dropped = fate::dropped;
constexpr auto lost = fate::lost;

constexpr std::string_view no_helper = "There is no helper process here.";
constexpr std::string_view openssl_decides =
    "OpenSSL's own defaults for ciphers, curves and DH are used.";
constexpr std::string_view no_client_certs = "Clients are not asked for certificates.";
constexpr std::string_view old_name =
    "Old name, of which Postfix 3.11 warns; the new one wins where both are set.";

constexpr parameter table[] = {
    // ── before the tests ──
    {"postscreen_access_list", "permit_mynetworks", differs, "access.rules",
     "Order and first match stay. Tables become networks: what a `dunno` or `!` shields is taken "
     "out of later rules. Of changed tables `fendmail migrate --tables` renews the files."},
    {"postscreen_denylist_action",
     "${postscreen_blacklist_action?{$postscreen_blacklist_action}:{ignore}}", same,
     "access.action"},
    {"postscreen_blacklist_action", "", same, "access.action", old_name},
    {"postscreen_allowlist_interfaces",
     "${postscreen_whitelist_interfaces?{$postscreen_whitelist_interfaces}:{static:all}}", same,
     "access.allowlist_interfaces"},
    {"postscreen_whitelist_interfaces", "", same, "access.allowlist_interfaces", old_name},
    {"postscreen_client_connection_count_limit", "$smtpd_client_connection_count_limit", same,
     "limits.clients_per_address",
     "For each address, so `limits.ipv6_prefix = 128` is written besides."},
    {"postscreen_pre_queue_limit", "$default_process_limit", differs, "limits.screening",
     "postscreen's limit N admits N-1. A waiting client is cheap here: fendmail's own "
     "default is 10000."},
    {"postscreen_post_queue_limit", "$default_process_limit", same, "limits.handing_off"},
    {"postscreen_upstream_proxy_protocol", "", differs, "proxy_protocol.trusted",
     "postscreen believes everybody; here the load balancers' networks have to be named, and only "
     "they may and must send a PROXY header."},
    {"postscreen_upstream_proxy_timeout", "5s", same, "proxy_protocol.timeout"},

    // ── early tests ──
    {"postscreen_greet_wait", "${stress?{2}:{6}}s", same, "greet.wait, greet.wait_under_stress"},
    {"postscreen_greet_banner", "$smtpd_banner", same, "greet.banner",
     "An empty one turns the pregreet test off: `greet.wait = \"0s\"` here."},
    {"postscreen_greet_action", "ignore", same, "greet.action"},
    {"postscreen_greet_ttl", "1d", same, "greet.ttl"},
    {"postscreen_dnsbl_sites", "", differs, "dnsbl.sites",
     "Answers outside 127.0.0.0/8, 127.0.0.1 and error codes (127.255.255.x) never count here. A "
     "weight of 0 is no site here. Keys in names of zones go to `dnsbl.zone_keys`. Lists are "
     "tested "
     "here, and one in trouble does not count (`dnsbl.test_interval`)."},
    {"postscreen_dnsbl_threshold", "1", same, "dnsbl.threshold"},
    {"postscreen_dnsbl_allowlist_threshold",
     "${postscreen_dnsbl_whitelist_threshold?{$postscreen_dnsbl_whitelist_threshold}:{0}}", same,
     "dnsbl.allow_threshold"},
    {"postscreen_dnsbl_whitelist_threshold", "", same, "dnsbl.allow_threshold", old_name},
    {"postscreen_dnsbl_action", "ignore", same, "dnsbl.action"},
    {"postscreen_dnsbl_reply_map", "", differs, "dnsbl.reply_names",
     "The table is asked once for each zone, at migration."},
    {"postscreen_dnsbl_min_ttl", "60s", same, "dnsbl.min_ttl"},
    {"postscreen_dnsbl_max_ttl", "${postscreen_dnsbl_ttl?{$postscreen_dnsbl_ttl}:{1}}h", same,
     "dnsbl.max_ttl"},
    {"postscreen_dnsbl_ttl", "", same, "dnsbl.max_ttl", old_name},
    {"postscreen_dnsbl_timeout", "10s", same, "dnsbl.timeout"},

    // ── deep tests ──
    {"postscreen_pipelining_enable", "no", same, "pipelining.enable"},
    {"postscreen_pipelining_action", "enforce", same, "pipelining.action"},
    {"postscreen_pipelining_ttl", "30d", same, "pipelining.ttl"},
    {"postscreen_non_smtp_command_enable", "no", same, "non_smtp_command.enable"},
    {"postscreen_non_smtp_command_action", "drop", same, "non_smtp_command.action"},
    {"postscreen_non_smtp_command_ttl", "30d", same, "non_smtp_command.ttl"},
    {"postscreen_forbidden_commands", "$smtpd_forbidden_commands", differs,
     "non_smtp_command.forbidden",
     "Patterns are RE2's: no look-around, no back-references. Tables become lists."},
    {"postscreen_bare_newline_enable", "no", same, "bare_newline.enable"},
    {"postscreen_bare_newline_action", "ignore", same, "bare_newline.action"},
    {"postscreen_bare_newline_ttl", "30d", same, "bare_newline.ttl"},

    // ── our own SMTP dialog ──
    {"postscreen_command_count_limit", "20", same, "dialog.command_limit"},
    {"postscreen_command_time_limit", "${stress?{10}:{300}}s", same,
     "dialog.command_time_limit, dialog.command_time_limit_under_stress, tls.handshake_timeout"},
    {"postscreen_helo_required", "$smtpd_helo_required", same, "dialog.helo_required"},
    {"postscreen_disable_vrfy_command", "$disable_vrfy_command", same, "dialog.disable_vrfy"},
    {"postscreen_discard_ehlo_keywords", "$smtpd_discard_ehlo_keywords", same, "dialog.hide_ehlo"},
    {"postscreen_discard_ehlo_keyword_address_maps", "$smtpd_discard_ehlo_keyword_address_maps",
     differs, "dialog.hide_ehlo_from", "Tables become a list of networks."},
    {"postscreen_command_filter", "", lost, "",
     "Left out on purpose: it rewrites what broken clients send, and our dialog takes it as it "
     "is. For clients that passed, smtpd_command_filter works as before.",
     "empty (the manual says `$smtpd_command_filter`)"},
    {"postscreen_reject_footer", "$smtpd_reject_footer", same, "dialog.reject_footer"},
    {"postscreen_reject_footer_maps", "$smtpd_reject_footer_maps", lost, "",
     "One footer for all rejections: dialog.reject_footer."},
    {"postscreen_expansion_filter", "$smtpd_expansion_filter", dropped, "",
     "The footer's macros hold only addresses, numbers and our own name here."},
    {"postscreen_tls_security_level", "$smtpd_tls_security_level", same, "tls.level",
     "Anything stricter than \"encrypt\" is \"encrypt\", as in postscreen."},
    {"postscreen_use_tls", "$smtpd_use_tls", same, "tls.level",
     "Counts where no security level is set."},
    {"postscreen_enforce_tls", "$smtpd_enforce_tls", same, "tls.level",
     "Counts where no security level is set."},
    {"postscreen_starttls_timeout", "$smtpd_starttls_timeout", same, "tls.handshake_timeout",
     "Since Postfix 3.12; before, a handshake has the time of a command."},
    {"postscreen_tls_cert_file", "$smtpd_tls_cert_file", same, "tls.certificate",
     "Since Postfix 3.12; tlsproxy_tls_cert_file before."},
    {"postscreen_tls_key_file", "$smtpd_tls_key_file", same, "tls.key",
     "Since Postfix 3.12; tlsproxy_tls_key_file before."},
    {"postscreen_tls_chain_files", "$smtpd_tls_chain_files", same, "tls.chain_files",
     "Since Postfix 3.12; tlsproxy_tls_chain_files before."},
    {"postscreen_tls_eccert_file", "$smtpd_tls_eccert_file", differs, "tls.chain_files",
     "A second certificate, with another kind of key, stands in `tls.chain_files`."},
    {"postscreen_tls_eckey_file", "$smtpd_tls_eckey_file", differs, "tls.chain_files",
     "See postscreen_tls_eccert_file."},
    {"postscreen_tls_dcert_file", "$smtpd_tls_dcert_file", dropped, "",
     "Nobody uses DSA certificates any more."},
    {"postscreen_tls_dkey_file", "$smtpd_tls_dkey_file", dropped, "",
     "Nobody uses DSA certificates any more."},
    {"postscreen_tls_protocols", "$smtpd_tls_protocols", differs, "tls.min_protocol",
     "The oldest is TLS 1.2, whatever is asked for."},
    {"postscreen_tls_mandatory_protocols", "$smtpd_tls_mandatory_protocols", differs,
     "tls.min_protocol", "Counts with level \"encrypt\"."},
    {"postscreen_tls_always_issue_session_ids", "$smtpd_tls_always_issue_session_ids", dropped, "",
     openssl_decides},
    {"postscreen_tls_ciphers", "$smtpd_tls_ciphers", dropped, "", openssl_decides},
    {"postscreen_tls_mandatory_ciphers", "$smtpd_tls_mandatory_ciphers", dropped, "",
     openssl_decides},
    {"postscreen_tls_exclude_ciphers", "$smtpd_tls_exclude_ciphers", dropped, "", openssl_decides},
    {"postscreen_tls_mandatory_exclude_ciphers", "$smtpd_tls_mandatory_exclude_ciphers", dropped,
     "", openssl_decides},
    {"postscreen_tls_dh1024_param_file", "$smtpd_tls_dh1024_param_file", dropped, "",
     openssl_decides},
    {"postscreen_tls_dh512_param_file", "$smtpd_tls_dh512_param_file", dropped, "",
     openssl_decides},
    {"postscreen_tls_eecdh_grade", "$smtpd_tls_eecdh_grade", dropped, "", openssl_decides},
    {"postscreen_tls_ask_ccert", "$smtpd_tls_ask_ccert", dropped, "", no_client_certs},
    {"postscreen_tls_req_ccert", "$smtpd_tls_req_ccert", lost, "", no_client_certs},
    {"postscreen_tls_ccert_verifydepth", "$smtpd_tls_ccert_verifydepth", dropped, "",
     no_client_certs},
    {"postscreen_tls_CAfile", "$smtpd_tls_CAfile", dropped, "", no_client_certs},
    {"postscreen_tls_CApath", "$smtpd_tls_CApath", dropped, "", no_client_certs},
    {"postscreen_tls_fingerprint_digest", "$smtpd_tls_fingerprint_digest", dropped, "",
     no_client_certs},
    {"postscreen_tls_enable_rpk", "$smtpd_tls_enable_rpk", dropped, "", no_client_certs},
    {"postscreen_tls_loglevel", "$smtpd_tls_loglevel", dropped, "",
     "One line for each handshake, always."},
    {"postscreen_tls_loglevel_maps", "$smtpd_tls_loglevel_maps", dropped, "",
     "One line for each handshake, always."},
    {"postscreen_tls_trace_size_limit", "$smtpd_tls_trace_size_limit", dropped, "",
     "There is no trace of handshakes."},
    {"tls_trace_rate_limit", "", dropped, "", "There is no trace of handshakes.",
     "since Postfix 3.12"},

    // ── memory of clients, operation ──
    {"postscreen_cache_map",
     "${default_cache_db_type?{$default_cache_db_type}:{btree}}:$data_directory/postscreen_cache",
     differs, "store.kind, store.path",
     "An LMDB file of fendmail's own; `fendmail migrate --cache` brings the known clients over. "
     "Each address is remembered by itself (`store.ipv6_prefix = 128`). An empty one is "
     "`store.kind = \"none\"`.",
     "`btree:$data_directory/postscreen_cache`; since 3.11 `$default_cache_db_type:...`"},
    {"postscreen_cache_cleanup_interval", "12h", same, "store.sweep_interval",
     "0 (never) is the longest interval here."},
    {"postscreen_cache_retention_time", "7d", differs, "store.retention",
     "A record goes when its last pass ended so long ago; in postscreen when its first one did."},
    {"postscreen_watchdog_timeout", "10s", dropped, "",
     "postscreen aborts, and loses all sessions, when it stalls. Here systemd restarts what ends, "
     "and `fendmail healthcheck` sees what hangs."},

    // ── parameters of others that postscreen obeys ──
    {"smtpd_service_name", "smtpd", feeds, "backend.address"},
    {"smtpd_upstream_proxy_protocol", "", feeds, "backend.kind",
     "Of a smtpd on an address of its own, where nothing runs postscreen. A pass service ignores "
     "it."},
    {"queue_directory", "/var/spool/postfix", feeds, "backend.address"},
    {"mail_owner", "postfix", dropped, "",
     "fendmail runs as a user of its own, to whom nothing of Postfix belongs."},
    {"setgid_group", "postdrop", feeds, "server.groups"},
    {"inet_interfaces", "all", feeds, "server.listen",
     "Where a service of master.cf names no address."},
    {"inet_protocols", "all", feeds, "server.listen"},
    {"myhostname", "", same, "server.hostname", "", "this host's name"},
    {"mydomain", "", feeds, "server.hostname", "", "`myhostname` without its first label"},
    {"myorigin", "$myhostname", feeds, "greet.banner, dialog.banner", "Where a banner names it."},
    {"mail_name", "Postfix", feeds, "greet.banner, dialog.banner"},
    {"mail_version", "", feeds, "greet.banner, dialog.banner",
     "Unknown here unless it is in what is read; `fendmail migrate` says so.", "Postfix's own",
     true},
    {"smtpd_banner", "$myhostname ESMTP $mail_name", same, "dialog.banner",
     "The text behind our \"220 \"; keep it equal to smtpd's."},
    {"mynetworks", "", feeds, "access.rules", "", "this machine's, by `mynetworks_style`"},
    {"mynetworks_style", "${{$compatibility_level} <level {2} ? {subnet} : {host}}", feeds,
     "access.rules"},
    {"parent_domain_matches_subdomains",
     "debug_peer_list,fast_flush_domains,mynetworks,permit_mx_backup_networks,"
     "qmqpd_authorized_clients,relay_domains,smtpd_access_maps",
     dropped, "", "postscreen looks at addresses only, and so do we."},
    {"smtpd_client_connection_count_limit", "50", feeds, "limits.clients_per_address"},
    {"default_process_limit", "100", feeds, "limits.screening, limits.handing_off"},
    {"smtpd_helo_required", "no", feeds, "dialog.helo_required"},
    {"disable_vrfy_command", "no", feeds, "dialog.disable_vrfy"},
    {"message_size_limit", "10240000", same, "dialog.size_limit"},
    {"smtputf8_enable", "${{$compatibility_level} <level {1} ? {no} : {yes}}", same,
     "dialog.hide_ehlo", "\"no\" hides SMTPUTF8."},
    {"smtpd_discard_ehlo_keywords", "", feeds, "dialog.hide_ehlo"},
    {"smtpd_discard_ehlo_keyword_address_maps", "", feeds, "dialog.hide_ehlo_from"},
    {"smtpd_forbidden_commands", "CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}", feeds,
     "non_smtp_command.forbidden"},
    {"smtpd_reject_footer", "", feeds, "dialog.reject_footer"},
    {"smtpd_reject_footer_maps", "", feeds, "", "See postscreen_reject_footer_maps."},
    {"smtpd_expansion_filter",
     R"(\t\40!"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`)"
     "abcdefghijklmnopqrstuvwxyz{|}~",
     dropped, "", "See postscreen_expansion_filter.", "printable ASCII and tab"},
    {"soft_bounce", "no", same, "dialog.soft_bounce"},
    {"line_length_limit", "2048", same, "dialog.line_limit", "From 512 to 65536 here."},
    {"smtpd_tls_security_level", "", feeds, "tls.level"},
    {"smtpd_use_tls", "no", feeds, "tls.level"},
    {"smtpd_enforce_tls", "no", feeds, "tls.level"},
    {"smtpd_tls_cert_file", "", feeds, "tls.certificate"},
    {"smtpd_tls_key_file", "$smtpd_tls_cert_file", feeds, "tls.key"},
    {"smtpd_tls_chain_files", "", feeds, "tls.chain_files"},
    {"smtpd_tls_eccert_file", "", feeds, "tls.chain_files"},
    {"smtpd_tls_eckey_file", "$smtpd_tls_eccert_file", feeds, "tls.chain_files"},
    {"tls_server_sni_maps", "", feeds, "tls.certificate",
     "Each entry becomes a `[[tls.certificate]]`; the text is read, whatever the type."},
    {"smtpd_tls_protocols", ">=TLSv1", feeds, "tls.min_protocol"},
    {"smtpd_tls_mandatory_protocols", ">=TLSv1", feeds, "tls.min_protocol"},
    {"smtpd_starttls_timeout", "${stress?{10}:{300}}s", feeds, "tls.handshake_timeout"},
    {"tls_ssl_options", "", feeds, "tls.session_tickets", "Of its words only NO_TICKET counts."},
    {"syslog_name", "${multi_instance_name?{$multi_instance_name}:{postfix}}", feeds, "log.ident"},
    {"maillog_file", "", feeds, "log.target",
     "That file is Postfix's own; fendmail needs another, and the admin has to say which."},
    {"respectful_logging", "${{$compatibility_level} <level {3.6} ? {no} : {yes}}", same,
     "log.respectful"},
    {"compatibility_level", "0", feeds, "access.rules, dialog.hide_ehlo, log.respectful"},
    {"data_directory", "/var/lib/postfix", feeds, "", "Where postscreen's cache is."},
    {"default_cache_db_type", "", feeds, "",
     "Since Postfix 3.11: the type of postscreen's cache where postscreen_cache_map is not set.",
     "`btree`, or what Postfix was built with"},
    {"default_database_type", "hash", feeds, "access.rules",
     "Of `$default_database_type:/file`; the text is read, whatever the type.",
     "`hash`, or what Postfix was built with"},
    {"config_directory", "", feeds, "", "Where tables are looked for.", "`/etc/postfix`"},
    {"stress", "", feeds, "greet.wait_under_stress, dialog.command_time_limit_under_stress"},
    {"dnsblog_service_name", "dnsblog", dropped, "", no_helper},
    {"dnsblog_reply_delay", "0s", dropped, "", no_helper},
    {"tlsproxy_service_name", "tlsproxy", dropped, "", no_helper},
    {"delay_logging_resolution_limit", "2", dropped, "", "Delays have postscreen's default form."},
    {"info_log_address_format", "external", dropped, "",
     "Addresses are logged in their external form."},
    {"dns_ncache_ttl_fix_enable", "no", dropped, "",
     "fendmail reads the negative TTL from the answer itself; dnsbl.min_ttl counts without one."},
    {"max_idle", "100s", dropped, "", "fendmail does not end when it has no clients."},
};

/// A cell of a table: a bar would end it.
std::string cell(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    return out;
}

std::string default_cell(const parameter& p)
{
    if (!p.default_in_words.empty()) return cell(p.default_in_words);
    return p.default_text.empty() ? "empty" : fmt::format("`{}`", cell(p.default_text));
}

std::string keys_cell(std::string_view keys)
{
    std::string out;
    while (!keys.empty()) {
        const std::size_t end = std::min(keys.find(", "), keys.size());
        out += fmt::format("{}`{}`", out.empty() ? "" : ", ", keys.substr(0, end));
        keys.remove_prefix(std::min(end + 2, keys.size()));
    }
    return out;
}

} // namespace

std::string_view to_string(fate f) noexcept
{
    switch (f) {
    case fate::same: return "same";
    case fate::differs: return "differs";
    case fate::feeds: return "used";
    case fate::dropped: return "not needed";
    case fate::lost: return "not done";
    }
    return "?";
}

std::span<const parameter> all_parameters() noexcept
{
    return table;
}

const parameter* find_parameter(std::string_view name) noexcept
{
    const auto* const found = std::ranges::find(table, name, &parameter::name);
    return found == std::end(table) ? nullptr : found;
}

std::string parameters_markdown()
{
    std::string out = "| parameter | its default | here | key | remark |\n|---|---|---|---|---|\n";
    for (const parameter& p : table)
        out += fmt::format("| `{}` | {} | {} | {} | {} |\n", p.name, default_cell(p),
                           to_string(p.what), keys_cell(p.keys), cell(p.note));
    return out;
}

} // namespace fendmail::app::postscreen
