// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/server.hpp"
#include "fendmail/core/network_set.hpp"
#include "fendmail/io/awaited_call.hpp"
#include "fendmail/io/net/own_addresses.hpp"
#include "fendmail/io/net/steering.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

/// Bans: the server's half, which knows the workers, and what must never be banned.
namespace fendmail::app {

namespace {

constexpr milliseconds gather_time_limit{500};
/// Batches of reports that wait for the main thread; beyond that it is too busy to be told more.
constexpr std::size_t batches_max = 1000;
/// Suspects that wait for an answer; beyond that they pass.
constexpr std::size_t questions_max = 10'000;

bool overlap(const network& a, const network& b) noexcept
{
    return a.contains(b.address) || b.contains(a.address);
}

/// Networks of many clients stay with us: in a hash set each of their addresses would be one.
bool is_one_client(const network& who, const runtime_config& config) noexcept
{
    return who.prefix_length ==
           (who.address.is_v4() ? who.address.bits() : config.limits.ipv6_prefix);
}

} // namespace

/// Before a worker starts, so that the first client already meets them.
void server::open_bans()
{
    std::filesystem::path file;
    if (startup_.store.kind == store_kind::lmdb) file = bans_file_of(startup_.store.path);
    bans_ = std::make_unique<ban_book>(
        context_, *events_, std::move(file), snapshot_->config,
        [this](const network& who, const std::optional<abuse::ban>& what) {
            publish_ban(who, what);
        },
        [this](const network& who) { return guard_of(who, io::own_addresses()); });
}

void server::open_grey()
{
    std::filesystem::path file;
    if (startup_.store.kind == store_kind::lmdb) file = grey_file_of(startup_.store.path);
    grey_ =
        std::make_unique<grey_book>(context_, *events_, std::move(file), snapshot_->config.grey);
}

void server::open_kernel()
{
    kernel_ = std::make_unique<kernel_link>(context_, *events_, [this] { return kernel_list(); });
}

/// Not before this process serves: its predecessor may have to go on, and needs its socket then.
void server::serve_kernel()
{
    if (before_) {
        bans_->read_again();
        grey_->read_again();
    }
    kernel_->configure(kernel_settings());
}

kernel_link::settings server::kernel_settings() const
{
    const auto& config = snapshot_->config;
    kernel_link::settings out;
    if (config.bans.kernel == ban_kernel::off) return out;
    out.socket = config.bans.kernel_socket;
    out.ipv6_prefix = config.limits.ipv6_prefix;
    for (const auto& one : addresses_)
        if (std::ranges::find(out.ports, one.port) == out.ports.end())
            out.ports.push_back(one.port);
    return out;
}

/// A client that a session would let through in spite of its ban, the kernel must not keep off.
std::vector<abuse::kernel_ban> server::kernel_list() const
{
    const auto& config = snapshot_->config;
    std::vector<abuse::kernel_ban> out;
    if (config.bans.rules.action == abuse::ban_action::ignore) return out;
    const auto& free = permitted_networks();
    const auto own = io::own_addresses();
    const instant now = io::wall_now();
    for (const auto& one : bans_->bans())
        if (is_one_client(one.who, config) &&
            (one.bans >= config.bans.kernel_after || one.origin == abuse::ban_origin::admin) &&
            !is_let_through(one.who, free, own))
            out.push_back({one.who.address, one.until - now});
    return out;
}

/// As access rules, rules for a time and known senders have them; kept until one of these changes.
const network_set& server::permitted_networks() const
{
    if (permitted_) return *permitted_;
    auto& out = permitted_.emplace();
    for (const auto& one : snapshot_->config.access.permitted())
        out.add(one);
    for (const auto& one : rules_->all())
        if (one.decision == acl::decision::permit) out.add(one.net);
    if (sender_set_)
        for (const auto& one : sender_set_->networks())
            out.add(one);
    return out;
}

bool server::is_let_through(const network& who, const network_set& permitted,
                            std::span<const ip_address> own) const
{
    if (permitted.overlaps(who) || guard_of(who, own) != abuse::ban_guard::none) return true;
    const auto& feeds = feeds_->now();
    if (!feeds) return false;
    const auto rule = rule_of(feeds->find(who.address, feeds->origin_of(who.address)));
    return feeds->permits_any_of(who) || (rule && rule->decision == acl::decision::permit);
}

void server::permissions_change()
{
    permitted_.reset();
    if (kernel_) kernel_->list_again();
}

void server::tell_kernel(const network& who, const std::optional<abuse::ban>& what)
{
    const auto& config = snapshot_->config;
    if (!kernel_ || !kernel_->is_on() || !is_one_client(who, config)) return;
    if (!what) return kernel_->unban(who.address);
    if (what->count < config.bans.kernel_after && !what->is_by_admin) return;
    if (config.bans.rules.action == abuse::ban_action::ignore ||
        is_let_through(who, permitted_networks(), io::own_addresses()))
        return;
    kernel_->ban(who.address, what->until - io::wall_now());
}

void server::publish_ban(const network& who, const std::optional<abuse::ban>& what)
{
    const auto count = static_cast<unsigned>(workers_.size());
    tell_kernel(who, what);
    // One address always comes to the same worker, those of a network do not.
    const bool is_one = who.address.is_v4() ? who.prefix_length == 32
                                            : who.prefix_length >= io::steered_ipv6_prefix;
    if (is_one) return workers_[io::worker_of(who.address, count)]->use_ban(who, what);
    for (auto& one : workers_)
        one->use_ban(who, what);
}

worker_reports server::reports()
{
    return {[this](abuse_watch::reports some) {
                if (reports_on_their_way_.load() >= batches_max) {
                    reports_lost_ += some.size();
                    return;
                }
                ++reports_on_their_way_;
                boost::asio::post(context_, [this, some = std::move(some)] {
                    --reports_on_their_way_;
                    if (bans_) bans_->take(some);
                });
            },
            worker_total(),
            [this](const network& who, auto answer) {
                if (questions_on_their_way_.load() >= questions_max) return;
                ++questions_on_their_way_;
                boost::asio::post(context_, [this, who, answer = std::move(answer)] {
                    --questions_on_their_way_;
                    if (grey_) answer(grey_->ask(who));
                });
            }};
}

/// What must not be banned for what it is. A network is spared when any of it must be.
abuse::ban_guard server::guard_of(const network& who, std::span<const ip_address> own) const
{
    using abuse::ban_guard;
    const auto holds_one = [&](const auto& all) {
        return std::ranges::any_of(all, [&](const auto& one) { return who.contains(one); });
    };
    if (holds_one(own)) return ban_guard::own_address;
    for (const auto& one : addresses_)
        if (who.contains(one.address)) return ban_guard::own_address;
    const auto& config = snapshot_->config;
    for (const auto& one : config.proxy_protocol.trusted_networks)
        if (overlap(one, who)) return ban_guard::balancer;
    for (const auto& one : addresses_in_use_->book()->servers_of(config.resolvers))
        if (who.contains(one.where.address)) return ban_guard::resolver;
    if (snapshot_->backend_address) {
        const auto backends = snapshot_->backend_address->now();
        for (const auto& one : *backends)
            if (who.contains(one.address)) return ban_guard::backend;
    }
    for (const auto& one : config.bans.never)
        if (overlap(one, who)) return ban_guard::never;
    const auto is_permit = [](const std::optional<acl::match>& found) {
        return found && found->decision == acl::decision::permit;
    };
    const auto feeds = feeds_ ? feeds_->now() : nullptr;
    const auto origin = feeds ? feeds->origin_of(who.address) : acl::client_origin{};
    if (is_permit(rules_->find(who.address)) || is_permit(config.access.find(who.address, origin)))
        return ban_guard::permitted;
    if (sender_set_ && sender_set_->find(who.address)) return ban_guard::known_sender;
    if (recipients_->has_any_of(who)) return ban_guard::known_recipient;
    return ban_guard::none;
}

/// A worker that does not answer in time is left out: a scrape must not wait for it.
io::awaitable<abuse_watch::figures> server::gather_rates()
{
    struct gathered {
        abuse_watch::figures all;
        std::size_t missing = 0;
    };
    const auto found = std::make_shared<gathered>();
    found->missing = workers_.size();
    io::awaited_call complete{context_};
    for (auto& one : workers_)
        one->tell_rates([this, found, done = complete.caller()](abuse_watch::figures some) {
            boost::asio::post(context_, [found, done, some] {
                found->all.evicted_busy += some.evicted_busy;
                found->all.reports_lost += some.reports_lost;
                if (--found->missing == 0) done();
            });
        });
    (void)co_await complete.wait(gather_time_limit);
    if (snapshot_->network_rate) found->all.evicted_busy += snapshot_->network_rate->evicted_busy();
    co_return found->all;
}

} // namespace fendmail::app
