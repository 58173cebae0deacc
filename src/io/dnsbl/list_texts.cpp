// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl/list_texts.hpp"

#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/core/smtp/rejection.hpp"
#include "fendmail/core/text/ascii.hpp"
#include "fendmail/core/throttle/budget.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fendmail::io {

namespace {

/// A hundred at once, then ten a second: senders who will read it do not come in floods.
constexpr budget questions_allowed{100, milliseconds{10'000}};
constexpr seconds kept_at_least{60};
constexpr seconds kept_at_most{3600};
/// After a question that was not answered.
constexpr seconds pause_of_silent_list{10};
constexpr std::size_t records_max = 2;
/// No zone is called so. A server that loses these questions must not seem to lose the others.
constexpr std::string_view all_texts = "(texts)";

std::string text_of(std::vector<std::string> texts)
{
    std::ranges::sort(texts); // resolvers turn records round
    std::string all;
    for (std::size_t i = 0; i < std::min(texts.size(), records_max); ++i) {
        if (i != 0) all += ' ';
        all += texts[i];
    }
    return smtp::clean_reason(all, smtp::reason_octets_max);
}

} // namespace

struct list_texts::question::state {
    std::string text;
    waiter* who = nullptr;
    bool is_done = false;
};

struct list_texts::impl {
    struct kept_text {
        std::string text;
        tick until{};
    };

    explicit impl(resolver_pool& with)
        : resolvers{with}
    {
    }

    [[nodiscard]] bool may_ask(const dnsbl::site_set::zone_entry& zone, tick now)
    {
        if (zone.max_questions || running >= asked_at_once) return false;
        const auto paused = paused_until.find(zone.zone);
        if (paused != paused_until.end() && now < paused->second) return false;
        const auto with = resolvers.of(zone);
        if (!with || with->is_unreachable() || with->is_backlogged(zone.zone)) return false;
        return spent.take(questions_allowed, now);
    }

    void keep(std::string name, std::string text, std::optional<seconds> ttl)
    {
        const auto holds = std::clamp(ttl.value_or(kept_at_least), kept_at_least, kept_at_most);
        const auto [at, is_new] = texts.try_emplace(name);
        at->second = {std::move(text), steady_now() + holds};
        if (is_new) oldest_first.push_back(std::move(name));
        while (oldest_first.size() > kept_max) {
            texts.erase(oldest_first.front());
            oldest_first.pop_front();
        }
    }

    /// Lists differ with every reload, so what is over goes.
    void pause(const std::string& zone)
    {
        const tick now = steady_now();
        std::erase_if(paused_until, [&](const auto& one) { return one.second <= now; });
        paused_until[zone] = now + pause_of_silent_list;
    }

    resolver_pool& resolvers;
    std::unordered_map<std::string, kept_text> texts;
    std::deque<std::string> oldest_first;
    std::map<std::string, tick> paused_until; ///< by zone
    spending spent;
    std::size_t running = 0;
};

namespace {

/// Of a zone whose name is not for the public, a text that has it in it is not either.
bool tells_secret(const std::string& text, const std::string& zone, const std::string& shown)
{
    return zone != shown && to_lower(text).find(zone) != std::string::npos;
}

} // namespace

list_texts::list_texts(resolver_pool& resolvers)
    : impl_{std::make_shared<impl>(resolvers)}
{
}

list_texts::~list_texts() = default;

bool list_texts::question::is_done() const noexcept
{
    return !state_ || state_->is_done;
}

std::string list_texts::question::text() const
{
    return state_ ? state_->text : std::string{};
}

list_texts::question list_texts::ask(const ip_address& client,
                                     const dnsbl::site_set::zone_entry& zone, waiter& who)
{
    question made;
    const tick now = steady_now();
    std::string name = dnsbl::query_name(client, zone.zone);
    if (const auto kept = impl_->texts.find(name);
        kept != impl_->texts.end() && now < kept->second.until) {
        made.state_ = std::make_shared<question::state>();
        made.state_->text = kept->second.text;
        made.state_->is_done = true;
        return made;
    }
    if (!impl_->may_ask(zone, now)) return made;
    made.state_ = std::make_shared<question::state>();
    made.state_->who = &who;
    // Counts itself down, also when its resolver ends and never calls it.
    const std::shared_ptr<void> running{nullptr, [all = std::weak_ptr{impl_}](void*) {
                                            if (const auto self = all.lock()) --self->running;
                                        }};
    ++impl_->running;
    auto done = [all = std::weak_ptr{impl_}, one = std::weak_ptr{made.state_}, running, name,
                 asked = zone.zone, shown = zone.reply_name](const dns::answer& answer) {
        const auto self = all.lock();
        if (!self) return;
        auto text = text_of(answer.texts);
        if (tells_secret(text, asked, shown)) text.clear();
        if (answer.what == dns::outcome::failed)
            self->pause(asked);
        else
            self->keep(name, text, answer.ttl);
        const auto state = one.lock();
        if (!state) return;
        state->text = std::move(text);
        state->is_done = true;
        state->who->wake();
    };
    impl_->resolvers.of(zone)->ask({.name = std::move(name),
                                    .type = dns::record_type::txt,
                                    .list = all_texts,
                                    .how = dns::urgency::normal,
                                    .deadline = now + patience},
                                   std::move(done));
    return made;
}

std::size_t list_texts::kept() const noexcept
{
    return impl_->texts.size();
}

} // namespace fendmail::io
