// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/known_senders.hpp"
#include "fendmail/app/server/gauges.hpp"
#include "fendmail/app/server/server.hpp"
#include "fendmail/io/awaited_call.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <prometheus/text_serializer.h>
#include <utility>

/// What an admin sees and does through HTTP: the server's half of it.
namespace fendmail::app {

namespace {

constexpr milliseconds gather_time_limit{500};

std::string_view name_of(store_kind kind) noexcept
{
    switch (kind) {
    case store_kind::lmdb: return "lmdb";
    case store_kind::memory: return "memory";
    case store_kind::none: return "none";
    }
    return "unknown";
}

} // namespace

/// Before a worker starts, so that the first client already meets them.
void server::open_rules()
{
    std::filesystem::path file;
    if (startup_.store.kind == store_kind::lmdb) file = timed_rules_file_of(startup_.store.path);
    rules_ = std::make_unique<timed_rule_book>(context_, *events_, std::move(file),
                                               [this](const timed_rule_book::set& fresh) {
                                                   permissions_change();
                                                   for (auto& one : workers_)
                                                       one->use_timed_rules(fresh);
                                               });
}

web::access_rules server::admin_rules() const
{
    const auto& now = snapshot_->config.admin;
    return {startup_.admin.hosts, now.read_token, now.admin_token};
}

/// Mail does not depend on it: an address that is taken is told and gone without.
void server::open_admin()
{
    facts_ = {FENDMAIL_VERSION,        config_name_,
              io::wall_now(),          addresses_,
              workers_.size(),         name_of(startup_.store.kind),
              sender_file_of(startup_)};
    api_ = std::make_unique<admin_api>(subject());
    const auto& own = startup_.admin;
    if (own.listen) open_admin_at(*own.listen, "admin.listen");
    open_admin_at({{}, own.socket.empty() ? admin_place::default_socket : own.socket},
                  own.socket.empty() ? "" : "admin.socket");
    if (own.listen) backend_probe_.start();
    note_minute();
}

/// @param key "" = it is the default, which need not be possible
void server::open_admin_at(const listen_address& where, std::string_view key)
{
    try {
        admin_.push_back(std::make_unique<admin_http>(context_, admin_at(where), *api_,
                                                      [this] { return admin_rules(); }));
        admin_.back()->start();
    } catch (const std::exception& e) {
        if (key.empty()) return;
        const auto text = fmt::format("{}: cannot listen on {}: {}; nothing is answered there "
                                      "until a restart",
                                      key, to_text(where), e.what());
        events_->on(event::caution{text});
    }
}

/// That of a predecessor, if it has it.
admin_socket server::admin_at(const listen_address& where)
{
    if (before_) {
        const auto found = std::ranges::find(before_->admin, where, &admin_socket::where);
        if (found != before_->admin.end() && found->socket) return std::move(*found);
    }
    return admin_socket::bind(where);
}

void server::note_minute()
{
    minute_.expires_after(last_hour::step);
    minute_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        hour_.note(metrics_.sums());
        note_minute();
    });
}

api_subject server::subject()
{
    return {
        context_,
        facts_,
        counters_,
        metrics_,
        stream_,
        tops_,
        hour_,
        *store_,
        *rules_,
        *bans_,
        [this] { return snapshot_; },
        [this] { return addresses_in_use_->book(); },
        [this] { return recipients_->size(); },
        [this](const ip_address& client) { return recipients_->find(client); },
        [this] { return feeds_->status(); },
        [this] { return feeds_->now(); },
        [this] { return kernel_->now(); },
        [this] {
            if (stopping_) return serving_state::stopping;
            return draining_ ? serving_state::draining : serving_state::serving;
        },
        [this] { return why_unready(); },
        [this] { return metrics_text(); },
        [this]() -> const std::vector<effective_key>& { return keys_; },
        [this] { return reload_error_; },
        [this] { return reload(); },
        [this](bool is_on) { draining_ = is_on; },
        [this] { return upgrade(); },
        [this] { return hand_over(); },
        0,
    };
}

/// A worker that does not answer in time is left out: a scrape must not wait for it.
io::awaitable<io::resolver_pool::named_figures> server::gather_resolvers()
{
    struct gathered {
        io::resolver_pool::named_figures all;
        std::size_t missing = 0;
    };
    const auto found = std::make_shared<gathered>();
    found->missing = workers_.size();
    io::awaited_call complete{context_};
    for (auto& one : workers_)
        one->tell_resolvers(
            [this, found, done = complete.caller()](io::resolver_pool::named_figures some) {
                boost::asio::post(context_, [found, done, some = std::move(some)] {
                    found->all.insert(found->all.end(), some.begin(), some.end());
                    if (--found->missing == 0) done();
                });
            });
    (void)co_await complete.wait(gather_time_limit);
    co_return std::exchange(found->all, {});
}

io::awaitable<std::string> server::metrics_text()
{
    const auto resolvers = co_await gather_resolvers();
    const auto rates = co_await gather_rates();
    metric_families all;
    metrics_.collect(all);
    collect_gauges(all, counters_, *snapshot_);
    add_family(all, "fendmail_known_recipients", "Hosts that are known because they take our mail.",
               prometheus::MetricType::Gauge, static_cast<double>(recipients_->size()));
    collect_lists(all, *snapshot_, tops_.lists());
    collect_resolvers(all, resolvers);
    collect_feeds(all, feeds_->status());
    add_family(all, "fendmail_log_lines_lost_total", "Lines that are missing from the log.",
               prometheus::MetricType::Counter, static_cast<double>(log_->lost()));
    collect_abuse(all, bans_->counts(), rates, reports_lost_.load());
    collect_kernel_bans(all, kernel_->now());
    collect_process(all);
    co_return prometheus::TextSerializer{}.Serialize(all);
}

} // namespace fendmail::app
