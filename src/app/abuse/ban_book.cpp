// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/abuse/ban_book.hpp"

#include "fendmail/core/dnsbl/private_address.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

namespace {

/// Offences are written so soon; bans at once.
constexpr seconds look_interval{1};
/// Offenders that are looked at each time, for some to be forgotten.
constexpr std::size_t looked_at = 1000;
/// So many lines may be out of date before the file is written anew.
constexpr std::size_t stale_lines = 10'000;
/// A client with so many sessions at the backend, and so large a part of all, is a gateway: a
/// balancer that was not told of, a container's bridge, a forwarding server.
constexpr std::uint32_t gateway_sessions = 20;
constexpr double gateway_share = 0.25;

/// "removed 192.0.2.1/32": its ban was taken back.
constexpr std::string_view removal = "removed ";

abuse::ban ban_of(const abuse::offender& of)
{
    using abuse::ban_origin;
    return {of.until, of.bans, of.origin == ban_origin::network, abuse::reason_of(of),
            of.origin == ban_origin::admin};
}

} // namespace

ban_book::ban_book(boost::asio::io_context& context, event_sink& events, std::filesystem::path file,
                   const runtime_config& config, publisher publish, guard who_is_never)
    : events_{events}
    , publish_{std::move(publish)}
    , who_is_never_{std::move(who_is_never)}
    , file_{std::move(file)}
    , period_begun_{io::steady_now()}
    , timer_{context}
    , random_{std::random_device{}()}
{
    configure(config);
    if (!file_.empty()) {
        journal_.emplace(file_);
        restore();
    }
    wait();
}

void ban_book::stop()
{
    is_stopped_ = true;
    timer_.cancel();
    write_now();
}

void ban_book::let_go()
{
    write_now();
    may_rewrite_ = false;
}

void ban_book::read_again()
{
    if (!journal_) return;
    write_now();
    std::vector<network> before;
    const instant now = io::wall_now();
    for (const auto& each : ledger_.bans(now))
        before.push_back(each.who);
    restore();
    for (const auto& who : before)
        if (const auto* const found = ledger_.find(who); !found || !found->is_banned(now))
            publish_(who, std::nullopt);
}

void ban_book::configure(const runtime_config& config)
{
    client_ipv6_prefix_ = config.limits.ipv6_prefix;
    ledger_.configure(config.bans.rules);
}

void ban_book::restore()
{
    const instant now = io::wall_now();
    std::size_t bad = 0;
    const auto failure = journal_->read([&](std::string_view line) {
        if (const auto of = abuse::parse_offender(line))
            ledger_.restore(*of, now);
        else if (const auto mail = abuse::parse_accepted(line))
            (void)accepted_.note(mail->who, std::min(mail->when, now));
        else if (line.starts_with(removal)) {
            if (const auto who = parse_network(line.substr(removal.size())))
                (void)ledger_.remove(*who, now);
        } else if (!line.empty() && !line.starts_with('#'))
            ++bad;
    });
    if (failure) {
        const auto text = fmt::format("cannot read {}: {}; bans of before are not in force",
                                      file_.string(), *failure);
        events_.on(event::caution{text});
    }
    if (bad != 0) {
        const auto text =
            fmt::format("{}: {} lines are not understood and left out", file_.string(), bad);
        events_.on(event::caution{text});
    }
    for (const auto& each : ledger_.bans(now))
        publish_(each.who, ban_of(each));
}

void ban_book::take(const abuse_watch::reports& reports)
{
    const instant now = io::wall_now();
    for (const auto& one : reports)
        take(one, now);
}

void ban_book::take(const client_report& what, instant now)
{
    const network who = client_of(what.client);
    if (what.was_handed_off) count(what.client);
    if (what.has_mail_accepted && accepted_.note(who, now))
        write_soon(abuse::write_line(abuse::accepted_line{who, now}));
    if (what.offences.empty()) return;
    const auto found = ledger_.note(who, what.offences, {now, io::steady_now(), jitter()},
                                    [this](const network& of) { return guard_of(of); });
    act_on(found, who);
}

void ban_book::act_on(const abuse::ban_ledger::judgement& found, const network& who)
{
    using outcome = abuse::ban_ledger::outcome;
    if (found.pause_ended) events_.on(event::bans_resumed{*found.pause_ended});
    switch (found.what) {
    case outcome::counted: break;
    case outcome::banned:
        begin(*found.client);
        if (found.its_network) begin(*found.its_network);
        return;
    case outcome::withheld: {
        const auto why = abuse::reason_of(*found.client);
        events_.on(event::ban_withheld{who, found.why, why});
        break;
    }
    case outcome::paused:
        if (found.begins_pause) events_.on(event::bans_paused{ledger_.rules().max_new_per_minute});
        break;
    }
    if (found.client) write_soon(abuse::write_line(*found.client));
}

