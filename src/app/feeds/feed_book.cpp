// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/feeds/feed_book.hpp"

#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace fendmail::app {

namespace {

constexpr seconds age_report_interval{86400};

/// Of a clock that was set back, 0.
seconds age_of(instant changed_at)
{
    return std::max(io::wall_now() - changed_at, seconds{0});
}

} // namespace

std::string_view to_string(feed_state s) noexcept
{
    switch (s) {
    case feed_state::good: return "good";
    case feed_state::outdated: return "outdated";
    case feed_state::refused: return "refused";
    }
    return "unknown";
}

struct feed_book::entry {
    explicit entry(const feed_source& from)
        : source{from}
    {
    }
    [[nodiscard]] bool is_in_use() const noexcept { return in_use.data != nullptr; }
    [[nodiscard]] seconds age() const
    {
        return is_in_use() ? age_of(in_use.stamp.changed_at()) : seconds{0};
    }
    [[nodiscard]] std::optional<std::size_t> before() const
    {
        return is_in_use() ? std::optional{in_use.entries} : std::nullopt;
    }

    feed_source source;
    std::uint64_t number = 0; ///< by which what was read finds it again
    loaded_feed in_use;
    file_stamp looked;   ///< the file that was read last, of use or not
    file_stamp reading;  ///< the one that is read now
    std::string refusal; ///< of that file
    std::vector<feed::left_out> told_left_out;
    std::shared_ptr<feed_tally> tally = std::make_shared<feed_tally>();
    report_limit age_reports{age_report_interval};
    bool is_loading = false;
    bool has_to_load_again = false;
    std::unique_ptr<io::file_watch> watch;
};

feed_book::feed_book(boost::asio::io_context& context, event_sink& events, publisher publish)
    : context_{context}
    , events_{events}
    , publish_{std::move(publish)}
    , self_{std::make_shared<feed_book*>(this)}
{
}

feed_book::~feed_book()
{
    stop();
}

void feed_book::configure(const feed_options& options, forbidden must_not_hit)
{
    forbidden_ = std::move(must_not_hit);
    options_ = options;
    take_over(options);
    const bool is_first = !std::exchange(has_begun_, true);
    for (const auto& one : entries_)
        if (is_first)
            load_now(*one);
        else
            load_aside(*one);
    publish();
}

void feed_book::judge_again(forbidden must_not_hit)
{
    forbidden_ = std::move(must_not_hit);
    for (const auto& one : entries_)
        load_aside(*one);
}

/// A feed that stays what it is keeps what it has.
void feed_book::take_over(const feed_options& options)
{
    std::vector<std::unique_ptr<entry>> next;
    for (const feed_source& from : options.sources) {
        const auto same = std::ranges::find_if(entries_, [&](const auto& one) {
            return one && one->source.name == from.name && one->source.file == from.file &&
                   one->source.format == from.format;
        });
        if (same != entries_.end()) {
            next.push_back(std::move(*same));
            next.back()->source = from;
            continue;
        }
        auto& made = *next.emplace_back(std::make_unique<entry>(from));
        made.number = next_number_++;
        made.watch =
            std::make_unique<io::file_watch>(context_, from.file, [this, &made] { look(made); });
    }
    entries_ = std::move(next);
}

/// Costs a system call when nothing has changed.
void feed_book::look(entry& one)
{
    const auto stamp = stamp_of(one.source.file);
    // A large file takes longer to read than it is until the next look.
    const bool is_being_read = one.is_loading && stamp == one.reading;
    if (stamp != one.looked && !is_being_read) load_aside(one);
    tell_old_age(one);
}

void feed_book::load_now(entry& one)
{
    auto found = load_feed(one.source, one.source.file, *forbidden_, one.before());
    if (found.data) return accept(one, std::move(found));
    auto last = load_feed(one.source, last_of(one.source.file), *forbidden_, std::nullopt);
    if (last.data) accept(one, std::move(last));
    refuse(one, found);
}

