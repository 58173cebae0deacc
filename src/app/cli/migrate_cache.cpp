// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/migrate/cache_dump.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "fendmail/io/store/lmdb/store.hpp"
#include "migrate_parts.hpp"
#include "read_config.hpp"
#include "store_owner.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <system_error>

namespace fendmail::app {

namespace {

/// Puts that wait for the disk are bounded: an import that is faster has to wait for it.
constexpr std::size_t clients_in_a_batch = 10'000;
constexpr std::size_t bad_lines_shown = 20;
constexpr std::chrono::seconds progress_interval{1};

/// What the store has to tell goes to standard error.
class stderr_events final : public event_sink {
public:
    void on(const any_event& what) noexcept override
    {
        if (const auto* lost = std::get_if<event::store_unavailable>(&what)) {
            has_failed_ = true;
            std::fprintf(stderr, "error: %.*s\n", static_cast<int>(lost->reason.size()),
                         lost->reason.data());
        }
        if (const auto* moved = std::get_if<event::store_moved_aside>(&what))
            std::fprintf(stderr, "warning: %.*s was unusable (%.*s): moved to %.*s\n",
                         static_cast<int>(moved->path.size()), moved->path.data(),
                         static_cast<int>(moved->reason.size()), moved->reason.data(),
                         static_cast<int>(moved->to.size()), moved->to.data());
    }
    [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }

private:
    std::atomic<bool> has_failed_{false};
};

struct import_counts {
    std::size_t lines = 0;
    std::size_t imported = 0;
    std::size_t merged = 0; ///< of those: clients that were known already
    std::size_t stale = 0;
    std::size_t too_long = 0; ///< with a pass that ends later than any can here
    std::size_t bad = 0;
};

class importer {
public:
    importer(io::lmdb_store& store, const runtime_config& config)
        : store_{store}
        , retention_{config.store.retention}
        , ipv6_prefix_{config.store.ipv6_prefix}
        , longest_passes_{config.screening.longest_passes()}
    {
    }

    import_counts run(std::istream& from)
    {
        for (std::string line; std::getline(from, line);) {
            ++counts_.lines;
            take(postscreen::parse_cache_line(line, now_));
            show_progress();
        }
        if (from.bad())
            throw std::runtime_error(fmt::format("cannot read on behind line {}", counts_.lines));
        store_.flush();
        if (counts_.bad > bad_lines_shown)
            fmt::print(stderr, "and {} more bad lines\n", counts_.bad - bad_lines_shown);
        return counts_;
    }

private:
    void take(const postscreen::cache_line& line)
    {
        if (const auto* bad = std::get_if<postscreen::bad_line>(&line)) {
            if (++counts_.bad <= bad_lines_shown)
                fmt::print(stderr, "line {}: {}: skipped\n", counts_.lines, bad->reason);
        } else if (const auto* client = std::get_if<postscreen::cached_client>(&line)) {
            take(*client);
        }
    }

    void take(const postscreen::cached_client& client)
    {
        // Given while a clock was wrong, or with longer TTLs than those here.
        const auto record = screen::without_impossible(client.record, longest_passes_, now_);
        if (record != client.record) ++counts_.too_long;
        if (record.is_stale(now_, retention_)) {
            ++counts_.stale;
            return;
        }
        const screen::client_key key{client.address, 32, ipv6_prefix_};
        const auto known = store_.get(key);
        store_.put(key, known ? screen::later_of(*known, record) : record);
        ++counts_.imported;
        if (known) ++counts_.merged;
        if (counts_.imported % clients_in_a_batch == 0) store_.flush();
    }

    void show_progress()
    {
        if (!is_terminal_ || io::steady_now() < progress_at_) return;
        progress_at_ = io::steady_now() + progress_interval;
        fmt::print(stderr, "{} lines, {} clients\n", counts_.lines, counts_.imported);
    }

    io::lmdb_store& store_;
    const seconds retention_;
    const unsigned ipv6_prefix_;
    const screen::by_test<seconds> longest_passes_;
    const instant now_ = io::wall_now();
    const bool is_terminal_ = ::isatty(STDERR_FILENO) != 0;
    tick progress_at_ = io::steady_now() + progress_interval;
    import_counts counts_;
};

/// @throws std::runtime_error
import_counts import(std::istream& from, const config& into)
{
    stderr_events events;
    io::lmdb_options options;
    options.path = into.startup.store.path;
    options.sweep_interval = seconds{0}; // that is the running fendmail's
    import_counts counts;
    {
        io::lmdb_store store{options, events};
        counts = importer{store, into.runtime}.run(from);
    }
    if (events.has_failed())
        throw std::runtime_error(
            fmt::format("not everything was written to {}", options.path.string()));
    return counts;
}

} // namespace

int migrate_cache(const std::string& file, const std::string& config_path)
try {
    // Before rights are given up: the dump may be readable for root alone.
    std::ifstream opened;
    if (file != "-") {
        errno = 0;
        opened.open(file, std::ios::binary);
        if (!opened)
            throw std::runtime_error(
                fmt::format("cannot read {}: {}", file, std::generic_category().message(errno)));
    }
    const auto found = read_config_or_tell(config_path, "localhost");
    if (!found) return exit_failure;
    const startup_config& startup = found->startup;
    if (startup.store.kind != store_kind::lmdb)
        throw std::runtime_error(fmt::format("store.kind is \"{}\": there is no file to import "
                                             "into; write \"lmdb\"",
                                             to_string(startup.store.kind)));
    become_store_owner(startup);
    const auto counts = import(file == "-" ? std::cin : opened, *found);
    fmt::print("{}: {} clients imported ({} of them were known), {} past their retention, {} bad "
               "lines\n",
               startup.store.path.string(), counts.imported, counts.merged, counts.stale,
               counts.bad);
    if (counts.too_long != 0)
        fmt::print(
            "{} clients have passes that end later than any lasts here (server's clock, TTLs "
            "of [greet], [dnsbl] and [deep]): those passes count for nothing\n",
            counts.too_long);
    // An empty pipe is mostly a `postmap` that failed; a cache without clients has a line as well.
    if (counts.lines == 0)
        throw std::runtime_error(
            fmt::format("nothing came from {}; give the output of `postmap -s` for "
                        "postscreen_cache_map",
                        file == "-" ? "standard input" : file));
    if (counts.imported == 0 && counts.bad > 0)
        throw std::runtime_error("no client was found; give the output of `postmap -s` for "
                                 "postscreen_cache_map");
    return exit_ok;
} catch (const std::exception& e) {
    fmt::print(stderr, "fendmail migrate: {}\n", e.what());
    return exit_failure;
}

} // namespace fendmail::app