/// In the file first: what was told must hold.
void ban_book::begin(const abuse::offender& of)
{
    write_soon(abuse::write_line(of));
    write_now();
    const auto why = abuse::reason_of(of);
    publish_(of.who, ban_of(of));
    events_.on(event::client_banned{of.who, of.origin, why, of.bans, of.until - of.since,
                                    ledger_.rules().action});
}

void ban_book::end(const network& who, bool by_admin)
{
    publish_(who, std::nullopt);
    events_.on(event::ban_ended{who, by_admin});
}

std::vector<abuse::offender> ban_book::bans() const
{
    return ledger_.bans(io::wall_now());
}

const abuse::offender* ban_book::find(const ip_address& client) const
{
    return ledger_.find(client_of(client));
}

std::optional<std::string> ban_book::add(const network& who, seconds span)
{
    const auto made = ledger_.add(who, span, io::wall_now());
    if (!made) return "there are as many bans as can be";
    begin(*made);
    return std::nullopt;
}

bool ban_book::remove(const network& who)
{
    if (!ledger_.remove(who, io::wall_now())) return false;
    write_soon(fmt::format("{}{}", removal, to_text(who)));
    write_now();
    end(who, true);
    return true;
}

abuse::ban_guard ban_book::guard_of(const network& who) const
{
    if (const auto known = who_is_never_(who); known != abuse::ban_guard::none) return known;
    if (dnsbl::is_private(who.address)) return abuse::ban_guard::private_network;
    const auto last = accepted_.last(who);
    if (last && io::wall_now() - *last < abuse::accepted_mail_guards)
        return abuse::ban_guard::accepted_mail;
    if (is_gateway(who.address)) return abuse::ban_guard::gateway;
    return abuse::ban_guard::none;
}

ban_book::figures ban_book::counts() const noexcept
{
    return {ledger_.banned(), ledger_.size(), ledger_.evicted(), ledger_.is_paused()};
}

void ban_book::count(const ip_address& client)
{
    const tick now = io::steady_now();
    if (now - period_begun_ >= period) {
        std::swap(traffic_[0], traffic_[1]);
        std::swap(sessions_[0], sessions_[1]);
        traffic_[0].clear();
        sessions_[0] = 0;
        if (now - period_begun_ >= 2 * period) {
            traffic_[1].clear();
            sessions_[1] = 0;
        }
        period_begun_ = now;
    }
    traffic_[0].add(client_of(client).address, false);
    ++sessions_[0];
}

bool ban_book::is_gateway(const ip_address& client) const
{
    const auto key = client_of(client).address;
    std::uint32_t mine = 0;
    for (const auto& part : traffic_)
        for (const auto& one : part.entries())
            if (one.key == key) mine += one.count;
    const auto all = static_cast<double>(sessions_[0] + sessions_[1]);
    return mine >= gateway_sessions && mine > gateway_share * all;
}

void ban_book::write_soon(const std::string& line)
{
    if (journal_) journal_->append(line);
}

void ban_book::write_now()
{
    if (journal_) tell(journal_->flush(), "write");
}

void ban_book::rewrite()
{
    std::string all = "# What fendmail holds against clients, and who is banned until when "
                      "(`fendmail bans`).\n# Written by fendmail alone.\n";
    ledger_.for_each([&](const abuse::offender& each) {
        all += abuse::write_line(each);
        all += '\n';
    });
    accepted_.for_each([&](const abuse::recent_clients::entry& each) {
        all += abuse::write_line(abuse::accepted_line{each.who, each.last});
        all += '\n';
    });
    tell(journal_->rewrite(all), "write");
}

/// The same failure once.
void ban_book::tell(const std::optional<std::string>& failure, std::string_view what)
{
    if (failure && *failure != told_failure_) {
        const auto text = fmt::format("cannot {} {}: {}; bans end with this process", what,
                                      file_.string(), *failure);
        events_.on(event::caution{text});
    }
    told_failure_ = failure.value_or("");
}

void ban_book::wait()
{
    timer_.expires_after(look_interval);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || is_stopped_) return;
        on_second();
        wait();
    });
}

void ban_book::on_second()
{
    const instant now = io::wall_now();
    for (const auto& who : ledger_.take_ended(now))
        end(who, false);
    (void)ledger_.forget_some(now, looked_at);
    accepted_.forget_before(now - abuse::accepted_mail_guards);
    if (!journal_) return;
    write_now();
    if (may_rewrite_ &&
        journal_->appended() > stale_lines + 2 * (ledger_.size() + accepted_.size()))
        rewrite();
}

network ban_book::client_of(const ip_address& address) const noexcept
{
    return network_of(address, address.is_v4() ? 32 : client_ipv6_prefix_);
}

double ban_book::jitter()
{
    return std::uniform_real_distribution<double>{0, 1}(random_);
}

std::filesystem::path bans_file_of(const std::filesystem::path& store)
{
    return store.parent_path() / "bans";
}

} // namespace fendmail::app
