// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The table of every key of fendmail.toml, made of what the sections say. The loader, the
/// commands `defaults` and `reference`, and docs/configuration.md are made from it, so that they
/// cannot say different things.
///
/// Units: as those of key_facts.
/// Memory: made once, at the first use.
/// Errors: none.
/// Threads: constant once made.
namespace fendmail::app {

class value_place;

struct key {
    std::string section = {};
    std::string name = {};
    key_type type = key_type::text;
    std::string default_toml = {}; ///< the default as written in TOML
    std::string_view doc = {};
    std::string_view example = {};
    std::int64_t min = 0;
    std::int64_t max = 0;
    std::int64_t step = 1;                      ///< a duration has to be a multiple of it
    std::vector<std::string_view> choices = {}; ///< what a `choice` takes
    bool is_one_line = false;
    bool has_dollars = false;
    secrecy secret = secrecy::none;
    bool reloadable = true; ///< false: needs a restart, as its value is in startup_config
    /// Where the value goes; none where the section makes something else of it.
    std::shared_ptr<const value_place> place = {};
};

struct section {
    std::string_view name = {};
    std::string_view doc = {};
};

/// Keys of a table that may stand there many times: [dnsbl.list."zen.spamhaus.org"], each with a
/// name of its own, or [[tls.certificate]], one after the other. Each is a section: a later file
/// replaces single keys of one with a name. A whole section may be one as well: [[backend]], or
/// have nothing but such: [feed.drop].
struct named_section {
    std::string_view section = {}; ///< "dnsbl"
    std::string_view name =
        {}; ///< "list"; "" = the tables are in place of the section, or all of it
    std::string_view doc = {};
    std::string_view placeholder = {}; ///< for the name in texts: "ZONE"; "" = [[section.name]]
    std::string_view example = {};     ///< a name
    std::string_view unique = {};      ///< the key whose value no two of the tables may share
    secrecy secret_names = secrecy::none;
    std::vector<key> keys = {}; ///< their section is "dnsbl.list"

    /// "dnsbl.list", "backend"
    [[nodiscard]] std::string full_name() const;
    /// [dnsbl.list."NAME"], [[tls.certificate]], [[backend]]
    [[nodiscard]] std::string header(std::string_view of_name) const;
    /// Whether a key is one that the section has as well.
    [[nodiscard]] bool is_of_section(const key& k) const;

    [[nodiscard]] const key* find(std::string_view key_name) const noexcept;
};

/// In the order of the file; keys of one section stand together.
[[nodiscard]] std::span<const section> all_sections();
[[nodiscard]] std::span<const key> all_keys();
[[nodiscard]] std::span<const named_section> all_named_sections();
/// Those written as [[section.name]], whose tables have no names; a key may be called like one.
[[nodiscard]] std::span<const named_section> all_table_lists();

/// The key, or nullptr.
[[nodiscard]] const key* find_key(std::string_view section, std::string_view name);
[[nodiscard]] const named_section* find_named_section(std::string_view section,
                                                      std::string_view name);
[[nodiscard]] const named_section* find_table_list(std::string_view section, std::string_view name);
/// "duration from 1s to 5m", "one of "none", "may""; what error messages and the docs say.
[[nodiscard]] std::string type_text(const key& k);

/// The whole of fendmail.toml, commented, each key at its default.
[[nodiscard]] std::string default_config_text();
/// The whole of docs/configuration.md.
[[nodiscard]] std::string configuration_markdown();

} // namespace fendmail::app
