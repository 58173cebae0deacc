// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/client_tops.hpp"

#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <variant>

namespace fendmail::app {

namespace {

constexpr std::size_t places = 512;
constexpr std::size_t refusals_kept = 2048;
constexpr std::size_t lists_max = 64; // a bit for each

constexpr unsigned v4_network = 24;
constexpr unsigned v6_network = 48;

struct network_hash {
    std::size_t operator()(const network& of) const noexcept
    {
        return std::hash<ip_address>{}(of.address) ^ of.prefix_length;
    }
};

bool is_turned_away(screen::verdict v) noexcept
{
    switch (v) {
    case screen::verdict::rejected:
    case screen::verdict::dropped: return true;
    case screen::verdict::allowlisted:
    case screen::verdict::pass_old:
    case screen::verdict::pass_new:
    case screen::verdict::passed:
    case screen::verdict::deferred:
    case screen::verdict::left: break;
    }
    return false;
}

bool has_passed(screen::verdict v) noexcept
{
    switch (v) {
    case screen::verdict::allowlisted:
    case screen::verdict::pass_old:
    case screen::verdict::pass_new:
    case screen::verdict::passed: return true;
    case screen::verdict::rejected:
    case screen::verdict::dropped:
    case screen::verdict::deferred:
    case screen::verdict::left: break;
    }
    return false;
}

/// Calls `see` with the name of each list in "zen.example:127.0.0.2*3,…", once for each.
template <class See>
void for_each_list(std::string_view listings, See see)
{
    std::string_view last;
    while (!listings.empty()) {
        const auto end = std::min(listings.find(','), listings.size());
        const auto one = listings.substr(0, end);
        listings.remove_prefix(std::min(end + 1, listings.size()));
        const auto colon = one.find(':'); // "+3" at the end says how many are left out
        if (colon == std::string_view::npos || one.substr(0, colon) == last) continue;
        last = one.substr(0, colon);
        see(last);
    }
}

} // namespace

/// What one worker's sessions add to.
struct client_tops::shard {
    struct counts {
        heavy_hitters<ip_address, places> clients;
        heavy_hitters<network, places, network_hash> networks;
        heavy_hitters<ip_address, places> too_fast;

        void clear() noexcept
        {
            clients.clear();
            networks.clear();
            too_fast.clear();
        }
    };

    void begin_period(tick now)
    {
        if (now - period_begun < period) return;
        // After a long silence both are old.
        const bool is_old = now - period_begun >= 2 * period;
        std::swap(current, previous);
        current->clear();
        if (is_old) previous->clear();
        period_begun = now;
    }

    void add(const event::session_ended& what, tick now)
    {
        begin_period(now);
        const auto& client = what.client.address;
        const bool is_away = is_turned_away(what.verdict);
        current->clients.add(client, is_away);
        current->networks.add(network_of(client, client.is_v4() ? v4_network : v6_network),
                              is_away);
        count_lists(what, is_away);
    }

    void count_lists(const event::session_ended& what, bool is_away)
    {
        std::uint64_t named = 0;
        const bool is_passed = has_passed(what.verdict);
        for_each_list(what.dnsbl_lists, [&](std::string_view name) {
            const auto at = list_at(name);
            if (at >= lists_max) return;
            named |= std::uint64_t{1} << at;
            auto& of = lists[at];
            ++of.hits;
            if (is_away) ++of.turned_away;
            if (is_passed) ++of.passed;
        });
        if (is_away && named != 0) remember(what.client.address, named);
        if (is_passed) forgive(what.client.address);
    }

    std::size_t list_at(std::string_view name)
    {
        const auto found = std::ranges::find(lists, name, &list_hits::list);
        const auto at = static_cast<std::size_t>(found - lists.begin());
        if (found == lists.end() && lists.size() < lists_max)
            lists.emplace_back().list = std::string{name};
        return at;
    }

    void remember(const ip_address& client, std::uint64_t named)
    {
        const auto [at, is_new] = refused.try_emplace(client, 0);
        at->second |= named;
        if (!is_new) return;
        oldest.push_back(client);
        if (oldest.size() <= refusals_kept) return;
        refused.erase(oldest.front());
        oldest.pop_front();
    }

    /// Its place among the oldest stays until it is its turn: it only counts once.
    void forgive(const ip_address& client)
    {
        const auto found = refused.find(client);
        if (found == refused.end()) return;
        for (std::size_t at = 0; at < lists.size(); ++at)
            if ((found->second >> at & 1) != 0) ++lists[at].later_passed;
        found->second = 0;
    }

    [[nodiscard]] bool try_enter() noexcept
    {
        return !busy.test_and_set(std::memory_order_acquire);
    }
    void leave() noexcept { busy.clear(std::memory_order_release); }

