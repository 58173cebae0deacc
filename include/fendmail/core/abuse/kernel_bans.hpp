// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

/// Which bans the kernel should have, and what has to be changed there for it.
///
/// Changes come one by one, or as a whole list (begin_list() to end_list()), and are taken in
/// batches, removals first: a client that is free again must not wait for room for others.
/// compare() finds what the kernel has lost, has too much or keeps for another time: other
/// programs may have emptied its sets.
/// Units: steady time.
/// Memory: some 100 octets for each ban, at most `places` of them; more are not taken in.
/// Errors: std::bad_alloc.
/// Threads: one owner.
namespace fendmail::abuse {

class kernel_bans {
public:
    struct element {
        ip_address who{};
        milliseconds left{0};
        friend bool operator==(const element&, const element&) = default;
    };
    /// A ban that the kernel keeps so much longer or shorter is put right.
    static constexpr milliseconds tolerance{5000};

    explicit kernel_bans(std::size_t places)
        : places_{places}
    {
    }

    void ban(const ip_address& who, seconds left, tick now);
    void unban(const ip_address& who);
    /// What is not banned again until end_list() is none any more.
    void begin_list() noexcept;
    void end_list();
    /// No ban any more.
    void clear();

    /// What is to be changed next; it is not told again unless it is put back, or compare() finds
    /// that it has to be. None is there twice.
    [[nodiscard]] std::vector<ip_address> next_removals(std::size_t most);
    [[nodiscard]] std::vector<element> next_additions(std::size_t most, tick now);
    /// The kernel did not take these.
    void put_back(std::span<const ip_address> removals);
    void put_back(std::span<const element> additions);
    /// All of these are lost: the kernel has nothing.
    void begin_anew();
    /// @param in_kernel all that the kernel has
    /// @return how many bans it lacks that nothing was about to bring there
    [[nodiscard]] std::size_t compare(std::span<const element> in_kernel, tick now);

    [[nodiscard]] bool has_removals() const noexcept { return !removed_.empty(); }
    [[nodiscard]] bool has_additions() const noexcept { return !added_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return bans_.size(); }
    /// Bans that were not taken in for want of room.
    [[nodiscard]] std::size_t left_out() const noexcept { return left_out_; }

private:
    struct place {
        tick until{};
        std::uint32_t list = 0; ///< in which it was named last
        std::uint32_t look = 0; ///< of compare(), that found it
        bool is_added = false;  ///< it is in `added_`
    };
    void add(const ip_address& who, place& of);

    std::size_t places_;
    std::unordered_map<ip_address, place> bans_;
    std::deque<ip_address> added_; ///< some of them may be no bans any more
    std::unordered_set<ip_address> removed_;
    std::uint32_t list_ = 0;
    std::uint32_t look_ = 0;
    std::size_t left_out_ = 0;
};

} // namespace fendmail::abuse
