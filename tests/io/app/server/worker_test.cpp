// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/worker.hpp"

#include "fendmail/core/proxy/proxy_header.hpp"
#include "fendmail/io/net/steering.hpp"
#include "support/catch.hpp"
#include "support/shell.hpp"

#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <poll.h>
#include <string>
#include <string_view>
#include <thread>

using namespace fendmail;
using namespace fendmail::test_support;

namespace {

/// Which thread each client's session began in.
class thread_recorder final : public event_sink {
public:
    void on(const any_event& what) noexcept override
    {
        if (const auto* begun = std::get_if<event::connected>(&what)) {
            const std::lock_guard held{mutex_};
            threads_[begun->client] = std::this_thread::get_id();
        }
        all.on(what);
    }
    [[nodiscard]] std::thread::id of(const endpoint& client) const
    {
        const std::lock_guard held{mutex_};
        return threads_.at(client);
    }
    event_recorder all;

private:
    mutable std::mutex mutex_;
    std::map<endpoint, std::thread::id> threads_;
};

/// Blocks until `last` has come, at most for as long as any test waits.
std::string hear(const far_end& end, std::string_view last)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    std::string heard;
    while (!heard.ends_with(last) && std::chrono::steady_clock::now() < deadline) {
        pollfd one{end.get(), POLLIN, 0};
        (void)::poll(&one, 1, 100);
        heard += end.take();
        if (end.at_end()) break;
    }
    return heard;
}

app::runtime_config named(const char* name)
{
    auto config = plain_config();
    config.hostname = name;
    config.dialog.hostname = name;
    config.teaser = name;
    config.proxy_protocol.trusted.insert(*parse_network("127.0.0.0/8"), 0);
    return config;
}

/// Workers of one process, each with a port of its own.
struct workers {
    thread_recorder events;
    app::process_counters counters;
    io::memory_store store;
    std::vector<endpoint> ports;
    std::vector<std::unique_ptr<app::worker>> all;

    explicit workers(std::size_t count, const app::runtime_config& config = named("mx.test"))
    {
        const auto what = app::make_snapshot(config);
        std::vector<app::worker*> known;
        for (std::size_t i = 0; i < count; ++i) {
            all.push_back(std::make_unique<app::worker>(
                what, store, events, counters, std::make_shared<io::server_book>(),
                app::worker_reports{[](const app::abuse_watch::reports&) {}, count}));
            known.push_back(all.back().get());
            loopback_listener at;
            ports.push_back(at.where());
            all.back()->listen(at.take(), true);
        }
        for (const auto& one : all)
            one->know(known);
        for (const auto& one : all)
            one->start();
    }
    ~workers()
    {
        for (const auto& one : all)
            one->kill_sessions();
        for (const auto& one : all)
            one->stop();
    }
    workers(const workers&) = delete;
    workers& operator=(const workers&) = delete;

    /// A client whose balancer comes to this worker.
    [[nodiscard]] far_end come(std::size_t to, const endpoint& client) const
    {
        auto made = connect_to(ports[to]);
        made.send(proxy::write_v1(client, our_side));
        return made;
    }
    void close_doors()
    {
        for (const auto& one : all) {
            std::promise<void> closed;
            one->close_doors([&] { closed.set_value(); });
            closed.get_future().wait();
        }
    }
};

endpoint client_of(unsigned owner, unsigned workers)
{
    for (std::uint8_t last = 1; last != 0; ++last) {
        const auto address = ip_address::v4({203, 0, 113, last});
        if (io::worker_of(address, workers) == owner) return {address, 4000};
    }
    throw std::runtime_error("no such client");
}

} // namespace

TEST_CASE("worker: a client of a balancer begins at its own worker, wherever it came in",
          "[io][worker]")
{
    workers two{2};
    const endpoint of_first = client_of(0, 2);
    const endpoint of_second = client_of(1, 2);
    const endpoint again{of_second.address, 4001};
    const auto a = two.come(0, of_first);
    const auto b = two.come(0, of_second);
    const auto c = two.come(1, again);
    for (const auto* end : {&a, &b, &c})
        CHECK(hear(*end, "\r\n") == "220-mx.test\r\n");
    CHECK(two.events.of(of_first) != two.events.of(of_second));
    CHECK(two.events.of(of_second) == two.events.of(again));
}

TEST_CASE("worker: a client that waits keeps the snapshot it came with", "[io][worker]")
{
    workers one{1, named("old.test")};
    const auto before = one.come(0, *parse_endpoint("203.0.113.1:1"));
    CHECK(hear(before, "\r\n") == "220-old.test\r\n");
    one.all[0]->use(app::make_snapshot(named("new.test")));
    // Its accept comes behind the change.
    const auto after = one.come(0, *parse_endpoint("203.0.113.2:1"));
    CHECK(hear(after, "\r\n") == "220-new.test\r\n");
    before.send("HELO x\r\n");
    CHECK(hear(before, "\r\n") == "250 old.test\r\n");
    after.send("HELO x\r\n");
    CHECK(hear(after, "\r\n") == "250 new.test\r\n");
}

TEST_CASE("worker: known senders that change meet the next client", "[io][worker]")
{
    workers one{1};
    auto senders = std::make_shared<acl::sender_set>();
    const network net = *parse_network("203.0.113.0/24");
    senders->add("big.test", {&net, 1});
    one.all[0]->use_senders(senders);
    const auto known = one.come(0, *parse_endpoint("203.0.113.1:1"));
    CHECK(one.events.all.wait_for<event::known_sender>());
    const auto other = one.come(0, *parse_endpoint("198.51.100.1:1"));
    CHECK(hear(other, "\r\n") == "220-mx.test\r\n");
    CHECK(one.events.all.count<event::known_sender>() == 1);
}

TEST_CASE("worker: behind closed doors those who are in are told, and the last one turns the key",
          "[io][worker]")
{
    workers one{1};
    auto inside = one.come(0, *parse_endpoint("203.0.113.1:1"));
    CHECK(hear(inside, "\r\n") == "220-mx.test\r\n");
    const auto arriving = connect_to(one.ports[0]); // a balancer that says nothing yet
    const auto witness = one.come(0, *parse_endpoint("203.0.113.2:1"));
    CHECK(hear(witness, "\r\n") == "220-mx.test\r\n"); // so `arriving` has been accepted

    one.close_doors();
    CHECK(hear(arriving, "\r\n") == "421 4.3.2 No system resources\r\n");
    std::promise<void> empty;
    auto is_empty = empty.get_future();
    one.all[0]->drain([&] { empty.set_value(); });
    CHECK(hear(inside, "down\r\n") == "220 mx.test ESMTP\r\n421 4.3.2 Service shutting down\r\n");
    inside.close();
    witness.end_writing();
    CHECK(is_empty.wait_for(std::chrono::seconds{20}) == std::future_status::ready);
    CHECK(one.events.all.count<event::session_ended>() == 2);
}

TEST_CASE("worker: a stop with sessions left ends them", "[io][worker]")
{
    workers one{1};
    const auto inside = one.come(0, *parse_endpoint("203.0.113.1:1"));
    CHECK(hear(inside, "\r\n") == "220-mx.test\r\n");
    one.all[0]->stop();
    CHECK(one.events.all.count<event::session_ended>() == 1);
    CHECK(one.counters.sessions.load() == 0);
}
