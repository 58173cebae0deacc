// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/store/lmdb/store.hpp"

#include "lmdb_fixture.hpp"
#include "support/catch.hpp"

#include <lmdb.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <vector>

namespace fendmail::io {

using namespace lmdb_test;

namespace {

/// Writes past the store, while it is closed.
void put_raw(const fs::path& path, std::span<const std::byte> key, std::string data)
{
    MDB_env* env = nullptr;
    REQUIRE(mdb_env_create(&env) == 0);
    REQUIRE(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0600) == 0);
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
    REQUIRE(mdb_dbi_open(txn, nullptr, 0, &dbi) == 0);
    MDB_val name{key.size(), const_cast<std::byte*>(key.data())};
    MDB_val value{data.size(), data.data()};
    REQUIRE(mdb_put(txn, dbi, &name, &value, 0) == 0);
    REQUIRE(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

} // namespace

// ── get and put ───────────────────────────────────────────────────────────────────────────────

TEST_CASE("lmdb store: a put is seen at once, after its commit and after a restart", "[store]")
{
    fixture f;
    f.options.batch_delay = std::chrono::hours{1};
    auto store = f.open();
    CHECK_FALSE(store->get(key(1)));
    store->put(key(1), record(start + day));
    CHECK(store->size() == 0);
    CHECK(store->get(key(1)) == record(start + day));
    store->flush();
    CHECK(store->size() == 1);
    CHECK(store->get(key(1)) == record(start + day));
    store->put(key(2), record(start + day));
    store.reset(); // writes what is pending
    store = f.open();
    CHECK(store->get(key(1)) == record(start + day));
    CHECK(store->get(key(2)) == record(start + day));
    CHECK(f.events.count() == 0);
}

TEST_CASE("lmdb store: a pending pass is seen when the one on disk has expired", "[store]")
{
    fixture f;
    f.options.batch_delay = std::chrono::hours{1};
    const auto store = f.open();
    store->put(key(1), record(start + day));
    store->flush();
    f.advance(2 * day);
    store->put(key(1), record(start + 3 * day));
    CHECK(store->get(key(1)) == record(start + 3 * day));
}

TEST_CASE("lmdb store: commits when enough puts wait", "[store]")
{
    fixture f;
    f.options.batch_delay = std::chrono::hours{1};
    f.options.batch_records = 10;
    const auto store = f.open();
    for (unsigned i = 0; i < 10; ++i)
        store->put(key(i), record(start));
    CHECK(comes_true([&] { return store->size() == 10; }));
}

TEST_CASE("lmdb store: commits when the first put has waited long enough", "[store]")
{
    fixture f;
    f.options.batch_delay = milliseconds{1};
    const auto store = f.open();
    store->put(key(1), record(start));
    CHECK(comes_true([&] { return store->size() == 1; }));
}

TEST_CASE("lmdb store: puts beyond the bound are dropped with one event", "[store]")
{
    fixture f;
    f.options.batch_delay = std::chrono::hours{1};
    f.options.pending_max = 5;
    const auto store = f.open();
    for (unsigned i = 0; i < 8; ++i)
        store->put(key(i), record(start + day));
    CHECK(f.events.count<event::store_unavailable>() == 1);
    CHECK(store->get(key(4)));
    CHECK_FALSE(store->get(key(5)));
    store->put(key(4), record(start + 2 * day)); // has its place
    CHECK(store->get(key(4)) == record(start + 2 * day));
    store->flush();
    CHECK(f.events.count<event::store_restored>() == 1);
    CHECK(store->size() == 5);
    store->put(key(5), record(start + day));
    CHECK(store->get(key(5)));
}

TEST_CASE("lmdb store: a record that cannot be decoded counts as absent", "[store]")
{
    fixture f;
    f.open().reset();
    put_raw(f.options.path, key(1).octets(), "no record");
    const auto store = f.open();
    CHECK_FALSE(store->get(key(1)));
    CHECK(store->for_each([](const auto&, const auto&) { return false; }));
    store->put(key(1), record(start));
    store->flush();
    CHECK(store->get(key(1)) == record(start));
    CHECK(f.events.count() == 0);
}

TEST_CASE("lmdb store: every thread reads its own writes while batches are committed", "[store]")
{
    fixture f;
    f.options.batch_delay = milliseconds{0};
    f.options.batch_records = 1;
    const auto store = f.open();
    std::atomic<unsigned> missed{0};
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 3; ++thread)
        threads.emplace_back([&, thread] {
            for (unsigned i = 0; i < 3000; ++i) {
                const auto client = key(thread << 16 | i);
                store->put(client, record(start + day));
                if (!store->get(client)) ++missed;
            }
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(missed == 0);
    store->flush();
    CHECK(store->size() == 9000);
}

TEST_CASE("lmdb store: threads that have ended do not use up its readers", "[store]")
{
    fixture f;
    const auto store = f.open();
    for (unsigned i = 0; i < 600; ++i)
        std::thread{[&] { CHECK_FALSE(store->get(key(i))); }}.join();
    CHECK(f.events.count() == 0);
}

// ── visiting ──────────────────────────────────────────────────────────────────────────────────

TEST_CASE("lmdb store: for_each visits each client once, in the order of keys", "[store]")
{
    fixture f;
    const auto store = f.open();
    constexpr unsigned clients = 1234; // more than two steps
    for (unsigned i = 0; i < clients; ++i)
        store->put(key(i), record(start + seconds{i}));
    const screen::client_key v6{ip_address::v6({0x20, 0x01, 0x0d, 0xb8}), 32, 64};
    store->put(v6, record(start));
    store->flush();
    std::vector<screen::client_key> seen;
    bool is_right = true;
    CHECK(store->for_each([&](const screen::client_key& client, const screen::client_record& r) {
        if (client != v6) is_right = is_right && r == record(start + seconds{seen.size()});
        seen.push_back(client);
        return true;
    }));
    CHECK(is_right);
    REQUIRE(seen.size() == clients + 1);
    for (unsigned i = 0; i < clients; ++i)
        is_right = is_right && seen[i] == key(i);
    CHECK(is_right);
    CHECK(seen.back() == v6);
    CHECK_FALSE(store->for_each([](const auto&, const auto&) { return false; }));
}

// ── sweep ─────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("lmdb store: a sweep drops stale records, in steps, and tells how many", "[store]")
{
    fixture f;
    f.options.sweep_step_records = 7;
    f.options.retention = 7 * day;
    auto store = f.open();
    for (unsigned i = 0; i < 100; ++i)
        store->put(key(i), record(i % 2 == 0 ? start : start + 10 * day));
    store->flush();
    f.advance(8 * day);
    store->reconfigure(7 * day, day);
    REQUIRE(f.events.wait_for<event::store_swept>());
    CHECK(f.events.last<event::store_swept>().counts == std::vector<std::size_t>{50, 50});
    CHECK(store->size() == 50); // the store's own key is no record
    CHECK_FALSE(store->get(key(0)));
    CHECK(store->get(key(1)));
    CHECK(f.events.count() == 1);
}

TEST_CASE("lmdb store: a sweep drops what cannot be decoded", "[store]")
{
    fixture f;
    f.open().reset();
    put_raw(f.options.path, key(1).octets(), "no record");
    f.options.sweep_interval = day;
    const auto store = f.open();
    REQUIRE(f.events.wait_for<event::store_swept>());
    CHECK(f.events.last<event::store_swept>().counts == std::vector<std::size_t>{0, 1});
}

TEST_CASE("lmdb store: records of versions with fewer or more tests are found, visited and kept",
          "[store]")
{
    fixture f;
    f.open().reset();
    for (unsigned tests = 1; tests <= 9; ++tests) {
        std::string octets{'\1', static_cast<char>(tests)};
        for (unsigned i = 0; i < tests; ++i)
            octets.append({0, 0, 0, 0, '\x7f', 0, 0, 0});
        put_raw(f.options.path, key(tests).octets(), octets);
    }
    f.options.sweep_interval = day;
    const auto store = f.open();
    REQUIRE(f.events.wait_for<event::store_swept>());
    CHECK(f.events.last<event::store_swept>().counts == std::vector<std::size_t>{9, 0});
    unsigned visited = 0;
    CHECK(store->for_each([&](const screen::client_key& client, const screen::client_record& r) {
        CHECK(client == key(++visited));
        for (const auto test : screen::all_tests)
            CHECK(r.is_passed(test, f.now()) == (static_cast<unsigned>(test) < visited));
        CHECK(store->get(client) == r);
        return true;
    }));
    CHECK(visited == 9);
}

TEST_CASE("lmdb store: sweeps at start only when the last one is older than the interval",
          "[store]")
{
    fixture f;
    f.options.sweep_interval = day;
    auto store = f.open();
    REQUIRE(f.events.wait_for<event::store_swept>(1)); // there was none before

    store = nullptr;
    f.advance(day - seconds{1});
    f.events.clear();
    store = f.open();
    store->put(key(1), record(start + day));
    store->flush(); // a sweep that was due would have come first
    CHECK(f.events.count() == 0);

    store = nullptr;
    f.advance(seconds{1});
    store = f.open();
    CHECK(f.events.wait_for<event::store_swept>());
}

TEST_CASE("lmdb store: a shorter retention takes effect with the next sweep", "[store]")
{
    fixture f;
    f.options.sweep_interval = day;
    const auto store = f.open();
    REQUIRE(f.events.wait_for<event::store_swept>(1));
    store->put(key(1), record(start));
    store->flush();
    f.advance(2 * day);
    store->reconfigure(7 * day, day);
    REQUIRE(f.events.wait_for<event::store_swept>(2));
    CHECK(store->size() == 1);
    f.advance(2 * day);
    store->reconfigure(day, day);
    REQUIRE(f.events.wait_for<event::store_swept>(3));
    CHECK(store->size() == 0);
}

TEST_CASE("lmdb store: a sweep drops passes from a clock that was ahead, but not when it is itself "
          "the clock that is wrong",
          "[store]")
{
    fixture f;
    f.options.sweep_interval = day;
    const auto store = f.open();
    REQUIRE(f.events.wait_for<event::store_swept>(1));
    auto longest = lmdb_options::forever();
    longest.values.fill(30 * day);
    store->put(key(1), record(start + 20 * day));
    store->put(key(2), record(start + 4000 * day)); // no client can have that
    store->flush();
    f.advance(2 * day);
    store->reconfigure(7 * day, day, longest);
    REQUIRE(f.events.wait_for<event::store_swept>(2));
    CHECK(store->get(key(1)));
    CHECK_FALSE(store->get(key(2)));

    f.advance(-4000 * day); // as after a boot without a battery
    store->reconfigure(7 * day, day, longest);
    REQUIRE(f.events.wait_for<event::store_swept>(3));
    CHECK(store->get(key(1)));
}

TEST_CASE("lmdb store: a pass that nobody can have does not hide one that waits for the disk",
          "[store]")
{
    fixture f;
    f.options.batch_delay = std::chrono::hours{1};
    f.options.longest_passes.values.fill(30 * day);
    const auto store = f.open();
    store->put(key(1), record(start + 4000 * day));
    store->flush();
    store->put(key(1), record(start + day));
    CHECK(store->get(key(1)) == record(start + day));
}

TEST_CASE("lmdb store: a clock that was set back does not stop the sweeps", "[store]")
{
    fixture f;
    f.options.sweep_interval = day;
    const auto store = f.open();
    REQUIRE(f.events.wait_for<event::store_swept>(1));
    f.advance(-100 * day);
    store->reconfigure(7 * day, day);
    CHECK(f.events.wait_for<event::store_swept>(2));
}

// ── trouble ───────────────────────────────────────────────────────────────────────────────────

TEST_CASE("lmdb store: the map grows when it is full", "[store]")
{
    fixture f;
    f.options.map_octets = 64 * 1024;
    const auto store = f.open();
    for (unsigned round = 0; round < 4; ++round) {
        for (unsigned i = 0; i < 5000; ++i)
            store->put(key(round << 16 | i), record(start + day));
        store->flush();
    }
    CHECK(store->size() == 20'000);
    CHECK(store->get(key(3 << 16)));
    CHECK(f.events.count() == 0);
}

TEST_CASE("lmdb store: readers are safe while the map grows", "[store]")
{
    fixture f;
    f.options.map_octets = 64 * 1024;
    f.options.batch_delay = milliseconds{0};
    const auto store = f.open();
    std::atomic<bool> is_over{false};
    std::vector<std::thread> readers;
    for (unsigned thread = 0; thread < 3; ++thread)
        readers.emplace_back([&] {
            for (unsigned i = 0; !is_over; ++i)
                static_cast<void>(store->get(key(i % 20'000)));
        });
    for (unsigned i = 0; i < 20'000; ++i)
        store->put(key(i), record(start + day));
    store->flush();
    is_over = true;
    for (auto& reader : readers)
        reader.join();
    CHECK(store->size() == 20'000);
    CHECK(f.events.count() == 0);
}

TEST_CASE("lmdb store: what a file that may not grow does not take waits in memory", "[store]")
{
    fixture f;
    f.options.map_octets = f.options.map_max_octets = 64 * 1024;
    // One round is one commit, whatever the machine does meanwhile: a part of it would fit.
    f.options.batch_records = 10'000;
    f.options.batch_delay = milliseconds{60'000};
    const auto store = f.open();
    store->put(key(1), record(start + day));
    store->flush();
    for (unsigned round = 0; round < 2; ++round) {
        for (unsigned i = 100; i < 5000; ++i)
            store->put(key(i), record(start + day));
        store->flush();
    }
    REQUIRE(f.events.count() == 1);
    CHECK(f.events.last<event::store_unavailable>().texts[0].find(f.options.path.string()) !=
          std::string::npos);
    CHECK(store->get(key(1)));
    CHECK(store->get(key(100)));
    store->put(key(2), record(start + day));
    store->flush();
    CHECK(store->get(key(2)));
    CHECK(store->size() == 1);
}

TEST_CASE("lmdb store: what a full disk refuses is written once it has room", "[store]")
{
    fixture f;
    f.options.retry_delay = milliseconds{1};
    const auto store = f.open();
    store->put(key(1), record(start + day));
    store->flush();
    // A limit on the file's size stands in for a full disk.
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit old_limit{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
    const rlimit limit{fs::file_size(f.options.path), old_limit.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    for (unsigned i = 100; i < 1000; ++i)
        store->put(key(i), record(start + day));
    store->flush();
    store->put(key(100), record(start + 2 * day)); // newer than what is tried again
    store->flush();
    CHECK(f.events.count<event::store_unavailable>() == 1); // however often it was tried
    CHECK(f.events.count<event::store_restored>() == 0);
    CHECK(store->get(key(1)));
    CHECK(store->get(key(999)));
    CHECK(store->size() == 1);
    CHECK(::setrlimit(RLIMIT_FSIZE, &old_limit) == 0);
    std::signal(SIGXFSZ, old_handler);

    REQUIRE(f.events.wait_for<event::store_restored>()); // by itself
    CHECK(f.events.last<event::store_restored>().counts.back() == 900);
    CHECK(store->size() == 901);
    CHECK(store->get(key(100)) == record(start + 2 * day));
    store->put(key(1000), record(start + day));
    store->flush();
    CHECK(f.events.count<event::store_restored>() == 1);
    CHECK(f.events.count() == 2);
}

TEST_CASE("lmdb store: two processes share one file, also when it outgrows a map", "[store]")
{
    fixture f;
    f.options.map_octets = 64 * 1024;
    int go[2];
    REQUIRE(::pipe(go) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        char octet = 0;
        if (::read(go[0], &octet, 1) != 1) ::_exit(1);
        auto store = f.open();
        const bool sees_parent = store->get(key(1)).has_value();
        for (unsigned i = 100; i < 10'100; ++i)
            store->put(key(i), record(start + day));
        store.reset();
        ::_exit(sees_parent && f.events.count() == 0 ? 0 : 1);
    }
    const auto store = f.open();
    store->put(key(1), record(start + day));
    store->flush();
    REQUIRE(::write(go[1], "g", 1) == 1);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    ::close(go[0]);
    ::close(go[1]);
    CHECK(comes_true([&] { return store->get(key(10'099)).has_value(); }));
    CHECK(store->size() == 10'001);
    store->put(key(2), record(start + day));
    store->flush();
    CHECK(store->size() == 10'002);
    CHECK(f.events.count() == 0);
}

} // namespace fendmail::io
