// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "fendmail/io/os/variables.hpp"

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Keys as variables of the environment: server.listen is FENDMAIL_SERVER_LISTEN.
///
/// Source: decision of docs/configuration.md; the environment comes in as a map, nothing here
/// reads that of the process.
/// Memory: `expansion` refers to the map.
/// Errors: none; what a text means is for the loader.
/// Threads: values only; an `expansion` has one owner.
namespace fendmail::app {

inline constexpr std::string_view variable_prefix = "FENDMAIL_";

/// "FENDMAIL_SERVER_LISTEN". Keys in named tables have none.
[[nodiscard]] std::string variable_of(const key& k);

/// The keys that a variable could mean: more than one where "a.b_c" and "a_b.c" are both keys.
[[nodiscard]] std::vector<const key*> keys_of_variable(std::string_view variable,
                                                       std::span<const key> keys);

/// The value of a variable as TOML: as it is where it is that already, in quotes where the key
/// takes a string, and split at commas where it takes a list.
[[nodiscard]] std::string variable_toml(const key& k, std::string_view value);

/// What Kubernetes sets in each pod for a Service that is called fendmail, or fendmail-…:
/// FENDMAIL_SERVICE_HOST, FENDMAIL_PORT_25_TCP_ADDR. They are no keys.
[[nodiscard]] bool is_service_variable(std::string_view variable, std::string_view value) noexcept;

/// What ${NAME} stands for, and which names were asked for.
class expansion {
public:
    explicit expansion(const io::variable_map& variables)
        : variables_{&variables}
    {
    }

    /// Nothing when it is not set.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name);
    [[nodiscard]] bool was_asked_for(std::string_view name) const { return asked_.contains(name); }
    [[nodiscard]] const io::variable_map& variables() const noexcept { return *variables_; }

private:
    const io::variable_map* variables_;
    std::set<std::string, std::less<>> asked_;
};

} // namespace fendmail::app