    std::atomic_flag busy = ATOMIC_FLAG_INIT;
    std::unique_ptr<counts> current = std::make_unique<counts>();
    std::unique_ptr<counts> previous = std::make_unique<counts>();
    tick period_begun{io::steady_now()};
    std::vector<list_hits> lists;
    std::unordered_map<ip_address, std::uint64_t> refused; ///< with the lists that named it
    std::deque<ip_address> oldest;                         ///< of them
};

namespace {

/// For readers, which may wait.
template <class Shard>
class reading {
public:
    explicit reading(Shard& of) noexcept
        : of_{&of}
    {
        while (!of_->try_enter())
            std::this_thread::yield();
    }
    reading(const reading&) = delete;
    reading& operator=(const reading&) = delete;
    ~reading() { of_->leave(); }

private:
    Shard* of_;
};

template <class Entries>
void add_up(std::map<std::string, top_row>& all, const Entries& some)
{
    for (const auto& one : some) {
        auto name = to_text(one.key);
        auto& sum = all[name];
        sum.name = std::move(name);
        sum.sessions += one.count;
        sum.turned_away += one.marked;
    }
}

} // namespace

client_tops::client_tops()
    : started_{io::steady_now()}
{
}

client_tops::~client_tops()
{
    for (auto& one : shards_)
        delete one.load();
}

client_tops::shard* client_tops::of_this_thread() noexcept
{
    static std::atomic<std::size_t> last{0};
    thread_local const std::size_t number = last.fetch_add(1, std::memory_order_relaxed);
    auto& mine = shards_[number % shard_count];
    if (auto* const there = mine.load(std::memory_order_acquire)) return there;
    try {
        auto made = std::make_unique<shard>();
        shard* before = nullptr;
        if (!mine.compare_exchange_strong(before, made.get())) return before;
        return made.release();
    } catch (const std::exception&) {
        return nullptr;
    }
}

void client_tops::on(const any_event& what) noexcept
{
    const auto* const ended = std::get_if<event::session_ended>(&what);
    const auto* const too_fast = std::get_if<event::rate_exceeded>(&what);
    if (ended == nullptr && too_fast == nullptr) return;
    shard* const mine = of_this_thread();
    if (mine == nullptr || !mine->try_enter()) return;
    try {
        if (ended != nullptr) mine->add(*ended, io::steady_now());
        if (too_fast != nullptr) {
            mine->begin_period(io::steady_now());
            mine->current->too_fast.add(too_fast->client.address,
                                        too_fast->action != abuse::rate_action::ignore);
        }
    } catch (const std::exception&) {
        // Not counted.
    }
    mine->leave();
}

/// What `look` copies is summed up outside, where no worker's events are missed for it.
template <class Look>
void client_tops::for_each_shard(Look look) const
{
    for (const auto& one : shards_)
        if (auto* const there = one.load(std::memory_order_acquire)) look(*there);
}

std::vector<top_row> client_tops::top(by what, std::size_t limit) const
{
    std::map<std::string, top_row> sums;
    const auto add_all = [&](shard& from, auto which) {
        const auto some = [&] {
            const reading guard{from};
            auto copied = ((*from.previous).*which).entries();
            for (const auto& more : ((*from.current).*which).entries())
                copied.push_back(more);
            return copied;
        }();
        add_up(sums, some);
    };
    for_each_shard([&](shard& from) {
        switch (what) {
        case by::client: add_all(from, &shard::counts::clients); break;
        case by::network: add_all(from, &shard::counts::networks); break;
        case by::rate: add_all(from, &shard::counts::too_fast); break;
        }
    });
    std::vector<top_row> all;
    for (auto& [name, sum] : sums)
        all.push_back(std::move(sum));
    std::ranges::stable_sort(all, std::ranges::greater{}, &top_row::sessions);
    if (all.size() > limit) all.resize(limit);
    return all;
}

std::vector<list_hits> client_tops::lists() const
{
    std::map<std::string, list_hits> sums;
    for_each_shard([&](shard& from) {
        const auto some = [&] {
            const reading guard{from};
            return from.lists;
        }();
        for (const auto& each : some) {
            auto& sum = sums[each.list];
            sum.list = each.list;
            sum.hits += each.hits;
            sum.turned_away += each.turned_away;
            sum.passed += each.passed;
            sum.later_passed += each.later_passed;
        }
    });
    std::vector<list_hits> all;
    for (auto& [name, sum] : sums)
        all.push_back(std::move(sum));
    return all;
}

seconds client_tops::reach() const noexcept
{
    const auto running = std::chrono::duration_cast<seconds>(io::steady_now() - started_);
    return std::min(running, 2 * period);
}

} // namespace fendmail::app
