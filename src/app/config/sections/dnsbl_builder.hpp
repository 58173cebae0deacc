// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/section_builder.hpp"
#include "fendmail/core/dnsbl/filter.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/throttle/budget.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Section [dnsbl] and its tables. Private to sections/dnsbl*.cpp.
///
/// Threads: one owner.
namespace fendmail::app {

/// What a table [dnsbl.list."ZONE"] has.
struct list_options {
    int weight = 1;
    std::optional<dnsbl::filter> filter; ///< none = every listing
    std::optional<milliseconds> timeout; ///< none = dnsbl.timeout
    dns::server_list resolvers;          ///< none = dnsbl.resolvers
    std::string key;                     ///< "" = the file's, or none
    std::string key_file;
    std::vector<dnsbl::filter> error_answers;
    bool untestable = false;
    std::optional<budget> max_questions;
    std::optional<private_clients> private_addresses; ///< none = dnsbl.private_addresses
};

class dnsbl_builder : section_builder {
public:
    explicit dnsbl_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();

private:
    /// A table whose name is a zone.
    struct list_table {
        named_table table;
        std::string zone;
        list_options says;
    };
    using zone_entry = dnsbl::site_set::zone_entry;

    void sites();
    void scores(const std::vector<dnsbl::site>& sites);
    [[nodiscard]] std::int64_t highest_name_weight() const;
    [[nodiscard]] std::map<std::string, std::string> reply_names();

    void zones();
    void known_lists();
    void warn_of_known_list(std::string_view zone, const text_item& written,
                            std::string_view key_name);
    void sites_without_effect();
    void zone_keys();
    void zone_resolvers();
    void zone_timeouts();
    void error_answers();
    void untestable();
    static void set_untestable(zone_entry& zone)
    {
        zone.entry = dnsbl::test_entry::untested;
        zone.lists_loopback = true;
    }
    /// The zone of the sites that the text means, or nullptr and a warning.
    [[nodiscard]] zone_entry* zone_of(const text_item& name, std::string_view key_name);
    void zone_timeout(const text_item& value, std::string_view key_name, milliseconds span,
                      zone_entry* zone);
    /// The key of a file.
    [[nodiscard]] std::optional<std::string> key_in(const text_item& file,
                                                    std::string_view key_name);
    void zone_key(place where, std::string_view key_name, std::string_view key, zone_entry* zone);

    void list_names();
    void list_sites(std::vector<dnsbl::site>& sites);
    void merge_site(dnsbl::site& site, std::string_view text, const dnsbl::site& own,
                    const named_table& table);
    [[nodiscard]] bool is_said_twice(const list_table& list, std::string_view key_name,
                                     std::string_view map);
    void list_settings();
    void list_answers(const list_table& list, zone_entry& zone);
    void list_key(const list_table& list, zone_entry* zone);

    std::vector<list_table> lists_;
};

} // namespace fendmail::app
