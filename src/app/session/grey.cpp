// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/awaited_call.hpp"
#include "session_impl.hpp"

#include <boost/asio/post.hpp>
#include <utility>

// What a session does with suspects: clients with a score that is not enough to refuse them.
namespace fendmail::app {

namespace {

/// The main thread answers at once, or is too busy with other things: then the suspect passes.
constexpr milliseconds answer_time_limit{1000};

} // namespace

/// @return nothing when there was no answer in time
io::awaitable<std::optional<abuse::grey_list::found>> session::ask_grey(network who)
{
    const auto answer = std::make_shared<std::optional<abuse::grey_list::found>>();
    io::awaited_call call{env_.context};
    env_.ask_grey(who, [answer, done = call.caller(),
                        &worker = env_.context](const abuse::grey_list::found& what) {
        asio::post(worker, [answer, done, what] {
            *answer = what;
            done();
        });
    });
    (void)co_await call.wait(answer_time_limit);
    co_return *answer;
}

io::awaitable<screen::step> session::judge_suspect(screen::step step)
{
    const auto& rates = config().rates;
    const unsigned prefix =
        client_.address.is_v4() ? rates.ipv4_network_prefix : rates.ipv6_network_prefix;
    const network who = network_of(client_.address, prefix);
    const int score = screener_.early().score().value;
    const auto found = co_await ask_grey(who);
    if (!found) co_return step;
    switch (found->what) {
    case abuse::grey_list::answer::known: break;
    case abuse::grey_list::answer::back:
        emit(event::suspect_returned{client_, score, who, found->span});
        break;
    case abuse::grey_list::answer::wait:
        emit(event::suspect_deferred{client_, score, who, found->span});
        co_return screener_.on_suspect(found->span);
    }
    co_return step;
}

} // namespace fendmail::app
