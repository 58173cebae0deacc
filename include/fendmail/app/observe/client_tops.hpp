// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/observe/heavy_hitters.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// Which clients, networks and lists there is most to do with, and which lists turned clients away
/// that later passed.
///
/// Units: sessions of the last half to whole hour (two periods, the older one is dropped); hits of
/// lists since the start.
/// Memory: 512 clients and 512 networks for each period, 2,048 clients that were turned away and 64
/// lists, for each worker: some 200 KiB. Who sends from many addresses can push others out of the
/// 2,048, so `later_passed` may be too small and never too large.
/// Errors: none; without memory an event is not counted.
/// Threads: on() from any thread, which never waits: what ends in the microseconds in which another
/// thread reads is not counted. A client always comes to the same worker (app/shared/registry).
namespace fendmail::app {

struct top_row {
    std::string name;
    std::uint64_t sessions = 0;
    std::uint64_t turned_away = 0;
};

/// What became of clients that a list names.
struct list_hits {
    std::string list;
    std::uint64_t hits = 0;         ///< sessions of clients that it lists
    std::uint64_t turned_away = 0;  ///< of them
    std::uint64_t passed = 0;       ///< of them
    std::uint64_t later_passed = 0; ///< sessions that passed of clients once turned away by it
};

class client_tops final : public event_sink {
public:
    static constexpr seconds period{1800};

    client_tops();
    ~client_tops() override;
    void on(const any_event& what) noexcept override;

    enum class by : std::uint8_t { client, network, rate };
    /// Those with the most sessions first.
    [[nodiscard]] std::vector<top_row> top(by what, std::size_t limit) const;
    [[nodiscard]] std::vector<list_hits> lists() const;
    /// How far back the counts reach.
    [[nodiscard]] seconds reach() const noexcept;

private:
    struct shard;
    static constexpr std::size_t shard_count = 16;
    [[nodiscard]] shard* of_this_thread() noexcept;
    template <class Look>
    void for_each_shard(Look look) const;

    std::array<std::atomic<shard*>, shard_count> shards_{}; ///< made when they are needed, owned
    tick started_;
};

} // namespace fendmail::app
