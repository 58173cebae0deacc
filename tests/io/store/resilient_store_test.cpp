// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/store/resilient_store.hpp"

#include "io/store/lmdb/lmdb_fixture.hpp"
#include "support/catch.hpp"

#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>

/// A thread that leaves LMDB by a SIGBUS leaves behind what it had begun: nothing knows it any
/// more, and the environment that it belongs to can never be closed. Some 500 octets each time a
/// disk fails.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:mdb_txn_begin\nleak:mdb_env_create\n";
}
#endif

namespace fendmail::io {

using namespace lmdb_test;

namespace {

struct resilient_fixture : fixture {
    fs::path blocker = directory.path() / "here";

    resilient_fixture() { options.path = blocker / "clients.lmdb"; }
    /// There can be no store: a file is where its directory should be.
    void block() const { std::ofstream{blocker} << "in the way"; }
    void unblock() const { fs::remove(blocker); }

    [[nodiscard]] std::unique_ptr<resilient_store> open_resilient()
    {
        resilient_options made{options};
        made.first_retry = milliseconds{1};
        made.longest_retry = milliseconds{2};
        return std::make_unique<resilient_store>(std::move(made), events, [this] { return now(); });
    }
};

std::string load(const fs::path& path)
{
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace

TEST_CASE("resilient store: with a file that opens it is that file", "[store]")
{
    resilient_fixture f;
    {
        const auto store = f.open_resilient();
        CHECK(store->is_durable());
        store->put(key(1), record(start + day));
        CHECK(store->get(key(1)) == record(start + day));
    }
    const auto again = f.open_resilient();
    CHECK(again->get(key(1)) == record(start + day));
    CHECK(f.events.count() == 0);
}

TEST_CASE("resilient store: without a file it remembers, and carries over to the file once there "
          "is one",
          "[store]")
{
    resilient_fixture f;
    auto before = record(start + day);
    before.expires_at[screen::test::pipelining] = start + 20 * day;
    f.open().reset(); // makes the directory
    {
        const auto file = f.open();
        file->put(key(7), before);
        file->put(key(8), before);
    }
    const auto aside = f.directory.path() / "aside";
    fs::rename(f.blocker, aside);
    f.block();

    auto store = f.open_resilient();
    CHECK_FALSE(store->is_durable());
    REQUIRE(f.events.wait_for<event::store_unavailable>());
    const auto told = f.events.last<event::store_unavailable>().texts[0];
    CAPTURE(told);
    CHECK(told.find(f.options.path.string()) != std::string::npos);
    for (unsigned i = 1; i <= 1000; ++i)
        store->put(key(i), record(start + 2 * day));
    CHECK(store->get(key(7)) == record(start + 2 * day));
    store->flush(); // waits for nothing

    const auto link = f.directory.path() / "link";
    fs::create_directory_symlink(aside, link);
    fs::rename(link, f.blocker); // at once: a new file must not come between
    REQUIRE(f.events.wait_for<event::store_restored>());
    CHECK(f.events.last<event::store_restored>().counts.back() == 1000);
    CHECK(store->is_durable());
    CHECK(f.events.count<event::store_unavailable>() == 1); // it was tried often
    auto merged = record(start + 2 * day);
    merged.expires_at[screen::test::pipelining] = start + 20 * day;
    store->flush();
    CHECK(store->get(key(7)) == merged);
    store.reset();
    const auto file = f.open();
    CHECK(file->size() == 1000);
    CHECK(file->get(key(8)) == merged);
    CHECK(file->get(key(1000)) == record(start + 2 * day));
    CHECK(f.events.count<event::store_moved_aside>() == 0);
}

TEST_CASE("resilient store: is there for all threads while the file comes", "[store]")
{
    resilient_fixture f;
    f.block();
    const auto store = f.open_resilient();
    std::atomic<bool> is_over{false};
    std::atomic<unsigned> forgotten{0};
    std::vector<std::thread> workers;
    for (unsigned worker = 0; worker < 3; ++worker)
        workers.emplace_back([&, worker] {
            for (unsigned i = worker * 100'000; !is_over; ++i) {
                const auto mine = key(i % 2000 + worker * 100'000);
                store->put(mine, record(start + day));
                if (!store->get(mine)) ++forgotten;
            }
        });
    f.unblock();
    CHECK(f.events.wait_for<event::store_restored>());
    is_over = true;
    for (auto& worker : workers)
        worker.join();
    CHECK(forgotten == 0);
    CHECK(store->is_durable());
}

TEST_CASE("resilient store: pages that cannot be had any more cost no process and no client",
          "[store]")
{
    resilient_fixture f;
    f.options.batch_delay = std::chrono::hours{1};
    const auto store = f.open_resilient();
    store->put(key(1), record(start + day));
    store->flush();
    REQUIRE(store->get(key(1)));
    store->put(key(2), record(start + day)); // waits for the disk
    SECTION("of the lock file")
    {
        fs::resize_file(f.options.path.native() + "-lock", 0);
    }
    SECTION("of the data file, which is damaged then")
    {
        fs::resize_file(f.options.path, 0);
    }
    REQUIRE(comes_true([&] {
        static_cast<void>(store->get(key(1)));
        return f.events.count<event::store_unavailable>() > 0;
    }));
    REQUIRE(f.events.wait_for<event::store_restored>());
    const auto told = f.events.last<event::store_unavailable>().texts[0];
    CAPTURE(told);
    CHECK(told.find("SIGBUS") != std::string::npos);
    CHECK(store->is_durable());
    CHECK(store->get(key(2)));
    store->put(key(3), record(start + day));
    store->flush();
    CHECK(store->get(key(3)));
    CHECK(f.events.count<event::store_unavailable>() == 1);
}

TEST_CASE("resilient store: a stop while there is no file waits for nothing", "[store]")
{
    resilient_fixture f;
    f.block();
    auto store = f.open_resilient();
    store->put(key(1), record(start));
    store.reset();
    CHECK(f.events.count<event::store_restored>() == 0);
}

TEST_CASE("resilient store: what takes long to read is read while clients are served", "[store]")
{
    resilient_fixture f;
    {
        const auto file = f.open();
        for (unsigned i = 0; i < 1000; ++i)
            file->put(key(i), record(start + day));
    }
    const auto octets = load(f.options.path);
    f.options.check_time_limit = milliseconds{0}; // of the constructor
    const auto store = f.open_resilient();
    store->put(key(5000), record(start + day));
    CHECK(store->get(key(5000)));
    REQUIRE(f.events.wait_for<event::store_restored>());
    CHECK(store->get(key(999)));
    CHECK(store->get(key(5000)));
    CHECK(f.events.count<event::store_moved_aside>() == 0);
}

} // namespace fendmail::io
