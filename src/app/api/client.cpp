// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/explain/explanation.hpp"
#include "fendmail/app/explain/live_lookup.hpp"
#include "fendmail/app/explain/lookups.hpp"
#include "fendmail/app/session/client_memory.hpp"
#include "fendmail/io/awaited_call.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/os/clock.hpp"
#include "routes.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace fendmail::app {

namespace {

/// For what a lookup needs beyond its own time limit.
constexpr milliseconds grace{1000};

/// A request that asks lists, while it does.
class asking_place {
public:
    explicit asking_place(std::size_t& all) noexcept
        : all_{&all}
    {
        ++*all_;
    }
    asking_place(const asking_place&) = delete;
    asking_place& operator=(const asking_place&) = delete;
    ~asking_place() { --*all_; }

private:
    std::size_t* all_;
};

io::awaitable<void> ask_lists(const api_subject& subject, const runtime_config& config,
                              explanation& about)
{
    io::deadline_queue deadlines{subject.context};
    io::resolver_pool resolvers{subject.context, config.resolvers, subject.servers()};
    resolvers.prepare(config.dnsbl_sites);
    live_lookup lookup{deadlines, resolvers, config, about};
    io::awaited_call answered{subject.context};
    lookup.start(answered.caller());
    (void)co_await answered.wait(config.dnsbl.timeout + config.client_name.timeout + grace);
}

} // namespace

io::awaitable<admin_reply> explain_client(const api_call& call)
{
    const auto client = parse_address(call.name);
    if (!client) co_return admin_error(400, "this is no address");
    const auto now = call.subject.current(); // held while lists are asked
    const auto& config = now->config;
    explanation about;
    about.client = *client;
    if (const auto rule = call.subject.rules.find(*client)) {
        about.rule = rule->rule;
        about.is_permitted = rule->decision == acl::decision::permit;
    }
    const auto feeds = call.subject.feeds_in_use();
    find_feeds(about, feeds.get());
    find_rule(about, config);
    find_feed_rule(about, feeds.get());
    find_sender(about, config, call.subject.facts.sender_file);
    about.recipient = call.subject.recipient(*client);
    if (call.request.target.parameter("lists") != "0") {
        if (call.subject.asking >= api_subject::asking_max)
            co_return admin_error(503, "lists are asked about others already; ask again, or with "
                                       "lists=0");
        const asking_place place{call.subject.asking};
        co_await ask_lists(call.subject, config, about);
    }
    if (call.subject.facts.store_kind == "none")
        about.store = "store.kind is \"none\": no client is remembered";
    else
        about.record = client_memory{call.subject.store, config, *client}.get(io::wall_now());
    conclude(about, config, io::wall_now());
    co_return admin_reply{200, "application/json", to_json(about) + "\n"};
}

} // namespace fendmail::app
