// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/feeds/feed_file.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/io/feed/checksum.hpp"
#include "fendmail/io/net/own_addresses.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <numeric>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace fendmail::app {

namespace {

constexpr std::int64_t ns_of_second = 1'000'000'000;

std::filesystem::path accepted_of(const std::filesystem::path& feed_file)
{
    auto path = feed_file;
    path += ".accepted";
    return path;
}

network just(const ip_address& address)
{
    return {address, static_cast<std::uint8_t>(address.bits())};
}

template <class Number>
bool take_number(std::string_view& text, std::string_view name, Number& into, int base)
{
    if (!text.starts_with(name)) return false;
    text.remove_prefix(name.size());
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into, base);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return failure == std::errc{};
}

constexpr std::string_view entries_mark = "entries ";
constexpr std::string_view checksum_mark = " crc32 ";

feed::demands demands_of(const feed_source& from, std::optional<std::size_t> before)
{
    feed::demands of;
    of.min_entries = from.min_entries;
    of.is_against = from.is_against();
    of.max_change_percent = from.max_change.value_or(0);
    if (from.max_change) of.before = before;
    return of;
}

void judge_database(loaded_feed& into, const feed::demands& of, std::string_view text)
{
    const auto database = io::origin_database::open(text, into.refusal);
    if (!database) return;
    into.entries = database->nodes();
    into.refusal = feed::refuse_number(into.entries, of);
    if (!into.refusal.empty()) return;
    auto data = std::make_shared<feed_data>();
    data->origins = database;
    into.data = std::move(data);
}

void judge_networks(loaded_feed& into, const feed_source& from, const feed::demands& of,
                    std::string_view text, const feed::forbidden_networks& forbidden)
{
    auto found = feed::review(feed::parse(text, from.format), forbidden, of);
    into.entries = found.entries;
    into.refusal = std::move(found.refusal);
    into.without = std::move(found.without);
    if (!into.refusal.empty()) return;
    auto data = std::make_shared<feed_data>();
    data->networks = feed::range_set{found.networks};
    data->asns = std::move(found.asns);
    std::ranges::sort(data->asns);
    into.data = std::move(data);
}

/// Not what was spoilt since it was installed, nor the same text again.
bool is_worth_keeping(const std::filesystem::path& file, const loaded_feed& next)
{
    if (!stamp_of(file).exists()) return false;
    const auto read = io::read_whole_file(file, limits::feed_file_octets);
    if (!read.text) return false;
    const auto own = io::checksum(*read.text);
    const auto accepted = read_accepted(file);
    return own != next.checksum && (!accepted || accepted->checksum == own);
}

/// A file that is renewed in another way by now must not be held against what was there long ago.
bool is_recent(const std::filesystem::path& feed_file, seconds max_age)
{
    return io::wall_now() - stamp_of(accepted_of(feed_file)).changed_at() <= max_age;
}

} // namespace

instant file_stamp::changed_at() const noexcept
{
    return instant{seconds{changed_ns / ns_of_second}};
}

