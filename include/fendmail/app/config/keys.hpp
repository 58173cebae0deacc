// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The table of every key of fendmail.toml. The loader, config/fendmail.toml and
/// docs/configuration.md are made from it, so that they cannot say different things.
///
/// Units: `min` and `max` are milliseconds for durations, octets for sizes, otherwise plain
/// numbers.
/// Memory: constants.
/// Errors: none.
/// Threads: constants.
namespace fendmail::app {

enum class key_type : std::uint8_t {
    text,
    text_list,
    boolean,
    integer,
    duration, ///< "6s"
    size,     ///< "64KiB", or a whole number of octets
    action,   ///< a choice of screen::action
    choice,
    text_map, ///< { name = "text", … }
};

enum class availability : std::uint8_t {
    available,
    later, ///< known by name; anything but the default is an error that says so
    inert, ///< known by name, without effect until the `later` key beside it is built; a warning
};

struct key {
    std::string_view section = {};
    std::string_view name = {};
    key_type type = key_type::text;
    std::string_view default_toml = {}; ///< the default as written in TOML
    std::string_view doc = {};          ///< one sentence or two
    std::string_view example = {};      ///< another value as written in TOML; "" = none
    std::int64_t min = 0;
    std::int64_t max = 0;
    std::int64_t step = 1; ///< a duration has to be a multiple of it
    /// "a|b|c" in the order of the enumerators; for `action` see choices_of().
    std::string_view choices = {};
    bool reloadable = true; ///< false: needs a restart
    availability since = availability::available;
};

struct section {
    std::string_view name = {};
    std::string_view doc = {};
};

/// Keys of a table that may stand there many times, each with a name of its own:
/// [dnsbl.list."zen.spamhaus.org"]. Each is a section: a later file replaces single keys of it.
struct named_section {
    std::string_view section = {}; ///< "dnsbl"
    std::string_view name = {};    ///< "list"
    std::string_view doc = {};
    std::string_view placeholder = {}; ///< for the name in texts: "ZONE"
    std::string_view example = {};     ///< a name
    std::span<const key> keys = {};    ///< their section is "dnsbl.list"

    [[nodiscard]] const key* find(std::string_view key_name) const noexcept;
};

/// In the order of the file; keys of one section stand together.
[[nodiscard]] std::span<const section> all_sections() noexcept;
[[nodiscard]] std::span<const key> all_keys() noexcept;
[[nodiscard]] std::span<const named_section> all_named_sections() noexcept;
/// Those written as [[section.name]], whose tables have no names; a key may be called like one.
[[nodiscard]] std::span<const named_section> all_table_lists() noexcept;

/// The key, or nullptr.
[[nodiscard]] const key* find_key(std::string_view section, std::string_view name) noexcept;
[[nodiscard]] const named_section* find_named_section(std::string_view section,
                                                      std::string_view name) noexcept;
[[nodiscard]] const named_section* find_table_list(std::string_view section,
                                                   std::string_view name) noexcept;
/// What a `choice` or `action` key takes, in the order of its enum.
[[nodiscard]] std::vector<std::string_view> choices_of(const key& k);
/// "duration from 1s to 5m", "one of "none", "may""; what error messages and the docs say.
[[nodiscard]] std::string type_text(const key& k);

/// The whole of fendmail.toml, commented, each key at its default.
[[nodiscard]] std::string default_config_text();
/// The whole of docs/configuration.md.
[[nodiscard]] std::string configuration_markdown();

} // namespace fendmail::app