void feed_book::load_aside(entry& one)
{
    if (one.is_loading) {
        one.has_to_load_again = true;
        return;
    }
    one.is_loading = true;
    one.reading = stamp_of(one.source.file);
    boost::asio::post(reader_, [this, from = one.source, number = one.number,
                                must_not_hit = forbidden_, before = one.before(),
                                weak = std::weak_ptr{self_}] {
        loaded_feed found;
        try {
            found = load_feed(from, from.file, *must_not_hit, before);
        } catch (const std::exception& e) { // no memory, mostly
            found = {};
            found.refusal = fmt::format("it cannot be read: {}", e.what());
            found.stamp = stamp_of(from.file);
        }
        boost::asio::post(context_, [number, weak, found = std::move(found)]() mutable {
            if (const auto self = weak.lock()) (*self)->on_loaded(number, std::move(found));
        });
    });
}

void feed_book::on_loaded(std::uint64_t number, loaded_feed found)
{
    const auto at =
        std::ranges::find_if(entries_, [&](const auto& one) { return one->number == number; });
    if (at == entries_.end()) return; // no longer configured
    entry& one = **at;
    one.is_loading = false;
    const bool is_old = std::exchange(one.has_to_load_again, false);
    if (found.data) {
        // Also what is old by now: a file that changes all the time must not keep all others out.
        accept(one, std::move(found));
        publish();
    } else if (!is_old) {
        refuse(one, found);
    }
    if (is_old) load_aside(one);
}

void feed_book::accept(entry& one, loaded_feed found)
{
    const bool is_new = !one.is_in_use() || one.in_use.checksum != found.checksum ||
                        one.in_use.left_out() != found.left_out() || !one.refusal.empty();
    one.looked = found.stamp;
    one.refusal.clear();
    one.in_use = std::move(found);
    if (is_new) {
        events_.on(event::feed_loaded{one.source.name, one.in_use.entries, one.in_use.left_out(),
                                      one.age()});
        one.age_reports.reset();
    }
    tell_left_out(one);
    tell_old_age(one);
}

/// Told once for each file, and once while there is none.
void feed_book::refuse(entry& one, const loaded_feed& found)
{
    const bool is_told = one.refusal == found.refusal && one.looked == found.stamp;
    one.looked = found.stamp;
    if (is_told) return;
    one.refusal = found.refusal;
    const auto file = one.source.file.string();
    events_.on(
        event::feed_rejected{one.source.name, file, one.refusal, one.in_use.entries, one.age()});
}

void feed_book::tell_left_out(entry& one)
{
    if (one.told_left_out == one.in_use.without) return;
    one.told_left_out = one.in_use.without;
    for (const feed::left_out& each : one.told_left_out) {
        const auto example = to_text(each.example);
        events_.on(event::feed_trimmed{one.source.name, to_string(each.why), words_of(each.why),
                                       each.count, example});
    }
}

void feed_book::tell_old_age(entry& one)
{
    if (!one.is_in_use() || one.age() <= one.source.max_age) return;
    if (!one.age_reports.on_occurrence(io::steady_now())) return;
    events_.on(event::feed_outdated{one.source.name, one.in_use.entries, one.age()});
}

void feed_book::publish()
{
    std::vector<feed_set::member> members;
    for (const auto& one : entries_)
        if (one->is_in_use()) members.emplace_back(one->source, one->in_use.data, one->tally);
    if (members.empty() && !published_) return;
    published_ = members.empty()
                     ? nullptr
                     : std::make_shared<const feed_set>(std::move(members), options_.weights);
    publish_(published_);
}

void feed_book::stop()
{
    self_.reset();
    for (const auto& one : entries_)
        one->watch->stop();
    reader_.stop();
    reader_.join();
}

std::vector<feed_status> feed_book::status() const
{
    std::vector<feed_status> out;
    for (const auto& one : entries_) {
        feed_status& of = out.emplace_back();
        of.source = one->source;
        of.refusal = one->refusal;
        of.is_in_use = one->is_in_use();
        of.entries = one->in_use.entries;
        of.left_out = one->in_use.left_out();
        of.changed_at = one->in_use.stamp.changed_at();
        of.age = one->age();
        of.hits = one->tally->hits.load(std::memory_order_relaxed);
        if (!of.refusal.empty())
            of.state = feed_state::refused;
        else if (of.age > of.source.max_age)
            of.state = feed_state::outdated;
    }
    return out;
}

} // namespace fendmail::app
