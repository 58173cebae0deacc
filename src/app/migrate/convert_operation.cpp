// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/app/migrate/parameter_table.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace fendmail::app::postscreen {

namespace {

/// For an admin who never cleans up.
constexpr seconds longest_sweep = std::chrono::days{365};

void convert_limits(conversion& c)
{
    const auto put = [&](std::string_view key_name, std::string_view name,
                         std::vector<comment> more = {}) {
        c.put("limits", key_name, fmt::format("{}", c.number_for(name, "limits", key_name)), {name},
              std::move(more));
    };
    put("clients_per_address", "postscreen_client_connection_count_limit");
    put("screening", "postscreen_pre_queue_limit",
        {{"Can be raised: a waiting client is cheap here.", false}});
    put("handing_off", "postscreen_post_queue_limit");
    c.out.put("limits", "ipv6_prefix", "128",
              {{"postscreen counts each address by itself. By fendmail's own default, 64, an IPv6 "
                "network is one client.",
                false}});
}

void convert_store(conversion& c)
{
    const std::string map{trim(c.text("postscreen_cache_map"))};
    if (map.empty()) {
        c.put("store", "kind", "\"none\"", {"postscreen_cache_map"});
        return;
    }
    const auto table = parse_table_name(map);
    std::vector<comment> comments{{c.source_text("postscreen_cache_map"), false}};
    if (table && table->type == "memcache") {
        comments.push_back({"shared between hosts; here it is a file of this host's own.", true});
        c.warn("postscreen_cache_map", "memcache: what it shares with other hosts is not shared "
                                       "here");
    } else {
        comments.push_back({"An LMDB file of fendmail's own; the head of this file says how known "
                            "clients get into it.",
                            false});
    }
    c.out.put("store", "path", "\"/var/lib/fendmail/clients.lmdb\"", std::move(comments));
    c.out.put(
        "store", "ipv6_prefix", "128",
        {{"postscreen remembers each address by itself; fendmail's own default is 64.", false}});
    c.put_span("store", "retention", c.span("postscreen_cache_retention_time", 'd'),
               {"postscreen_cache_retention_time"});
    seconds sweep = c.span("postscreen_cache_cleanup_interval", 'h');
    if (sweep == seconds{0}) sweep = longest_sweep;
    c.put_span("store", "sweep_interval", sweep, {"postscreen_cache_cleanup_interval"});
}

void convert_log(conversion& c)
{
    const std::string file{trim(c.text("maillog_file"))};
    std::vector<comment> comments{
        {file.empty() ? "Where Postfix logs." : c.source_text("maillog_file"), false}};
    // postlogd writes that file, as another user; fendmail could not even open it.
    const bool is_stream = file.starts_with("/dev/std");
    if (!file.empty() && !is_stream) {
        const auto text = fmt::format(
            "Postfix's own log file {}: fendmail's lines are not in it, since only Postfix may "
            "write there. They go to standard error, which is the journal under systemd. Give "
            "what reads them, fail2ban for one, a file of fendmail's own, such as target = "
            "\"file:/var/log/fendmail/fendmail.log\", or the journal",
            file);
        comments.push_back({text, true});
        c.warn("maillog_file", text);
    }
    c.out.put("log", "target", file.empty() ? "\"syslog\"" : "\"stderr\"", std::move(comments));
    std::string name;
    for (const char ch : c.text("syslog_name"))
        if (ch > 0x20 && ch < 0x7f) name += ch;
    c.out.put("log", "ident", toml_text(fmt::format("{}/postscreen", name)),
              {{"So that what reads postscreen's lines reads ours.", false}});
    c.put("log", "respectful", c.flag("respectful_logging") ? "true" : "false",
          {"respectful_logging"});
}

/// Every name that is set for postscreen.
std::set<std::string> written_names(const conversion& c)
{
    std::set<std::string> out;
    for (const auto& [name, value] : c.from.main)
        out.insert(name);
    if (c.around.screen != nullptr)
        for (const auto& [name, value] : c.around.screen->overrides)
            out.insert(name);
    return out;
}

void report_unknown(conversion& c, const std::string& name)
{
    // Of 3.12's family some have no row of their own.
    if (!name.starts_with("postscreen_")) return;
    c.warn(name, "no parameter of postscreen that is known here: not converted");
    c.out.add_leftover({fmt::format("{} ({}): no parameter of postscreen that is known here.", name,
                                    to_text(c.place_of(name))),
                        true});
}

void report_lost(conversion& c, const parameter& p)
{
    const std::string value = to_lower(trim(c.text(p.name)));
    const auto origin = c.values.find_origin(p.name);
    if (value.empty() || value == "no" || !origin) return;
    c.warn(p.name, std::string(p.note));
    c.out.add_leftover(
        {fmt::format("{} ({}): {}", origin->name, to_text(origin->what.at), p.note), true});
}

} // namespace

void convert_operation(conversion& c)
{
    convert_limits(c);
    convert_store(c);
    convert_log(c);
}

void convert_leftovers(conversion& c)
{
    for (const parameter& p : all_parameters())
        if (p.what == fate::lost) report_lost(c, p);
    for (const std::string& name : written_names(c)) {
        const parameter* known = find_parameter(name);
        if (known == nullptr) {
            report_unknown(c, name);
            continue;
        }
        const auto* set = c.values.written(name);
        if (known->what != fate::dropped || set->text == known->default_text) continue;
        c.out.add_leftover(
            {fmt::format("{} ({}): {}", name, to_text(set->at), known->note), false});
    }
}

} // namespace fendmail::app::postscreen
