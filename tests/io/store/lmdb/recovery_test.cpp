// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/store/lmdb/store.hpp"

#include "lmdb_fixture.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <random>

namespace fendmail::io {

using namespace lmdb_test;

namespace {

std::string load(const fs::path& path)
{
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void save(const fs::path& path, std::string_view octets)
{
    std::ofstream{path, std::ios::binary} << octets;
}

/// The octets of a sound file with 2,000 clients that was written and swept in several rounds,
/// so that it has a free list.
std::string sound_file()
{
    fixture f;
    f.options.sweep_interval = day;
    const auto store = f.open();
    REQUIRE(f.events.wait_for<event::store_swept>(1)); // the one that is due at the start
    for (unsigned round = 0; round < 4; ++round) {
        for (unsigned i = 0; i < 1000; ++i)
            store->put(key(round * 1000 + i), record(start + round * 5 * day));
        store->flush();
    }
    f.advance(15 * day);
    store->reconfigure(7 * day, day);
    REQUIRE(f.events.wait_for<event::store_swept>(2));
    REQUIRE(store->size() == 2000);
    return load(f.options.path);
}

/// The octets of a file that was written once: all its pages are in use.
std::string full_file()
{
    fixture f;
    f.options.batch_delay = std::chrono::hours{1};
    f.options.batch_records = 5000;
    const auto store = f.open();
    for (unsigned i = 0; i < 3000; ++i)
        store->put(key(i), record(start));
    store->flush();
    return load(f.options.path);
}

std::string foreign_file(unsigned flags, std::string name)
{
    const test_support::temp_dir directory;
    const fs::path path = directory.path() / "foreign.lmdb";
    MDB_env* env = nullptr;
    REQUIRE(mdb_env_create(&env) == 0);
    REQUIRE(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0600) == 0);
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
    REQUIRE(mdb_dbi_open(txn, nullptr, flags, &dbi) == 0);
    MDB_val key{name.size(), name.data()}, data{name.size(), name.data()};
    REQUIRE(mdb_put(txn, dbi, &key, &data, 0) == 0);
    REQUIRE(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
    return load(path);
}

// Where LMDB's two headers have what (64 bit): a page header of 16 octets, then magic, version.
constexpr std::size_t header_at[] = {0, 4096};
constexpr std::size_t version_at = 16 + 4;
constexpr std::size_t page_size_at = 16 + 24;
constexpr std::size_t last_page_at = 16 + 24 + 2 * 48;

std::string with_header(std::string octets, std::size_t at, std::string_view value)
{
    for (const std::size_t header : header_at)
        octets.replace(header + at, value.size(), value);
    return octets;
}

/// Acts as nobody while it lives, if the tests run as root: root may read everything.
class other_user {
public:
    other_user()
        : was_{::geteuid()}
    {
        if (was_ == 0) REQUIRE(::seteuid(65534) == 0);
    }
    ~other_user()
    {
        if (was_ == 0 && ::seteuid(0) != 0) std::abort();
    }
    other_user(const other_user&) = delete;
    other_user& operator=(const other_user&) = delete;

private:
    uid_t was_;
};

std::string error_of_opening(fixture& f)
{
    try {
        f.open().reset();
        return "none";
    } catch (const std::runtime_error& failed) {
        return failed.what();
    }
}

} // namespace

TEST_CASE("lmdb store: a file that cannot be used is moved aside as it is", "[store]")
{
    const std::string sound = sound_file();
    REQUIRE(sound.size() > 40 * 4096);
    struct row {
        const char* title;
        std::string octets;
        const char* want_reason;
    };
    const std::string full = full_file();
    const std::string ff(8, '\xff');
    const row rows[] = {
        {"text", "This is not a database.\n", "MDB_INVALID"},
        {"zeros", std::string(100'000, '\0'), "MDB_INVALID"},
        {"garbage of some length", std::string(100'000, 'x'), "MDB_INVALID"},
        {"one octet", "x", "MDB_INVALID"},
        {"cut in the header", sound.substr(0, 100), "MDB_INVALID"},
        {"headers alone", sound.substr(0, 8192), ""},
        {"cut in the middle", sound.substr(0, sound.size() / 2 & ~std::size_t{4095}), ""},
        {"cut within a page", sound.substr(0, 30'000), ""},
        {"last page lost", full.substr(0, full.size() - 4096), ""},
        {"other version", with_header(sound, version_at, {"\x63\0\0\0", 4}),
         "MDB_VERSION_MISMATCH"},
        {"absurd last page", with_header(sound, last_page_at, ff), ""},
        {"far last page", with_header(sound, last_page_at, {"\0\0\1\0\0\0\0\0", 8}), ""},
        {"page size zero", with_header(sound, page_size_at, {"\0\0\0\0", 4}), ""},
        {"pages of zeros", sound.substr(0, 8192) + std::string(sound.size() - 8192, '\0'), ""},
        {"pages of 0xff", sound.substr(0, 8192) + std::string(sound.size() - 8192, '\xff'), ""},
        {"another program's keys", foreign_file(0, "bayes"), "not fendmail's"},
        {"another program's flags", foreign_file(MDB_DUPSORT, "4xxxxx"), "another program"},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            fixture f;
            save(f.options.path, r.octets);
            save(f.options.path.native() + "-lock", "old");
            const auto store = f.open();
            REQUIRE(f.events.count() == 1);
            const auto moved = f.events.last<event::store_moved_aside>().texts;
            CHECK(moved[0] == f.options.path);
            CHECK(moved[1] == f.options.path.native() + ".damaged-20260102-030405");
            CAPTURE(moved[2]);
            CHECK(moved[2].find(r.want_reason) != std::string::npos);
            CHECK(load(moved[1]) == r.octets);
            CHECK(store->size() == 0);
            store->put(key(1), record(start + day));
            store->flush();
            CHECK(store->get(key(1)));
            CHECK(store->size() == 1);
        }
    }
}

TEST_CASE("lmdb store: a file is never written over when one is moved aside", "[store]")
{
    fixture f;
    for (const char* text : {"first", "second", "third"}) {
        save(f.options.path, text);
        f.open().reset();
    }
    const std::string name = f.options.path.native() + ".damaged-20260102-030405";
    CHECK(load(name) == "first");
    CHECK(load(name + "-2") == "second");
    CHECK(load(name + "-3") == "third");
}

TEST_CASE("lmdb store: a file that cannot be read through in time is not called damaged", "[store]")
{
    fixture f;
    const auto sound = sound_file();
    save(f.options.path, sound);
    f.options.check_time_limit = milliseconds{0};
    CHECK(error_of_opening(f).find("reading it through takes longer than 0ms") !=
          std::string::npos);
    CHECK(f.events.count() == 0);
    CHECK(load(f.options.path) == sound);
}

TEST_CASE("lmdb store: a sound file is used, whatever its lock file holds", "[store]")
{
    fixture f;
    save(f.options.path, sound_file());
    save(f.options.path.native() + "-lock", std::string(20'000, 'x'));
    const auto store = f.open();
    CHECK(f.events.count() == 0);
    CHECK(store->size() == 2000);
}

TEST_CASE("lmdb store: an empty file is a new one", "[store]")
{
    fixture f;
    save(f.options.path, "");
    const auto store = f.open();
    store->put(key(1), record(start));
    store->flush();
    CHECK(store->size() == 1);
    CHECK(f.events.count() == 0);
}

TEST_CASE("lmdb store: directories on the way are made", "[store]")
{
    fixture f;
    f.options.path = f.directory.path() / "a" / "b" / "clients.lmdb";
    f.open().reset();
    CHECK(fs::is_regular_file(f.options.path));
}

TEST_CASE("lmdb store: a damaged page never crashes the process that opens the file", "[store]")
{
    const std::string sound = sound_file();
    std::mt19937 random{4711};
    const auto below = [&](std::size_t end) { return random() % end; };
    for (unsigned round = 0; round < 40; ++round) {
        CAPTURE(round);
        std::string octets = sound;
        for (auto left = 1 + below(3); left > 0; --left) {
            const auto at = below(octets.size() - 64);
            for (std::size_t i = 0; i < 1 + below(64); ++i)
                octets[at + i] = static_cast<char>(random());
        }
        fixture f;
        save(f.options.path, octets);
        const auto store = f.open();
        CHECK(store->for_each([](const auto&, const auto&) { return true; }));
        CHECK(f.events.count<event::store_unavailable>() == 0);
    }
}

TEST_CASE("lmdb store: a file is sound whenever the store is closed", "[store]")
{
    fixture f;
    f.options.map_octets = 64 * 1024;
    f.options.sweep_interval = day;
    std::mt19937 random{42};
    for (std::size_t round = 1; round <= 25; ++round) {
        CAPTURE(round);
        const auto store = f.open();
        REQUIRE(f.events.wait_for<event::store_swept>(round));
        for (unsigned batch = 0; batch < 3; ++batch) {
            const unsigned puts = random() % 1500;
            for (unsigned i = 0; i < puts; ++i)
                store->put(key(random() % 10'000), record(f.now() - seconds{random() % 86'400}));
            store->flush();
        }
        f.advance(2 * day);
        f.options.retention = day * (random() % 4);
    }
    CHECK(f.events.count<event::store_moved_aside>() == 0);
    CHECK(f.events.count<event::store_unavailable>() == 0);
}

// ── start-up that is impossible ───────────────────────────────────────────────────────────────

TEST_CASE("lmdb store: says what to do when there can be no store", "[store]")
{
    fixture f;
    SECTION("a directory has its name")
    {
        fs::create_directory(f.options.path);
        CHECK(error_of_opening(f) ==
              "store: cannot use " + f.options.path.string() +
                  ": it is a directory; set store.path to the name of a file");
    }
    SECTION("a device has its name")
    {
        f.options.path = "/dev/null";
        CHECK(error_of_opening(f).find("not a regular file") != std::string::npos);
    }
    SECTION("its directory is a file")
    {
        save(f.directory.path() / "file", "x");
        f.options.path = f.directory.path() / "file" / "clients.lmdb";
        const std::string error = error_of_opening(f);
        CAPTURE(error);
        CHECK(error.find(f.options.path.string()) != std::string::npos);
        CHECK(error.find("store.path") != std::string::npos);
    }
    SECTION("its directory may not be written")
    {
        fs::permissions(f.directory.path(), fs::perms{0555});
        const other_user nobody;
        const std::string error = error_of_opening(f);
        CAPTURE(error);
        CHECK(error.find("Permission denied") != std::string::npos);
        CHECK(error.find("let the user that fendmail runs as write") != std::string::npos);
    }
    SECTION("it is damaged and cannot be moved aside")
    {
        save(f.options.path, "no store");
        save(f.options.path.native() + "-lock", "");
        fs::permissions(f.options.path, fs::perms{0666});
        fs::permissions(f.options.path.native() + "-lock", fs::perms{0666});
        fs::permissions(f.directory.path(), fs::perms{0555});
        const other_user nobody;
        const std::string error = error_of_opening(f);
        CAPTURE(error);
        CHECK(error.find("cannot be moved aside") != std::string::npos);
    }
    CHECK(f.events.count() == 0);
}

TEST_CASE("lmdb store: another user's file is not damaged: it stays, where it could be moved",
          "[store]")
{
    for (const bool is_lock_file : {false, true}) {
        CAPTURE(is_lock_file);
        fixture f;
        const auto sound = sound_file();
        save(f.options.path, sound);
        save(f.options.path.native() + "-lock", "");
        fs::permissions(f.options.path, fs::perms{is_lock_file ? 0666U : 0U});
        fs::permissions(f.options.path.native() + "-lock", fs::perms{is_lock_file ? 0U : 0666U});
        fs::permissions(f.directory.path(), fs::perms{0777});
        {
            const other_user nobody;
            const auto error = error_of_opening(f);
            CAPTURE(error);
            CHECK(error.find("Permission denied") != std::string::npos);
            CHECK_FALSE(trouble_with_store(f.options.path).empty());
        }
        CHECK(f.events.count() == 0);
        fs::permissions(f.options.path, fs::perms{0600});
        CHECK(load(f.options.path) == sound);
    }
}

TEST_CASE("lmdb store: check says beforehand what would keep the store from opening", "[store]")
{
    fixture f;
    CHECK(trouble_with_store(f.options.path).empty());
    CHECK(trouble_with_store(f.directory.path() / "to" / "be" / "made.lmdb").empty());
    CHECK(fs::is_empty(f.directory.path())); // nothing was made
    CHECK(trouble_with_store("/proc/clients.lmdb").find("/proc") != std::string::npos);
    fs::create_directory(f.options.path);
    CHECK(trouble_with_store(f.options.path) ==
          f.options.path.string() + ": it is a directory; set store.path to the name of a file");
    fs::remove(f.options.path);
    fs::permissions(f.directory.path(), fs::perms{0555});
    const other_user nobody;
    const auto trouble = trouble_with_store(f.options.path);
    CAPTURE(trouble);
    CHECK(trouble.find("Permission denied; let the user that fendmail runs as write") !=
          std::string::npos);
}

TEST_CASE("lmdb store: the lock file has all its blocks before anybody maps it", "[store]")
{
    fixture f;
    const auto lock = f.options.path.native() + "-lock";
    const auto blocks = [&] {
        struct stat found{};
        REQUIRE(::stat(lock.c_str(), &found) == 0);
        CHECK(found.st_size == 32768); // what LMDB makes of our number of readers
        return found.st_blocks * 512;
    };
    f.open().reset();
    CHECK(blocks() >= 32768);
    // One that an older version has left full of holes.
    fs::remove(lock);
    save(lock, "");
    fs::resize_file(lock, 32768);
    f.open().reset();
    CHECK(blocks() >= 32768);
}

// ── kill -9 ───────────────────────────────────────────────────────────────────────────────────

TEST_CASE("lmdb store: killed at any moment it loses nothing that was flushed", "[store]")
{
    fixture f;
    std::mt19937 random{1};
    unsigned first = 0; // of the clients of this round
    for (unsigned round = 0; round < 20; ++round) {
        CAPTURE(round);
        int reports[2];
        REQUIRE(::pipe(reports) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            const auto store = f.open();
            for (unsigned next = first;; ++next) {
                store->put(key(next), record(start + day));
                if (next % 20 != 0) continue;
                store->flush();
                if (::write(reports[1], &next, sizeof next) < 0) ::_exit(1);
            }
        }
        ::close(reports[1]);
        unsigned flushed = 0, report = 0;
        for (unsigned left = 1 + random() % 20; left > 0; --left)
            if (::read(reports[0], &report, sizeof report) == sizeof report) flushed = report;
        for (unsigned spin = random() % 2000; spin > 0; --spin)
            std::this_thread::yield();
        ::kill(child, SIGKILL);
        while (::read(reports[0], &report, sizeof report) == sizeof report)
            flushed = report;
        ::close(reports[0]);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        REQUIRE(flushed >= first);

        const auto store = f.open();
        unsigned missing = 0;
        for (unsigned i = 0; i <= flushed; ++i)
            missing += store->get(key(i)).has_value() ? 0 : 1;
        CHECK(missing == 0);
        CHECK(f.events.count() == 0);
        // The next round fills the gap of what was lost, so that all numbers up to it exist.
        first = flushed + 1;
    }
}

} // namespace fendmail::io
