// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/smtp/rejection.hpp"
#include "session_impl.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

namespace {

/// Lets a coroutine wait for what wakes a waiter, for a time.
class woken_timer final : public io::waiter {
public:
    explicit woken_timer(const io::executor& where)
        : timer_{where}
    {
    }
    io::awaitable<void> wait(milliseconds at_most)
    {
        timer_.expires_after(at_most);
        co_await timer_.async_wait(io::no_throw);
    }
    void wake() noexcept override { timer_.cancel(); }

private:
    io::steady_timer timer_;
};

} // namespace

/// Says a refusal by the score in the admin's words, if there are some. It waits here for the words
/// of the list, and no more in the dialog, where clients wait for each reply.
io::awaitable<void> session::word_refusal()
{
    const auto& words = config().rejection;
    if (!words.is_set() || !screener_.is_refused_by_score()) co_return;
    const std::string client = to_text(client_.address);
    const std::string number = fmt::format("{}", admission_.id());
    smtp::rejection_values values;
    values.client = client;
    values.session = number;
    // Of the sites in the snapshot.
    values.zone = screener_.early().score().reply_name;
    if (score_.listings) values.zones = dnsbl::names_against(*score_.listings);
    if (values.zones.empty()) values.zones = {values.zone};
    std::string txt;
    if (words.names_txt()) {
        txt = co_await text_of_list(values.zone);
    }
    values.txt = txt;
    const auto& enhanced = words.enhanced.empty() ? screener_.refusal()->enhanced : words.enhanced;
    screener_.word_refusal(words.enhanced, smtp::expand_rejection(words, enhanced.size(), values));
}

/// @param shown a view of the name of its list; of no list, there is nothing to ask
io::awaitable<std::string> session::text_of_list(std::string_view shown)
{
    const auto& zones = snapshot_->dnsbl_sites->zones;
    // Several zones may be shown by one name, so it is the view that says which it was.
    const auto zone = std::ranges::find_if(
        zones, [&](const auto& one) { return one.reply_name.data() == shown.data(); });
    if (zone == zones.end()) co_return std::string{};
    woken_timer timer{stream_.get_executor()};
    const auto question = env_.texts.ask(client_.address, *zone, timer);
    if (!question.is_done()) {
        co_await timer.wait(io::list_texts::patience);
    }
    co_return question.text();
}

} // namespace fendmail::app
