// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/config/countable.hpp"
#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/app/migrate/pattern_table.hpp"
#include "fendmail/app/migrate/zone_keys.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/units.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

namespace fendmail::app::postscreen {

namespace {

constexpr int weight_max = 1000;

struct written_site {
    std::string zone;
    std::string filter; ///< "" = none
    std::string weight; ///< "" = none
};

written_site split_site(std::string_view text)
{
    written_site out;
    const std::size_t star = text.find('*');
    if (star != std::string_view::npos) {
        out.weight = text.substr(star + 1);
        if (out.weight.starts_with('+')) out.weight.erase(0, 1);
        text = text.substr(0, star);
    }
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) out.filter = text.substr(equals + 1);
    out.zone = text.substr(0, equals);
    return out;
}

std::string join(const written_site& site)
{
    std::string out = site.zone;
    if (!site.filter.empty()) out += "=" + site.filter;
    if (!site.weight.empty()) out += "*" + site.weight;
    return out;
}

bool is_number(std::string_view text)
{
    if (text.starts_with('-')) text.remove_prefix(1);
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// postscreen_dnsbl_reply_map: zone → name for clients.
class reply_map {
public:
    reply_map(conversion& c, remark_sink& remarks)
    {
        const std::string text{trim(c.text("postscreen_dnsbl_reply_map"))};
        if (text.empty()) return;
        is_set_ = true;
        const auto table = parse_table_name(text);
        if (!table || table->kind == table_kind::opaque || table->kind == table_kind::cidr) {
            remarks.add(0, "postscreen_dnsbl_reply_map cannot be read here: write its names into "
                           "dnsbl.reply_names");
            return;
        }
        if (table->kind == table_kind::fixed) {
            find_ = [name = table->name](const std::string&) { return std::optional{name}; };
            return;
        }
        const auto lines = read_table(*table, c.read, remarks);
        if (!lines) return;
        if (table->kind == table_kind::pattern) {
            auto patterns = std::make_shared<pattern_table>(*table, *lines, remarks);
            find_ = [patterns](const std::string& zone) { return patterns->find(zone); };
            return;
        }
        find_ = [entries = parse_entries(*table, *lines, remarks)](
                    const std::string& zone) -> std::optional<std::string> {
            const auto found = std::ranges::find_if(
                entries, [&](const keyed_entry& e) { return to_lower(e.key) == to_lower(zone); });
            return found == entries.end() ? std::nullopt : std::optional{found->result};
        };
    }

    [[nodiscard]] bool is_set() const { return is_set_; }
    [[nodiscard]] bool is_readable() const { return static_cast<bool>(find_); }
    [[nodiscard]] std::optional<std::string> find(const std::string& zone) const
    {
        return find_ ? find_(zone) : std::nullopt;
    }

private:
    bool is_set_ = false;
    std::function<std::optional<std::string>(const std::string&)> find_;
};

class site_converter {
public:
    explicit site_converter(conversion& c)
        : c_{c}
        , sink_{c.out.remarks, c.place_of("postscreen_dnsbl_sites")}
        , replies_{c, sink_}
    {
    }

    void convert()
    {
        std::size_t number = 0;
        for (const std::string& word : split_list(c_.text("postscreen_dnsbl_sites")))
            add(split_site(word), ++number);
        c_.put("dnsbl", "sites", toml_list(sites_), {"postscreen_dnsbl_sites"},
               std::move(comments_));
        put_keys();
        if (names_.empty() && !replies_.is_set()) return;
        std::vector<comment> more;
        if (replies_.is_set() && !replies_.is_readable())
            more.push_back(
                {"the map could not be read; clients are told the names of zones, without "
                 "the keys in dnsbl.zone_keys.",
                 true});
        c_.put("dnsbl", "reply_names", toml_table(names_), {"postscreen_dnsbl_reply_map"},
               std::move(more));
    }

private:
    void add(written_site site, std::size_t number)
    {
        // Whatever is said about it must not show a key.
        const auto complain = [&](std::string_view what) {
            const auto shown = replies_.find(site.zone);
            const std::string text = fmt::format("postscreen_dnsbl_sites: site {}{}: {}", number,
                                                 shown ? fmt::format(" ({})", *shown) : "", what);
            sink_.add(0, text);
            comments_.push_back({text.substr(text.find("site ")), true});
        };
        if (site.weight == "0" || site.weight == "-0") {
            comments_.push_back(
                {fmt::format("Site {} has the weight 0 and was left out.", number), false});
            return;
        }
        const auto parsed = dnsbl::parse_site(join(site));
        if (!parsed && parsed.error() == error::bad_weight && is_number(site.weight)) {
            site.weight = site.weight.starts_with('-') ? fmt::format("{}", -weight_max)
                                                       : fmt::format("{}", weight_max);
            if (const auto again = dnsbl::parse_site(join(site)); !again)
                return complain(fmt::format("{}: left out", message(again.error())));
            complain(fmt::format("a weight is at most {} here", weight_max));
        } else if (!parsed) {
            return complain(fmt::format("{}: left out", message(parsed.error())));
        }
        if (!site.filter.empty() && !can_count(join(site)))
            complain("no answer that counts here matches its filter, so it never counts "
                     "(127.0.0.1, 127.255.255.x, what is outside 127.0.0.0/8, and a list's own "
                     "error answers do not)");
        const std::string full_zone = site.zone;
        take_key(site.zone);
        if (!knows(site.zone)) name(site.zone, full_zone);
        sites_.push_back(join(site));
    }

    /// A key goes to dnsbl.zone_keys, which no client and no log sees.
    void take_key(std::string& zone)
    {
        auto found = split_key(zone);
        if (!found) return;
        const auto known = std::ranges::find_if(
            keys_, [&](const auto& k) { return to_lower(k.first) == to_lower(found->zone); });
        // Of one zone there is one key here; a second one stays where it is.
        if (known != keys_.end() && to_lower(known->second.key) != to_lower(found->key)) return;
        zone = found->zone;
        if (known == keys_.end()) keys_.emplace_back(zone, std::move(*found));
    }

    void put_keys()
    {
        if (keys_.empty()) return;
        key_ring ring;
        std::vector<std::pair<std::string, std::string>> table;
        std::vector<comment> more{{c_.source_text("postscreen_dnsbl_sites"), false}};
        for (const auto& [zone, found] : keys_) {
            const std::string file = ring.add(found);
            table.emplace_back(zone, c_.options.writes_files
                                         ? fmt::format("{}/{}", c_.options.output_directory, file)
                                         : found.key);
            if (!found.is_guess) continue;
            const auto text = fmt::format("what stood in front of {} looks like a key and is taken "
                                          "for one",
                                          zone);
            more.push_back({text, true});
            sink_.add(0, fmt::format("postscreen_dnsbl_sites: {}", text));
        }
        if (c_.options.writes_files)
            c_.key_files = ring.files();
        else
            more.push_back({"a secret stands here. The absolute path of a file in its place does "
                            "as well: --output DIR writes one.",
                            true});
        c_.out.put("dnsbl", "zone_keys", toml_table(table), std::move(more));
    }

    [[nodiscard]] bool knows(const std::string& zone) const
    {
        return std::ranges::any_of(sites_, [&](const std::string& site) {
            return to_lower(split_site(site).zone) == to_lower(zone);
        });
    }

    /// @param full_zone with its key, as the map has it
    void name(const std::string& zone, const std::string& full_zone)
    {
        const auto shown = replies_.find(full_zone);
        if (!shown || *shown == zone) return;
        std::string clean;
        for (const char ch : *shown)
            clean += ch >= 0x20 && ch < 0x7f ? ch : '?';
        names_.emplace_back(zone, clean.empty() ? "a DNS blocklist" : clean);
    }

    conversion& c_;
    remark_sink sink_;
    reply_map replies_;
    std::vector<std::string> sites_;
    std::vector<std::pair<std::string, std::string>> names_;
    std::vector<comment> comments_;
    std::vector<std::pair<std::string, keyed_zone>> keys_; ///< by zone without its key
};

void convert_times(conversion& c)
{
    seconds timeout = c.span("postscreen_dnsbl_timeout", 's');
    // postscreen starts with no shorter one.
    const seconds greet_wait = std::max(c.span("postscreen_greet_wait", 's'), seconds{1});
    if (trim(c.text("postscreen_greet_banner")).empty() && greet_wait < timeout) {
        // Without a pregreet test our lists have their own time, in postscreen the greet wait.
        c.put(
            "dnsbl", "timeout", fmt::format("\"{}\"", fendmail::to_text(milliseconds{greet_wait})),
            {"postscreen_greet_wait"}, {{"postscreen waits for lists at most that long.", false}});
    } else {
        c.put_span("dnsbl", "timeout", timeout, {"postscreen_dnsbl_timeout"});
    }
    const seconds max_ttl = c.span("postscreen_dnsbl_max_ttl", 'h');
    seconds min_ttl = c.span("postscreen_dnsbl_min_ttl", 's');
    if (min_ttl > max_ttl) {
        c.warn("postscreen_dnsbl_min_ttl", "longer than postscreen_dnsbl_max_ttl; that is used");
        min_ttl = max_ttl;
    }
    c.put_span("dnsbl", "min_ttl", min_ttl, {"postscreen_dnsbl_min_ttl"});
    c.put_span("dnsbl", "max_ttl", max_ttl, {"postscreen_dnsbl_max_ttl"});
}

} // namespace

void convert_dnsbl(conversion& c)
{
    site_converter{c}.convert();
    c.put("dnsbl", "threshold",
          fmt::format("{}", c.number_for("postscreen_dnsbl_threshold", "dnsbl", "threshold")),
          {"postscreen_dnsbl_threshold"});
    // A positive one turns it off, too.
    const auto allow = c.number("postscreen_dnsbl_allowlist_threshold", -100000, 100000);
    c.put("dnsbl", "allow_threshold", fmt::format("{}", std::min<std::int64_t>(allow, 0)),
          {"postscreen_dnsbl_allowlist_threshold"});
    c.put("dnsbl", "action", fmt::format("\"{}\"", c.action("postscreen_dnsbl_action")),
          {"postscreen_dnsbl_action"});
    // Without a pregreet test the lists have a time of their own, and none of them is late.
    const bool has_greet_wait = !trim(c.text("postscreen_greet_banner")).empty();
    const bool has_sites = !split_list(c.text("postscreen_dnsbl_sites")).empty();
    if (has_greet_wait && has_sites)
        c.out.put(
            "dnsbl", "late", "\"wait\"",
            {{"A client stays while lists that could refuse it have not answered, at most for "
              "dnsbl.timeout. postscreen lets it through at the end of the greet wait: "
              "\"pass\" does so, and a burst of bots that makes the lists late gets through.",
              false}});
    if (has_sites)
        c.out.put(
            "dnsbl", "private_addresses", "\"skip\"",
            {{"Lists are not asked about private addresses (10.0.0.0/8 and the like), which no "
              "public one can know; postscreen asks. \"ask\" does so, for all of them or, in "
              "[dnsbl.list.\"ZONE\"], for one of your own.",
              false}});
    convert_times(c);
}

} // namespace fendmail::app::postscreen