file_stamp stamp_of(const std::filesystem::path& file) noexcept
{
    struct stat found{};
    // Only a file has an end; a pipe would let us wait for ever.
    if (::stat(file.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
    return {found.st_dev, found.st_ino, static_cast<std::uint64_t>(found.st_size),
            found.st_mtim.tv_sec * ns_of_second + found.st_mtim.tv_nsec};
}

std::shared_ptr<const feed::forbidden_networks> forbidden_for(const runtime_config& config,
                                                              std::span<const endpoint> listening,
                                                              std::span<const network> senders)
{
    using feed::objection;
    auto made = std::make_shared<feed::forbidden_networks>();
    for (const auto& own : io::own_addresses())
        made->add(objection::own, just(own));
    for (const auto& one : listening)
        if (one.address != ip_address{} && one.address != ip_address::v6({}))
            made->add(objection::own, just(one.address));
    for (const auto& net : config.proxy_protocol.trusted_networks)
        made->add(objection::trusted, net);
    for (const auto& net : config.access.permitted())
        made->add(objection::permitted, net);
    for (const auto& net : senders)
        made->add(objection::known_sender, net);
    made->finish();
    return made;
}

std::size_t loaded_feed::left_out() const noexcept
{
    return std::accumulate(
        without.begin(), without.end(), std::size_t{0},
        [](std::size_t sum, const feed::left_out& each) { return sum + each.count; });
}

loaded_feed judge_feed(const feed_source& from, std::string_view text,
                       const feed::forbidden_networks& forbidden, std::optional<std::size_t> before,
                       bool any_change)
{
    loaded_feed out;
    out.checksum = io::checksum(text);
    const auto of = demands_of(from, any_change ? std::nullopt : before);
    if (text.empty())
        out.refusal = "it is empty";
    else if (from.format == feed::format::mmdb)
        judge_database(out, of, text);
    else
        judge_networks(out, from, of, text, forbidden);
    return out;
}

loaded_feed load_feed(const feed_source& from, const std::filesystem::path& file,
                      const feed::forbidden_networks& forbidden, std::optional<std::size_t> before)
{
    loaded_feed out;
    out.stamp = stamp_of(file);
    if (!out.stamp.exists()) {
        out.refusal = "there is no such file";
        return out;
    }
    const auto read = io::read_whole_file(file, limits::feed_file_octets);
    if (!read.text) {
        out.refusal = read.failure.empty() ? std::string{"there is no such file"}
                                           : fmt::format("it cannot be read: {}", read.failure);
        return out;
    }
    const auto accepted = read_accepted(file);
    const bool is_accepted = accepted && accepted->checksum == io::checksum(*read.text);
    if (!before && accepted && is_recent(file, from.max_age)) before = accepted->entries;
    const auto stamp = out.stamp;
    out = judge_feed(from, *read.text, forbidden, before, is_accepted);
    out.stamp = stamp;
    return out;
}

std::optional<accepted_text> read_accepted(const std::filesystem::path& feed_file)
{
    constexpr std::size_t octets_max = 256;
    const auto read = io::read_whole_file(accepted_of(feed_file), octets_max);
    if (!read.text) return std::nullopt;
    std::string_view text{*read.text};
    accepted_text out;
    if (!take_number(text, entries_mark, out.entries, 10) ||
        !take_number(text, checksum_mark, out.checksum, 16))
        return std::nullopt;
    return out;
}

std::filesystem::path last_of(const std::filesystem::path& feed_file)
{
    auto path = feed_file;
    path += ".last";
    return path;
}

std::string put_feed(const feed_source& into, std::string_view text, const loaded_feed& judged)
{
    std::error_code failure;
    std::filesystem::create_directories(into.file.parent_path(), failure);
    if (failure) return fmt::format("{}: {}", into.file.parent_path().string(), failure.message());
    if (is_worth_keeping(into.file, judged)) {
        // A second name, so that the first is never missing.
        const auto last = last_of(into.file);
        std::filesystem::remove(last, failure);
        std::filesystem::create_hard_link(into.file, last, failure);
        if (failure) std::filesystem::copy_file(into.file, last, failure);
        if (failure) return fmt::format("{}: {}", last.string(), failure.message());
    }
    // First, so that the file is never seen without.
    const auto mark =
        fmt::format("{}{}{}{:08x}\n", entries_mark, judged.entries, checksum_mark, judged.checksum);
    if (const auto why = io::replace_file(accepted_of(into.file), mark)) return *why;
    return io::replace_file(into.file, text).value_or("");
}

std::shared_ptr<const feed_set> load_all_feeds(const runtime_config& config,
                                               const feed::forbidden_networks& forbidden)
{
    std::vector<feed_set::member> members;
    for (const feed_source& from : config.feeds.sources) {
        auto found = load_feed(from, from.file, forbidden, std::nullopt);
        if (found.data)
            members.emplace_back(from, std::move(found.data), std::make_shared<feed_tally>());
    }
    if (members.empty()) return nullptr;
    return std::make_shared<const feed_set>(std::move(members), config.feeds.weights);
}

} // namespace fendmail::app
