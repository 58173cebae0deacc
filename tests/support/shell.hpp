// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/session/environment.hpp"
#include "fendmail/app/session/session.hpp"
#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/io/store/memory_store.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"
#include "support/run_until.hpp"
#include "support/servers.hpp"
#include "support/sockets.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <utility>
#include <vector>

/// What a session needs around it, and clients and a mail server that a test works by hand.
///
/// Errors: std::runtime_error when no socket can be had.
/// Threads: the test runs the event loop; the world outlives what it begins.
namespace fendmail::test_support {

inline const endpoint our_side = *parse_endpoint("192.0.2.25:25");

/// A pair of which the first can be waited for.
[[nodiscard]] inline std::pair<io::unique_fd, far_end> make_pair()
{
    int both[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0 ||
        ::fcntl(both[0], F_SETFL, O_NONBLOCK) != 0)
        throw std::runtime_error("socketpair failed");
    return {io::unique_fd{both[0]}, far_end{both[1]}};
}

/// A TCP socket that listens on a free port of 127.0.0.1.
class loopback_listener {
public:
    loopback_listener()
        : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}
    {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(at);
        auto* const generic = reinterpret_cast<sockaddr*>(&at);
        if (::bind(socket_.get(), generic, size) != 0 || ::listen(socket_.get(), 64) != 0 ||
            ::getsockname(socket_.get(), generic, &size) != 0)
            throw std::runtime_error("no port on 127.0.0.1");
        where_ = {ip_address::v4({127, 0, 0, 1}), ntohs(at.sin_port)};
    }
    [[nodiscard]] const endpoint& where() const noexcept { return where_; }
    [[nodiscard]] io::unique_fd take() noexcept { return std::move(socket_); }
    /// A connection that waits, or one that is not open.
    [[nodiscard]] far_end accept() const
    {
        return far_end{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    }
    void close() noexcept { socket_ = io::unique_fd{}; }

private:
    io::unique_fd socket_;
    endpoint where_;
};

/// A TCP client of a listener on this host.
[[nodiscard]] inline far_end connect_to(const endpoint& where)
{
    far_end made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(where.port);
    if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0)
        throw std::runtime_error("connect failed");
    return made;
}

/// As loaded from a file that says nothing, but with a greet wait that no test sits through.
[[nodiscard]] inline app::runtime_config plain_config()
{
    app::runtime_config config;
    config.hostname = "mx.test";
    config.dialog.hostname = "mx.test";
    config.teaser = "mx.test ESMTP";
    config.screening.greet_wait = seconds{60};
    config.backend.kind = app::backend_kind::proxy_v1;
    return config;
}

inline void permit(app::runtime_config& config, const char* clients)
{
    config.access.add(acl::decision::permit, clients, {*parse_network(clients)});
}

/// The environment of sessions that run in the test's own thread.
struct world {
    explicit world(const dns::server_list& servers = test_support::servers({"127.0.0.1:1"}))
        : resolvers{context, servers, std::make_shared<const io::server_book>()}
    {
    }
    ~world()
    {
        sessions.kill_all();
        CHECK(run_until([this] { return sessions.is_empty(); }));
    }
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    boost::asio::io_context context;
    event_recorder events;
    app::process_counters counters;
    app::registry sessions{counters, events};
    io::deadline_queue deadlines{context};
    io::resolver_pool resolvers;
    io::wake_coalescer wakes{context.get_executor()};
    io::dnsbl_lookup lookups{context, events, deadlines, resolvers};
    io::memory_store store;
    app::abuse_watch abuse{deadlines, [](const app::abuse_watch::reports&) {}, 1};
    app::environment env{context, deadlines, resolvers, wakes, lookups, store,
                         events,  sessions,  abuse,     {},    {}};

    template <class Condition>
    [[nodiscard]] bool run_until(Condition condition)
    {
        return test::run_until(context, condition);
    }
    /// Everything that can be done without waiting.
    void settle()
    {
        context.restart();
        while (context.poll() != 0) {
        }
    }
    [[nodiscard]] far_end begin(const std::shared_ptr<const app::snapshot>& what,
                                const char* client = "203.0.113.7:41001")
    {
        auto [near, far] = make_pair();
        app::begin_session(env, {std::move(near), what, *parse_endpoint(client), our_side});
        return std::move(far);
    }
    /// What `end` gets until it ends with `last`.
    [[nodiscard]] std::string hear(const far_end& end, std::string_view last)
    {
        std::string heard;
        const bool came = run_until([&] {
            heard += end.take();
            return heard.ends_with(last);
        });
        if (!came) FAIL("heard only: " << heard);
        return heard;
    }
    /// All that `end` gets before its connection is ended.
    [[nodiscard]] std::string hear_out(const far_end& end)
    {
        std::string heard;
        CHECK(run_until([&] {
            heard += end.take();
            return end.at_end();
        }));
        return heard;
    }
    [[nodiscard]] far_end accept(const loopback_listener& at)
    {
        far_end got{-1};
        CHECK(run_until([&] {
            got = at.accept();
            return got.get() >= 0;
        }));
        return got;
    }
    /// The texts of the summary that a session ends with: verdict, ended_by, phase, reasons, reply.
    [[nodiscard]] std::vector<std::string> summary(std::size_t sessions_ended = 1)
    {
        if (!run_until([&] { return events.count<event::session_ended>() >= sessions_ended; }))
            FAIL("the session does not end");
        constexpr std::size_t reply = 6; // behind the lists, and why they were not asked
        const auto all = events.last<event::session_ended>().texts;
        return {all.at(0), all.at(1), all.at(2), all.at(3), all.at(reply)};
    }
};

} // namespace fendmail::test_support
