// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/store/lmdb/store.hpp"
#include "support/event_recorder.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

/// What the tests of the LMDB store share: a directory of their own, a clock that they move,
/// clients and records by number.
namespace fendmail::io::lmdb_test {

namespace fs = std::filesystem;
using test_support::event_recorder;

/// 2026-01-02 03:04:05
inline constexpr instant start{seconds{1'767'323'045}};
inline constexpr seconds day{86'400};

inline screen::client_key key(unsigned number)
{
    const auto octet = [&](unsigned shift) { return static_cast<std::uint8_t>(number >> shift); };
    return screen::client_key{ip_address::v4({octet(24), octet(16), octet(8), octet(0)})};
}

/// All tests passed until `end`.
inline screen::client_record record(instant end)
{
    screen::client_record made;
    made.expires_at.values.fill(end);
    return made;
}

struct fixture {
    test_support::temp_dir directory;
    event_recorder events;
    std::atomic<std::int64_t> seconds_now{start.time_since_epoch().count()};
    lmdb_options options{};

    fixture()
    {
        options.path = directory.path() / "clients.lmdb";
        options.sweep_interval = seconds{0};
        options.sweep_delay = milliseconds{0};
        options.sweep_pause = milliseconds{0};
    }
    [[nodiscard]] instant now() const { return instant{seconds{seconds_now.load()}}; }
    void advance(seconds by) { seconds_now += by.count(); }
    [[nodiscard]] std::unique_ptr<lmdb_store> open()
    {
        return std::make_unique<lmdb_store>(options, events, [this] { return now(); });
    }
};

/// For what comes soon and sends no event; bounded.
template <class Condition>
[[nodiscard]] bool comes_true(Condition&& condition)
{
    const tick deadline = steady_now() + std::chrono::seconds{20};
    while (!condition()) {
        if (steady_now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

} // namespace fendmail::io::lmdb_test
