// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/store/lmdb/store.hpp"

#include "recovery.hpp"
#include "store_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>
#include <vector>

namespace fendmail::io {

namespace {

/// The key that `octets` came from, or nothing when they are none.
std::optional<screen::client_key> parse_key(std::span<const std::byte> octets) noexcept
{
    if (octets.size() < 2) return std::nullopt;
    const auto family = std::to_integer<char>(octets[0]);
    const auto prefix_length = std::to_integer<unsigned>(octets[1]);
    const auto copy = [&](auto array) {
        for (std::size_t i = 0; i < array.size(); ++i)
            array[i] = std::to_integer<std::uint8_t>(octets[2 + i]);
        return array;
    };
    if (family == '4' && octets.size() == 6 && prefix_length <= 32)
        return screen::client_key{ip_address::v4(copy(std::array<std::uint8_t, 4>{})),
                                  prefix_length, 128};
    if (family == '6' && octets.size() == 18 && prefix_length <= 128)
        return screen::client_key{ip_address::v6(copy(std::array<std::uint8_t, 16>{})), 32,
                                  prefix_length};
    return std::nullopt;
}

/// Ones that may be believed: those too far ahead must not hide what waits for the disk.
bool has_all_passes(const screen::client_record& record, instant now, seconds longest) noexcept
{
    return std::ranges::all_of(screen::all_tests, [&](screen::test each) {
        return record.is_passed(each, now) && record.expires_at[each] - now <= longest;
    });
}

seconds longest_of(const screen::by_test<seconds>& each) noexcept
{
    return *std::ranges::max_element(each.values);
}

/// Prepared before the database is opened, within the initialiser of the member.
const std::filesystem::path& prepared(const lmdb_options& options, instant now, event_sink& events)
{
    lmdb::prepare_file(options.path, now, {options.check_time_limit, options.give_up}, events);
    return options.path;
}

} // namespace

// ── what any thread may call ──────────────────────────────────────────────────────────────────

lmdb_store::impl::impl(lmdb_options options, event_sink& events, std::function<instant()> now)
    : options_{std::move(options)}
    , events_{events}
    , now_{std::move(now)}
    , db_{prepared(options_, now_(), events_), options_.map_octets, options_.map_max_octets}
    , longest_pass_{longest_of(options_.longest_passes).count()}
    , retention_{options_.retention}
    , sweep_interval_{options_.sweep_interval}
    , longest_passes_{options_.longest_passes}
    , sweep_at_{steady_now() + options_.sweep_delay}
    , writer_{[this] { run(); }}
{
}

lmdb_store::impl::~impl()
{
    {
        const std::lock_guard held{mutex_};
        is_stopping_ = true;
    }
    work_.notify_one();
    writer_.join();
}

std::optional<screen::client_record> lmdb_store::impl::get(const screen::client_key& key)
{
    for (;;) {
        const auto batches = batches_done_.load(std::memory_order_acquire);
        const auto on_disk = load(key);
        if (on_disk && has_all_passes(*on_disk, now_(), seconds{longest_pass_.load()}))
            return on_disk;
        if (const auto pending = find_pending(key)) return pending;
        // A batch that was written between the two look-ups was seen by neither.
        if (batches_done_.load(std::memory_order_acquire) == batches) return on_disk;
    }
}

std::optional<screen::client_record> lmdb_store::impl::load(const screen::client_key& key)
{
    std::optional<screen::client_record> record;
    const int code = db_.read([&](MDB_txn* txn) {
        MDB_val name = lmdb::to_val(key.octets()), data{};
        const int found = mdb_get(txn, db_.dbi(), &name, &data);
        if (found != 0) return found;
        if (const auto decoded = screen::decode(lmdb::to_octets(data))) record = *decoded;
        return 0;
    });
    if (code != 0 && code != MDB_NOTFOUND)
        note_read_error(code);
    else
        works_again(reading_, 0);
    return record;
}

std::optional<screen::client_record> lmdb_store::impl::find_pending(const screen::client_key& key)
{
    if (waiting_.load(std::memory_order_acquire) == 0) return std::nullopt;
    const std::lock_guard held{mutex_};
    for (const records* each : {&pending_, &writing_})
        if (const auto found = each->find(key); found != each->end()) return found->second;
    return std::nullopt;
}

void lmdb_store::impl::put(const screen::client_key& key, const screen::client_record& record)
{
    bool is_dropped = false;
    bool is_writer_needed = false;
    {
        const std::lock_guard held{mutex_};
        const bool is_first = pending_.empty();
        const bool is_full = pending_.size() + writing_.size() >= options_.pending_max;
        const auto place = is_full ? pending_.find(key) : pending_.try_emplace(key, record).first;
        is_dropped = place == pending_.end();
        if (!is_dropped) {
            place->second = record;
            ++puts_;
            waiting_.store(pending_.size() + writing_.size(), std::memory_order_release);
            if (is_first) batch_at_ = steady_now() + options_.batch_delay;
            is_writer_needed = is_first || pending_.size() == options_.batch_records;
        }
    }
    if (is_writer_needed) work_.notify_one();
    if (is_dropped)
        report(writing_trouble_, "write",
               fmt::format("{} records wait for the disk already; more are dropped",
                           options_.pending_max));
}

void lmdb_store::impl::flush()
{
    lock held{mutex_};
    const auto wanted = puts_;
    puts_wanted_ = wanted;
    work_.notify_one();
    done_.wait(held, [&] { return puts_done_ >= wanted; });
}

void lmdb_store::impl::reconfigure(seconds retention, seconds sweep_interval,
                                   const screen::by_test<seconds>& longest_passes)
{
    longest_pass_.store(longest_of(longest_passes).count());
    {
        const std::lock_guard held{mutex_};
        retention_ = retention;
        sweep_interval_ = sweep_interval;
        longest_passes_ = longest_passes;
        sweep_at_ = steady_now();
    }
    work_.notify_one();
}

lmdb_store::waiting_records lmdb_store::impl::take_waiting()
{
    const std::lock_guard held{mutex_};
    waiting_records taken;
    taken.reserve(pending_.size() + writing_.size());
    for (const records* each : {&writing_, &pending_}) // the newer ones last
        taken.insert(taken.end(), each->begin(), each->end());
    return taken;
}

std::size_t lmdb_store::impl::size()
{
    MDB_stat stat{};
    std::size_t own = 0;
    const int code = db_.read([&](MDB_txn* txn) {
        const int known = mdb_stat(txn, db_.dbi(), &stat);
        return known != 0 ? known : lmdb::count_own_keys(txn, db_.dbi(), own);
    });
    if (code == 0) return stat.ms_entries - own;
    note_read_error(code);
    return 0;
}

struct lmdb_store::impl::visit_step {
    static constexpr std::size_t records_max = 500;
    std::vector<std::byte> last_key;
    std::vector<std::pair<screen::client_key, screen::client_record>> found;
    bool is_last = false;
};

int lmdb_store::impl::read_step(visit_step& step)
{
    step.found.clear();
    return db_.read([&](MDB_txn* txn) {
        lmdb::cursor_handle cursor;
        if (const int code = lmdb::open_cursor(cursor, txn, db_.dbi()); code != 0) return code;
        MDB_val key{}, data{};
        int code = lmdb::seek_behind(cursor.get(), step.last_key, key, data);
        for (std::size_t seen = 0; code == 0; ++seen) {
            if (seen == visit_step::records_max) return 0;
            const auto octets = lmdb::to_octets(key);
            step.last_key.assign(octets.begin(), octets.end());
            const auto client = parse_key(octets);
            const auto record = screen::decode(lmdb::to_octets(data));
            if (client && record) step.found.emplace_back(*client, *record);
            code = mdb_cursor_get(cursor.get(), &key, &data, MDB_NEXT);
        }
        step.is_last = code == MDB_NOTFOUND;
        return step.is_last ? 0 : code;
    });
}

bool lmdb_store::impl::for_each(const visitor& visit)
{
    visit_step step;
    while (!step.is_last) {
        if (const int code = read_step(step); code != 0) {
            note_read_error(code);
            return false;
        }
        // Outside the snapshot: the visitor may take its time, or ask the store.
        for (const auto& [client, record] : step.found)
            if (!visit(client, record)) return false;
    }
    return true;
}

std::vector<allowlist_store::entry> lmdb_store::impl::list(const screen::client_key* after,
                                                           std::size_t most)
{
    visit_step step;
    if (after != nullptr) step.last_key.assign(after->octets().begin(), after->octets().end());
    std::vector<entry> found;
    while (!step.is_last && found.size() < most) {
        if (const int code = read_step(step); code != 0) {
            note_read_error(code);
            break;
        }
        const auto room = std::min(most - found.size(), step.found.size());
        found.insert(found.end(), step.found.begin(),
                     step.found.begin() + static_cast<std::ptrdiff_t>(room));
    }
    return found;
}

void lmdb_store::impl::note_read_error(int code)
{
    if (code != MDB_MAP_RESIZED) return read_failed(lmdb::error_text(code));
    // Only the writer thread may move the map; until it has, clients are new.
    {
        const std::lock_guard held{mutex_};
        is_map_outgrown_ = true;
    }
    work_.notify_one();
}

void lmdb_store::impl::report(trouble& which, std::string_view what,
                              std::string_view reason) noexcept
try {
    if (is_lost()) return; // told by the code that opens it anew
    which.is_on.store(true);
    std::optional<lasting_trouble::summary> told;
    {
        const std::lock_guard held{which.mutex};
        told = which.course.on_failure(steady_now());
    }
    if (!told) return;
    const std::string text = fmt::format("cannot {} {}: {}", what, options_.path.native(), reason);
    events_.on(event::store_unavailable{text, told->failures, told->after});
} catch (const std::exception&) {
    events_.on(event::store_unavailable{"out of memory"});
}

void lmdb_store::impl::works_again(trouble& which, std::size_t waited) noexcept
{
    if (!which.is_on.load() || !which.is_on.exchange(false)) return;
    std::optional<lasting_trouble::summary> ended;
    {
        const std::lock_guard held{which.mutex};
        ended = which.course.on_success(steady_now());
    }
    if (ended) events_.on(event::store_restored{options_.path.native(), ended->after, waited});
}

// ── the class itself ──────────────────────────────────────────────────────────────────────────

lmdb_store::lmdb_store(lmdb_options options, event_sink& events, std::function<instant()> now)
    : impl_{std::make_unique<impl>(std::move(options), events, std::move(now))}
{
}

lmdb_store::~lmdb_store() = default;

std::optional<screen::client_record> lmdb_store::get(const screen::client_key& key) noexcept
try {
    return impl_->get(key);
} catch (const std::exception& failed) {
    impl_->read_failed(failed.what());
    return std::nullopt;
}

void lmdb_store::put(const screen::client_key& key, const screen::client_record& record) noexcept
try {
    impl_->put(key, record);
} catch (const std::exception& failed) {
    impl_->write_failed(failed.what());
}

void lmdb_store::flush() noexcept
{
    impl_->flush();
}

void lmdb_store::reconfigure(seconds retention, seconds sweep_interval,
                             const screen::by_test<seconds>& longest_passes) noexcept
{
    impl_->reconfigure(retention, sweep_interval, longest_passes);
}

bool lmdb_store::is_lost() const noexcept
{
    return impl_->is_lost();
}

std::string lmdb_store::why_lost() const
{
    return impl_->why_lost();
}

lmdb_store::waiting_records lmdb_store::take_waiting()
{
    return impl_->take_waiting();
}

std::size_t lmdb_store::size() noexcept
try {
    return impl_->size();
} catch (const std::exception& failed) {
    impl_->read_failed(failed.what());
    return 0;
}

bool lmdb_store::for_each(const visitor& visit)
{
    return impl_->for_each(visit);
}

std::vector<allowlist_store::entry> lmdb_store::list(const screen::client_key* after,
                                                     std::size_t most)
{
    return impl_->list(after, most);
}

std::string trouble_with_store(const std::filesystem::path& path)
{
    return lmdb::trouble_with(path);
}

} // namespace fendmail::io
