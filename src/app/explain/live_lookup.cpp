// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/explain/live_lookup.hpp"

#include "fendmail/core/dnsbl/private_address.hpp"
#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

namespace {

/// What a list says by an answer, for people.
std::string meaning_of(const dnsbl::site_set::zone_entry& zone, const dns::answer& answer,
                       int weight)
{
    switch (answer.what) {
    case dns::outcome::not_found: return "not listed";
    case dns::outcome::failed: return fmt::format("failed: {}", answer.reason);
    case dns::outcome::found: break;
    }
    const auto is_listing = [&](const ip_address& one) {
        return dnsbl::classify(one, zone.answers) == dnsbl::answer_kind::listing;
    };
    if (!std::ranges::any_of(answer.addresses, is_listing)) return "no listing, but an error";
    return weight == 0 ? "listed, but no filter wants this answer" : "listed";
}

} // namespace

live_lookup::live_lookup(io::deadline_queue& deadlines, io::resolver_pool& resolvers,
                         const runtime_config& config, explanation& into)
    : config_{config}
    , into_{into}
    , resolvers_{resolvers}
    , deadlines_{deadlines}
    , board_{config.dnsbl_sites}
    , questions_(config.dnsbl_sites.zones.size())
    , time_limit_{deadlines, *this}
    , self_{std::make_shared<live_lookup*>(this)}
{
}

live_lookup::~live_lookup()
{
    for (auto& one : questions_)
        if (one.with) one.with->drop(one.id);
}

void live_lookup::start(std::function<void()> done)
{
    done_ = std::move(done);
    started_ = io::steady_now();
    const auto& zones = config_.dnsbl_sites.zones;
    for (const auto& zone : zones) {
        auto& one = into_.lists.emplace_back();
        one.list = zone.reply_name;
        one.meaning = "failed: no answer in time";
    }
    for (std::size_t i = 0; i < zones.size(); ++i)
        ask(i);
    if (config_.screening.names.ask_dns())
        name_.emplace(deadlines_, resolvers_.common(), into_.client, config_.client_name.timeout,
                      *this);
    auto limit = config_.dnsbl.timeout;
    if (name_) limit = std::max(limit, config_.client_name.timeout);
    // Also when there is nothing to ask: done() never comes from within this call.
    const bool has_questions = name_ || std::ranges::any_of(questions_, [](const question& one) {
                                   return one.with != nullptr;
                               });
    time_limit_.set(has_questions ? started_ + limit : started_);
}

void live_lookup::ask(std::size_t zone)
{
    const auto& entry = config_.dnsbl_sites.zones[zone];
    if (dnsbl::is_private(into_.client) && !entry.asks_private) {
        into_.lists[zone].meaning = "not asked: no public list knows private addresses";
        board_.on_answer(zone, {.what = dns::outcome::not_found, .ttl = seconds{0}});
        return;
    }
    auto& one = questions_[zone];
    one.with = resolvers_.of(entry);
    one.id = one.with->ask({.name = dnsbl::query_name(into_.client, entry.zone),
                            .list = entry.zone,
                            .deadline = started_ + entry.timeout.value_or(config_.dnsbl.timeout)},
                           [zone, weak = std::weak_ptr{self_}](const dns::answer& answer) {
                               if (const auto self = weak.lock()) (*self)->on_answer(zone, answer);
                           });
}

milliseconds live_lookup::so_far() const noexcept
{
    return std::chrono::duration_cast<milliseconds>(io::steady_now() - started_);
}

void live_lookup::on_answer(std::size_t zone, const dns::answer& answer)
{
    const auto& entry = config_.dnsbl_sites.zones[zone];
    questions_[zone].with.reset();
    auto& opinion = into_.lists[zone];
    const int before = board_.value();
    board_.on_answer(zone, dnsbl::to_zone_answer(answer));
    opinion.weight = board_.value() - before;
    opinion.took = so_far();
    for (const auto& address : answer.addresses) {
        const auto kind = dnsbl::classify(address, entry.answers);
        opinion.answers.push_back(fmt::format("{} {}", to_text(address), to_string(kind)));
    }
    opinion.meaning = meaning_of(entry, answer, opinion.weight);
    look_if_done();
}

void live_lookup::wake() noexcept
{
    look_if_done();
}

void live_lookup::look_if_done()
{
    const bool waits =
        std::ranges::any_of(questions_, [](const question& one) { return one.with != nullptr; }) ||
        (name_ && !name_->done());
    if (!done_ || (waits && !time_limit_.has_passed())) return;
    time_limit_.clear();
    into_.score = board_.current();
    if (name_ && name_->done()) {
        into_.name = name_->finding();
        into_.name_weight = config_.screening.names.of(into_.name.signal);
        into_.score = dnsbl::with_name(into_.score, !config_.dnsbl_sites.empty(), into_.name,
                                       config_.screening.names);
    }
    std::exchange(done_, nullptr)();
}

} // namespace fendmail::app
