// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/mta/recipient_table.hpp"

#include "fendmail/core/dnsbl/private_address.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <iterator>
#include <utility>

namespace fendmail::mta {

namespace {

/// The word at the start, which is taken off with the blank behind it.
std::string_view take_word(std::string_view& text) noexcept
{
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

bool is_printable(std::string_view text) noexcept
{
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<known_host> parse_host(std::string_view line)
{
    const auto address = parse_address(take_word(line));
    const auto number = take_word(line);
    seconds::rep since_1970 = 0;
    const auto [end, failure] =
        std::from_chars(number.data(), number.data() + number.size(), since_1970);
    const bool is_number = failure == std::errc{} && end == number.data() + number.size();
    if (!address || !is_number || since_1970 < 0) return std::nullopt;
    if (line.size() > limits::dns_name_octets || !is_printable(line)) return std::nullopt;
    return known_host{*address, instant{seconds{since_1970}}, std::string{line}};
}

} // namespace

bool can_be_known(const ip_address& address) noexcept
{
    if (dnsbl::is_private(address)) return false;
    const auto octets = address.octets();
    // 0.0.0.0/8, loopback, multicast and what is not in use.
    if (address.is_v4()) return octets[0] != 0 && octets[0] != 127 && octets[0] < 224;
    // 2000::/3, RFC 4291 §2.4: all others are for special purposes.
    return (octets[0] & 0xe0) == 0x20;
}

std::optional<std::string_view> recipient_set::find(const ip_address& client) const noexcept
{
    const auto at = std::ranges::lower_bound(hosts_, client, {}, &known_host::address);
    if (at == hosts_.end() || at->address != client) return std::nullopt;
    return at->host;
}

bool recipient_set::has_any_of(const network& net) const noexcept
{
    const auto at = std::ranges::lower_bound(hosts_, net.address, {}, &known_host::address);
    return at != hosts_.end() && net.contains(at->address);
}

bool recipient_table::note(const ip_address& address, std::string_view host, instant now)
{
    const auto known = by_address_.find(address);
    if (known != by_address_.end()) {
        known->second->seen = now;
        oldest_first_.splice(oldest_first_.end(), oldest_first_, known->second);
        return false;
    }
    oldest_first_.push_back({address, now, std::string{host}});
    by_address_.emplace(address, std::prev(oldest_first_.end()));
    if (size() > hosts_max) forget(oldest_first_.front().address);
    return true;
}

bool recipient_table::expire(instant now, seconds ttl)
{
    const auto before = size();
    // All of them: where the clock was set back, the order is not that of `seen`.
    for (auto at = oldest_first_.begin(); at != oldest_first_.end();) {
        at->seen = std::min(at->seen, now);
        const auto one = at++;
        if (one->seen + ttl <= now) forget(one->address);
    }
    return size() != before;
}

void recipient_table::forget(const ip_address& address)
{
    const auto known = by_address_.find(address);
    if (known == by_address_.end()) return;
    const auto place = known->second;
    by_address_.erase(known); // before the entry, in which `address` may stand
    oldest_first_.erase(place);
}

std::vector<known_host> recipient_table::all() const
{
    std::vector<known_host> hosts{oldest_first_.begin(), oldest_first_.end()};
    std::ranges::sort(hosts, {}, &known_host::address);
    return hosts;
}

std::string recipient_table::to_file() const
{
    fmt::memory_buffer text;
    for (const auto& one : oldest_first_)
        fmt::format_to(fmt::appender(text), "{} {} {}\n", to_text(one.address),
                       one.seen.time_since_epoch().count(), one.host);
    return fmt::to_string(text);
}

std::size_t recipient_table::read_file(std::string_view text)
{
    std::size_t bad = 0;
    std::vector<known_host> found;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        auto one = parse_host(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (one && can_be_known(one->address))
            found.push_back(*std::move(one));
        else
            ++bad;
    }
    std::ranges::stable_sort(found, {}, &known_host::seen);
    for (const auto& one : found)
        note(one.address, one.host, one.seen);
    return bad;
}

} // namespace fendmail::mta
