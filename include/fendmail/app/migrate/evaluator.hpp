// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/expander.hpp"
#include "fendmail/app/migrate/sources.hpp"
#include "fendmail/core/address.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The values of parameters as a service of Postfix sees them: its overrides, then main.cf, then
/// the defaults, expanded.
///
/// Source: postconf(5); for myhostname, mydomain and mynetworks what Postfix makes of the host.
/// Errors: an expansion that fails says why.
/// Threads: none of its own; refers to what it was made from.
namespace fendmail::app::postscreen {

/// What Postfix asks its host; a test says what it likes.
struct host_facts {
    struct interface {
        ip_address address;
        std::uint8_t prefix_length = 0;
    };
    std::string hostname;              ///< as gethostname() has it
    std::vector<interface> interfaces; ///< in the system's order
    /// The addresses of a name; none when it is not known. Not set: no name is.
    std::function<std::vector<ip_address>(const std::string& name)> resolve = {};
};

/// The default of mynetworks: the networks of this host's interfaces.
/// @param style "host", "subnet" or "class"
[[nodiscard]] std::string own_networks(const host_facts& host, std::string_view style,
                                       std::string_view inet_interfaces,
                                       std::string_view inet_protocols);

/// Which families `inet_protocols` turns on.
struct families {
    bool v4 = true;
    bool v6 = true;
};
[[nodiscard]] families parse_protocols(std::string_view inet_protocols);

class evaluator {
public:
    /// @param overrides of the service, or nullptr
    /// @param config_directory the value of that parameter where it is not set
    evaluator(const parameters& main, const parameters* overrides, const host_facts& host,
              std::string config_directory);

    /// The value, or why there is none.
    /// @param stress the value of that parameter: "" or "yes"
    [[nodiscard]] expansion value(std::string_view name, std::string_view stress = "") const;
    [[nodiscard]] expansion expanded(std::string_view text, std::string_view stress = "") const;
    /// As written or its default, before expansion.
    [[nodiscard]] std::optional<std::string> raw(std::string_view name) const;

    /// Where the parameter itself is set, or nullptr.
    [[nodiscard]] const written_value* written(std::string_view name) const;

    struct origin {
        std::string name;
        written_value what;
    };
    /// What decides the value: the parameter itself where it is set, or the first one set of
    /// those that its default refers to.
    [[nodiscard]] std::optional<origin> find_origin(std::string_view name) const;

private:
    [[nodiscard]] std::optional<std::string> host_default(std::string_view name) const;
    [[nodiscard]] std::string default_hostname() const;
    [[nodiscard]] std::string default_domain() const;
    [[nodiscard]] std::optional<origin> find_origin(std::string_view name, unsigned depth) const;

    const parameters& main_;
    const parameters* overrides_;
    const host_facts& host_;
    std::string config_directory_;
};

} // namespace fendmail::app::postscreen
