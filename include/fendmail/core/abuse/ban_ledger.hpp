// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/ban_rules.hpp"
#include "fendmail/core/abuse/offender.hpp"
#include "fendmail/core/throttle/budget.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

/// Who has how many points, who is banned, and who is banned next.
///
/// A network is one client of which there are many addresses, or the neighbourhood of banned ones;
/// its prefix length tells.
/// Units: points; wall time for what is remembered, steady time for the pause.
/// Memory: about 250 octets for each of `places` offenders; beyond that the one goes whose last
/// offence is longest ago and that is not banned. When all are, nothing new is taken in.
/// Errors: std::bad_alloc while it grows; it is consistent then.
/// Threads: one owner.
namespace fendmail::abuse {

class ban_ledger {
public:
    static constexpr std::size_t default_places = 100'000;

    explicit ban_ledger(std::size_t places = default_places)
        : places_{places}
    {
    }
    void configure(const ban_rules& rules);
    [[nodiscard]] const ban_rules& rules() const noexcept { return rules_; }

    /// Why this client, or network, is not banned; asked only when it would be.
    using guard = std::function<ban_guard(const network&)>;
    struct moment {
        instant wall{};
        tick steady{};
        double jitter = 0; ///< from 0 to 1, at random
    };
    enum class outcome : std::uint8_t {
        counted,  ///< not enough for a ban, or it is banned already
        banned,   ///< with it maybe its network
        withheld, ///< by a guard; its points begin anew
        paused,   ///< too many bans are new
    };
    struct judgement {
        outcome what = outcome::counted;
        ban_guard why = ban_guard::none;
        bool begins_pause = false;
        std::optional<offender> client{};           ///< what is now remembered of it
        std::optional<offender> its_network{};      ///< banned just now
        std::optional<std::uint64_t> pause_ended{}; ///< with how many bans that were not made
    };
    /// A client's session has ended with these.
    [[nodiscard]] judgement note(const network& who, offence_set what, const moment& now,
                                 const guard& of);

    /// By an admin; in place of a ban that is there. @return nothing when there is no room
    [[nodiscard]] std::optional<offender> add(const network& who, seconds span, instant now);
    /// Forgets the ban and all that counts against it. @return false when there was no ban
    [[nodiscard]] bool remove(const network& who, instant now);
    /// What was written before a restart. Bans that last longer than any can are cut.
    void restore(offender from, instant now);

    /// Bans that have ended since this was last asked.
    [[nodiscard]] std::vector<network> take_ended(instant now);
    /// Drops those that nothing is held against any more. Looks at `most` of them.
    /// @return who was dropped
    [[nodiscard]] std::vector<network> forget_some(instant now, std::size_t most);

    [[nodiscard]] std::vector<offender> bans(instant now) const;
    [[nodiscard]] const offender* find(const network& who) const noexcept;
    /// All, in the order of their last offence.
    template <class See>
    void for_each(See see) const
    {
        for (const auto& each : by_age_)
            see(each);
    }
    [[nodiscard]] std::size_t size() const noexcept { return by_age_.size(); }
    [[nodiscard]] std::size_t banned() const noexcept { return ends_.size(); }
    /// Offenders that were forgotten for want of room.
    [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_; }
    [[nodiscard]] bool is_paused() const noexcept { return is_paused_; }

private:
    struct network_hash {
        std::size_t operator()(const network& of) const noexcept
        {
            return std::hash<ip_address>{}(of.address) ^ of.prefix_length;
        }
    };
    using list = std::list<offender>;

    /// Null when there is no room.
    [[nodiscard]] offender* place_of(const network& who, instant now);
    [[nodiscard]] bool make_room(instant now);
    void erase(list::iterator at);
    void note_ban(const offender& of);
    void unban(offender& of);
    [[nodiscard]] bool may_ban(const moment& now, judgement& out);
    void ban_network_of(const network& who, const moment& now, const guard& of, judgement& out);
    [[nodiscard]] network neighbourhood(const network& who) const noexcept;

    std::size_t places_;
    ban_rules rules_;
    list by_age_; ///< the last offence longest ago is first
    std::unordered_map<network, list::iterator, network_hash> index_;
    std::set<std::pair<instant, network>> ends_; ///< of bans
    /// Addresses banned for their offences in each network.
    std::unordered_map<network, std::uint32_t, network_hash> banned_in_;
    spending new_bans_;
    bool is_paused_ = false;
    tick pause_until_{};
    std::uint64_t not_made_ = 0;
    std::uint64_t evicted_ = 0;
};

} // namespace fendmail::abuse
