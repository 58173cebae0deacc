// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What the name of a client says against it: whether DNS gives its address a name, and whether
/// that name leads back to the address.
///
/// Source: RFC 1035 §3.5 and RFC 3596 §2.5 (names of addresses), RFC 8601 §2.7.3 (a name counts
/// when one of its addresses is the client's), RFC 7208 §5.5 (at most ten names are looked at).
/// Units: TTLs in seconds.
/// Memory: the names, at most `limits::client_names`.
/// Errors: none. Whatever DNS does not say counts for the client: a lookup that failed, and names
/// or addresses that are too many to look at.
/// Threads: one owner.
namespace fendmail::dnsbl {

enum class name_signal : std::uint8_t {
    none,
    no_ptr,          ///< the address has no name
    unconfirmed_ptr, ///< it has, but none of them has the address
};
[[nodiscard]] std::string_view to_string(name_signal s) noexcept;

/// What each adds to the score; 0 = it is not looked for.
struct name_weights {
    int no_ptr = 0;
    int unconfirmed_ptr = 0;
    int own_helo = 0; ///< HELO with a name or address of ours, see smtp/own_names.hpp

    [[nodiscard]] bool ask_dns() const noexcept { return no_ptr != 0 || unconfirmed_ptr != 0; }
    [[nodiscard]] int of(name_signal s) const noexcept;
    friend bool operator==(const name_weights&, const name_weights&) = default;
};

struct name_finding {
    name_signal signal = name_signal::none;
    bool complete = false;        ///< DNS has said all that was asked
    std::optional<seconds> ttl{}; ///< smallest of the answers, once complete; none = unknown
    std::string name{};           ///< the first one, "" for none
};

/// Tell it the answer about ptr_name(), then those about each of to_confirm().
class name_check {
public:
    using outcome = dns::outcome;

    explicit name_check(const ip_address& client) noexcept
        : client_{client}
    {
    }

    /// "1.2.0.192.in-addr.arpa"
    [[nodiscard]] std::string ptr_name() const;
    void on_ptr(outcome what, std::span<const std::string> names, std::optional<seconds> ttl);
    /// Whose addresses of the client's family to ask for; nothing before on_ptr().
    [[nodiscard]] const std::vector<std::string>& to_confirm() const noexcept { return names_; }
    /// @param is_cut there were more addresses
    void on_addresses(outcome what, std::span<const ip_address> addresses, bool is_cut,
                      std::optional<seconds> ttl);

    /// True when further answers change nothing.
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    /// What is known; before is_done() that is nothing.
    [[nodiscard]] const name_finding& finding() const noexcept { return finding_; }

private:
    void end(name_signal signal, bool complete) noexcept;
    void note(std::optional<seconds> ttl) noexcept;

    ip_address client_;
    std::vector<std::string> names_;
    std::size_t missing_ = 0;
    bool is_certain_ = true; ///< nothing failed and nothing was too long to look at
    bool ttl_unknown_ = false;
    bool is_done_ = false;
    name_finding finding_;
};

/// The score of the lists, and what the client's name adds to it.
/// @param any_list whether `lists` comes from lists at all
[[nodiscard]] score with_name(score lists, bool any_list, const name_finding& found,
                              const name_weights& weights) noexcept;
/// What it can still become.
/// @param found null while the name is not known
[[nodiscard]] score_bounds with_name(score_bounds lists, const name_finding* found,
                                     const name_weights& weights) noexcept;

} // namespace fendmail::dnsbl
