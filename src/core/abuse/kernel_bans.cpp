// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/kernel_bans.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::abuse {

namespace {

/// A ban that ends so soon is not brought to the kernel any more.
constexpr milliseconds shortest{1000};

milliseconds left_of(tick until, tick now) noexcept
{
    return std::chrono::duration_cast<milliseconds>(until - now);
}

} // namespace

void kernel_bans::add(const ip_address& who, place& of)
{
    removed_.erase(who);
    if (std::exchange(of.is_added, true)) return;
    added_.push_back(who);
}

void kernel_bans::ban(const ip_address& who, seconds left, tick now)
{
    auto found = bans_.find(who);
    if (found == bans_.end()) {
        if (bans_.size() >= places_) {
            ++left_out_;
            return;
        }
        found = bans_.emplace(who, place{}).first;
    }
    auto& of = found->second;
    const tick until = now + left;
    of.list = list_;
    if (of.until != tick{} && std::chrono::abs(until - of.until) <= tolerance) return;
    of.until = until;
    add(who, of);
}

void kernel_bans::unban(const ip_address& who)
{
    if (bans_.erase(who) != 0) removed_.insert(who);
}

void kernel_bans::begin_list() noexcept
{
    ++list_;
    left_out_ = 0;
}

void kernel_bans::end_list()
{
    for (auto at = bans_.begin(); at != bans_.end();) {
        if (at->second.list == list_) {
            ++at;
            continue;
        }
        removed_.insert(at->first);
        at = bans_.erase(at);
    }
}

void kernel_bans::clear()
{
    begin_list();
    end_list();
}

std::vector<ip_address> kernel_bans::next_removals(std::size_t most)
{
    std::vector<ip_address> out;
    while (!removed_.empty() && out.size() < most)
        out.push_back(removed_.extract(removed_.begin()).value());
    return out;
}

std::vector<kernel_bans::element> kernel_bans::next_additions(std::size_t most, tick now)
{
    std::vector<element> out;
    while (!added_.empty() && out.size() < most) {
        const auto who = added_.front();
        added_.pop_front();
        const auto found = bans_.find(who);
        // One that was removed and banned again is here twice.
        if (found == bans_.end() || !std::exchange(found->second.is_added, false)) continue;
        if (const auto left = left_of(found->second.until, now); left >= shortest) {
            out.push_back({who, left});
            continue;
        }
        // The kernel may have it from before, for longer.
        bans_.erase(found);
        removed_.insert(who);
    }
    return out;
}

void kernel_bans::put_back(std::span<const ip_address> removals)
{
    for (const auto& who : removals)
        if (!bans_.contains(who)) removed_.insert(who);
}

void kernel_bans::put_back(std::span<const element> additions)
{
    for (const auto& one : additions)
        if (const auto found = bans_.find(one.who); found != bans_.end())
            add(one.who, found->second);
}

void kernel_bans::begin_anew()
{
    removed_.clear();
    added_.clear();
    for (auto& [who, of] : bans_) {
        of.is_added = false;
        add(who, of);
    }
}

std::size_t kernel_bans::compare(std::span<const element> in_kernel, tick now)
{
    ++look_;
    for (const auto& one : in_kernel) {
        const auto found = bans_.find(one.who);
        if (found == bans_.end()) {
            removed_.insert(one.who);
            continue;
        }
        auto& of = found->second;
        of.look = look_;
        if (std::chrono::abs(left_of(of.until, now) - one.left) > tolerance) add(one.who, of);
    }
    std::size_t missing = 0;
    for (auto at = bans_.begin(); at != bans_.end();) {
        auto& [who, of] = *at;
        if (of.look != look_ && left_of(of.until, now) < shortest) {
            at = bans_.erase(at); // its time is over, in the kernel as well
            continue;
        }
        if (of.look != look_ && !of.is_added) {
            ++missing;
            add(who, of);
        }
        ++at;
    }
    return missing;
}

} // namespace fendmail::abuse
