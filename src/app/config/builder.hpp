// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/ascii.hpp"
#include "settings.hpp"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Settings → configuration, section by section. Private to build*.cpp.
namespace fendmail::app {

/// RFC 5321 §4.2: the text of a reply is printable ASCII, space and tab; a tab helps nobody.
[[nodiscard]] inline bool is_reply_text(std::string_view text)
{
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

class builder {
public:
    builder(const settings& from, std::string_view default_hostname, problem_list& problems)
        : from_{from}
        , default_hostname_{default_hostname}
        , problems_{problems}
    {
    }

    config build() &&;

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

    void no_control(std::string_view section, std::string_view name);

    void server();
    void hostname();
    void admin();
    void backend();
    void tcp_backend(const text_item& address, place where);
    void details_without_effect(const backend_options& options);
    void proxy_protocol();
    void access();
    void allowlist_interfaces();
    void known_senders();
    void client_name();
    void own_names();
    void screening();
    void teaser();
    void check_banner(const text_item& item, std::string_view key_name);
    void dnsbl();
    void dnsbl_sites();
    void dnsbl_scores(const std::vector<dnsbl::site>& sites);
    void dnsbl_resolvers();
    void dnsbl_zones();
    void known_lists();
    void sites_without_effect();
    void macros_of_postfix();
    void zone_keys();
    void zone_resolvers();
    void zone_timeouts();
    void error_answers();
    void untestable();
    /// A table [dnsbl.list."ZONE"] whose name is a zone.
    struct list_table {
        named_table table;
        std::string zone;
    };
    void list_names();
    void list_sites(std::vector<dnsbl::site>& sites);
    void merge_site(dnsbl::site& site, std::string_view text, const dnsbl::site& own,
                    const named_table& table);
    [[nodiscard]] bool is_said_twice(const list_table& list, std::string_view key_name,
                                     std::string_view map);
    void list_settings();
    void warn_of_known_list(std::string_view zone, const text_item& written,
                            std::string_view key_name);
    void zone_timeout(const text_item& value, std::string_view key_name,
                      dnsbl::site_set::zone_entry* zone);
    void zone_key(const text_item& value, std::string_view key_name,
                  dnsbl::site_set::zone_entry* zone);
    /// The zone of the sites that the text means, or nullptr and a warning.
    [[nodiscard]] dnsbl::site_set::zone_entry* zone_of(const text_item& name,
                                                       std::string_view key_name);
    void check_resolver(const text_item& item, std::string_view resolver,
                        std::string_view key_name);
    [[nodiscard]] std::int64_t highest_name_weight() const;
    [[nodiscard]] std::map<std::string, std::string> reply_names();
    void dialog();
    void hidden_keywords();
    [[nodiscard]] std::vector<std::string> ehlo_keywords(const text_item& item,
                                                         std::string_view key_name);
    void reject_footer();
    void forbidden_commands();
    void store();
    void log();

    const settings& from_;
    std::string_view default_hostname_;
    problem_list& problems_;
    config out_;
    std::vector<list_table> lists_;
};

} // namespace fendmail::app
