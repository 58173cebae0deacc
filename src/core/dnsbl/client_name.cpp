// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/client_name.hpp"

#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>

namespace fendmail::dnsbl {

namespace {

/// What clients are told in place of a list.
constexpr std::string_view shown_name = "reverse DNS";

} // namespace

std::string_view to_string(name_signal s) noexcept
{
    switch (s) {
    case name_signal::none: return "none";
    case name_signal::no_ptr: return "no_ptr";
    case name_signal::unconfirmed_ptr: return "unconfirmed_ptr";
    }
    return "?";
}

int name_weights::of(name_signal s) const noexcept
{
    switch (s) {
    case name_signal::none: return 0;
    case name_signal::no_ptr: return no_ptr;
    case name_signal::unconfirmed_ptr: return unconfirmed_ptr;
    }
    return 0;
}

std::string name_check::ptr_name() const
{
    return query_name(client_, client_.is_v4() ? "in-addr.arpa" : "ip6.arpa");
}

void name_check::on_ptr(outcome what, std::span<const std::string> names,
                        std::optional<seconds> ttl)
{
    note(ttl);
    switch (what) {
    case outcome::failed: return end(name_signal::none, false);
    case outcome::not_found: return end(name_signal::no_ptr, true);
    case outcome::found: break;
    }
    for (const std::string& name : names) {
        if (name.empty()) continue; // the root has no address
        if (names_.size() == limits::client_names)
            is_certain_ = false;
        else if (std::ranges::find(names_, name) == names_.end())
            names_.push_back(name);
    }
    missing_ = names_.size();
    if (names_.empty()) return end(name_signal::unconfirmed_ptr, true);
    finding_.name = names_.front();
}

void name_check::on_addresses(outcome what, std::span<const ip_address> addresses, bool is_cut,
                              std::optional<seconds> ttl)
{
    if (is_done_) return;
    note(ttl);
    if (std::ranges::find(addresses, client_) != addresses.end())
        return end(name_signal::none, true);
    is_certain_ = is_certain_ && what != outcome::failed && !is_cut;
    if (--missing_ != 0) return;
    end(is_certain_ ? name_signal::unconfirmed_ptr : name_signal::none, is_certain_);
}

void name_check::end(name_signal signal, bool complete) noexcept
{
    is_done_ = true;
    finding_.signal = signal;
    finding_.complete = complete;
    if (!complete || ttl_unknown_) finding_.ttl.reset();
}

void name_check::note(std::optional<seconds> ttl) noexcept
{
    ttl_unknown_ = ttl_unknown_ || !ttl;
    if (ttl) finding_.ttl = std::min(*ttl, finding_.ttl.value_or(*ttl));
}

score with_name(score lists, bool any_list, const name_finding& found,
                const name_weights& weights) noexcept
{
    const int weight = weights.of(found.signal);
    score sum = lists;
    sum.value += weight;
    sum.complete = lists.complete && found.complete;
    if (!any_list) sum.ttl = found.ttl;
    if (!sum.complete || !found.ttl) sum.ttl.reset();
    if (sum.ttl) sum.ttl = std::min(*sum.ttl, *found.ttl);
    if (weight > 0 && sum.reply_name.empty()) sum.reply_name = shown_name;
    return sum;
}

score_bounds with_name(score_bounds lists, const name_finding* found,
                       const name_weights& weights) noexcept
{
    const int lowest = found == nullptr ? 0 : weights.of(found->signal);
    const int highest =
        found == nullptr ? std::max(weights.no_ptr, weights.unconfirmed_ptr) : lowest;
    return {lists.lowest + lowest, lists.highest + highest};
}

} // namespace fendmail::dnsbl
