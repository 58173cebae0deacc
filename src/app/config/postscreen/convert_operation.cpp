// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/postscreen/logical_lines.hpp"
#include "fendmail/app/config/postscreen/parameter_table.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace fendmail::app::postscreen {

namespace {

/// For who cleans up never.
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
    // postlogd writes it, as another user; we would not start.
    if (file.starts_with('/') && file != "/dev/stdout")
        comments.push_back({"That file is Postfix's. Give fendmail one of its own: "
                            "\"file:/var/log/fendmail/fendmail.log\".",
                            false});
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

// ── the head of the file ──────────────────────────────────────────────────────────────────────

std::vector<std::string> head_lines(conversion& c, const std::vector<std::string>& names)
{
    std::string made_from;
    for (const std::string& name : names)
        made_from += (made_from.empty() ? "" : ", ") + (name == "-" ? "standard input" : name);
    std::vector<std::string> out{
        fmt::format("fendmail.toml, made by `fendmail migrate` from {}.", made_from),
        "",
        "Comments say where a value comes from. ATTENTION marks what needs a decision. What is not",
        "named here is fendmail's default, and as in postscreen. Parameters of Postfix that",
        "postscreen does not obey stay where they are. More: docs/from-postscreen.md.",
        "",
        "What to do next:",
        " 1. Check it: fendmail check -c /etc/fendmail/fendmail.toml",
    };
    const master_service* in_front =
        c.around.screen != nullptr ? c.around.screen : c.around.front_smtpd;
    if (in_front != nullptr) {
        out.emplace_back(" 2. master.cf: put a \"#\" in front of this service and all lines that "
                         "belong to it:");
        for (const master_service* s : c.around.listeners)
            out.push_back(fmt::format("      {} ({})", s->first_row, to_text(s->at)));
        if (c.around.screen == nullptr)
            out.push_back(fmt::format("      {} ({})", in_front->first_row, to_text(in_front->at)));
    } else {
        out.emplace_back(" 2. master.cf: put a \"#\" in front of the service on port 25 (\"smtp "
                         "inet … postscreen\").");
    }
    if (c.around.pass == nullptr)
        out.emplace_back("    There has to be a pass service for smtpd; see backend.address.");
    else
        out.emplace_back("    The pass service stays.");
    const std::string map{trim(c.text("postscreen_cache_map"))};
    out.emplace_back("    Then: postfix reload");
    if (map.empty() || map.starts_with("memcache:"))
        out.emplace_back(" 3. Start fendmail.");
    else {
        out.emplace_back(" 3. Bring the known clients over and start fendmail:");
        out.push_back(fmt::format("      postmap -s {} | fendmail migrate --cache - -c "
                                  "/etc/fendmail/fendmail.toml",
                                  map.starts_with("proxy:") ? map.substr(6) : map));
    }
    out.emplace_back("The way back: stop fendmail, take the \"#\" away again, postfix reload.");
    return out;
}

} // namespace fendmail::app::postscreen
