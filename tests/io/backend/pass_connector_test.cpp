// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/connectors.hpp"
#include "fendmail/io/backend/pass_service.hpp"
#include "fendmail/io/net/stream_group.hpp"
#include "support/catch.hpp"
#include "support/listening.hpp"
#include "support/run_until.hpp"
#include "support/sockets.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sys/socket.h>

using namespace fendmail;
using namespace fendmail::io;
using fendmail::test::run_until;
using fendmail::test_support::connected_pair;
using fendmail::test_support::far_end;
using fendmail::test_support::temp_dir;

namespace {

const endpoint client_address = *parse_endpoint("127.0.0.77:34539");
const endpoint local_address = *parse_endpoint("127.0.0.1:2528");

/// What Postfix's smtpd does with a connection is up to each test.
using pass_service = fendmail::test_support::listening;

struct received {
    std::string octets;
    std::optional<far_end> client;
};

received take_socket(const far_end& channel)
{
    std::array<char, 4096> data{};
    iovec vector{data.data(), data.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(channel.get(), &message, MSG_CMSG_CLOEXEC);
    REQUIRE(got > 0);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    REQUIRE(header != nullptr);
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
    return {std::string(data.data(), static_cast<std::size_t>(got)), far_end{descriptor}};
}

struct passing {
    temp_dir directory;
    std::string path = directory.file("smtpd");
    boost::asio::io_context context;
    deadline_queue deadlines{context};
    stream_group streams;
    wake_coalescer wakes{context.get_executor()};
    connected_pair client{context};
    stream server{context.get_executor()};
    stream_group::membership member{streams, server};
    std::optional<opened> result;

    /// The session goes on through us: not the client's socket is passed.
    bool keeps_client = false;

    void begin(milliseconds patience = milliseconds{2000})
    {
        boost::asio::co_spawn(context, run(patience), boost::asio::detached);
    }
    io::awaitable<void> run(milliseconds patience)
    {
        const auto connector = make_pass_connector(
            {.name = "unix:" + path, .unix_path = path, .connect_timeout = patience});
        const open_request request{.client = client_address,
                                   .local = local_address,
                                   .deadlines = deadlines,
                                   .connection = &client.near,
                                   .may_pass = !keeps_client,
                                   .wakes = &wakes};
        result = co_await connector->open(request, server);
    }
    void many_come()
    {
        for (std::size_t n = 0; n < 2 * wake_coalescer::clients_fast; ++n)
            wakes.on_unknown_client();
    }
    [[nodiscard]] bool ends()
    {
        return run_until(context, [&] { return result.has_value(); });
    }
    [[nodiscard]] far_end accepted_by(pass_service& service)
    {
        std::optional<far_end> got;
        REQUIRE(run_until(context, [&] {
            if (!got) got = service.accept();
            return got.has_value();
        }));
        return std::move(*got);
    }
};

} // namespace

TEST_CASE("fd passing: the attributes are those of Postfix to the octet", "[io]")
{
    const std::string want("\0client_address\0"
                           "127.0.0.77\0client_port\0"
                           "34539\0server_address\0"
                           "127.0.0.1\0server_port\0"
                           "2528\0\0",
                           88);
    CHECK(pass_attributes(client_address, local_address) == want);
    const auto v6 = pass_attributes(*parse_endpoint("[2001:db8::9]:1"), local_address);
    CHECK(v6.find(std::string("client_address\0"
                              "2001:db8::9\0",
                              27)) != std::string::npos);
}

TEST_CASE("fd passing: the service gets the live socket with what the client already sent", "[io]")
{
    passing p;
    pass_service service{p.path, 5};
    p.client.far.send("EHLO early\r\n");
    p.begin();
    far_end channel = p.accepted_by(service);
    const auto got = take_socket(channel);
    CHECK(got.octets == pass_attributes(client_address, local_address));
    CHECK_FALSE(p.result); // not before the service has closed the channel
    channel.close();
    REQUIRE(p.ends());
    CHECK(p.result->end == open_end::passed);
    CHECK(got.client->take() == "EHLO early\r\n");
    got.client->send("220 mx\r\n");
    CHECK(p.client.far.take() == "220 mx\r\n");
}

TEST_CASE("fd passing: while many clients come it still ends with the channel, and not before",
          "[io]")
{
    passing p;
    pass_service service{p.path, 5};
    p.many_come();
    REQUIRE(p.wakes.is_on());
    p.begin();
    far_end channel = p.accepted_by(service);
    const auto got = take_socket(channel);
    // Until long after the time at which it looks.
    const auto later = std::chrono::steady_clock::now() + 5 * wake_coalescer::interval;
    REQUIRE(run_until(p.context, [&] { return std::chrono::steady_clock::now() > later; }));
    CHECK_FALSE(p.result);
    channel.close();
    REQUIRE(p.ends());
    CHECK(p.result->end == open_end::passed);
}

TEST_CASE("fd passing: a stop leaves the client to the service, whenever it comes", "[io]")
{
    // While it waits for the time to look, and while it waits for the channel.
    for (const bool gathers : {true, false}) {
        passing p;
        pass_service service{p.path, 5};
        if (gathers) p.many_come();
        p.begin();
        p.context.poll();
        const auto channel = service.accept();
        REQUIRE(channel);
        p.streams.close_all();
        REQUIRE(p.ends());
        CHECK(p.result->end == open_end::passed);
    }
}

TEST_CASE("fd passing: a service that is not there leaves the client with us", "[io]")
{
    passing p;
    p.begin();
    REQUIRE(p.ends());
    CHECK(p.result->end == open_end::failed);
    CHECK(p.result->reason == p.path + ": No such file or directory; is there a \"pass\" service "
                                       "in master.cf?");
    CHECK(p.client.near.write_now("421 later\r\n"));
    CHECK(p.client.far.take() == "421 later\r\n");
}

TEST_CASE("fd passing: a socket that nobody listens on is a refusal", "[io]")
{
    passing p;
    {
        pass_service service{p.path, 1};
        service.close();
    }
    p.begin();
    REQUIRE(p.ends());
    CHECK(p.result->end == open_end::failed);
    CHECK(p.result->reason == p.path + ": Connection refused; is Postfix running?");
}

namespace {

/// A queue directory of Postfix with both places of sockets.
struct queue_directory : passing {
    /// @param place "public" or "private"
    std::string in(const char* place)
    {
        const std::filesystem::path made{directory.file(place)};
        std::filesystem::create_directory(made);
        return made / "smtpd";
    }
    std::string reason_for(std::string where)
    {
        path = std::move(where);
        begin();
        REQUIRE(ends());
        return result->reason;
    }
    /// As Postfix leaves a socket behind when the service has moved.
    static void leave_behind(const std::string& where)
    {
        pass_service service{where, 1};
        service.close();
    }
};

} // namespace

TEST_CASE("fd passing: a service that has become private is told apart from no Postfix", "[io]")
{
    queue_directory q;
    const auto wanted = q.in("public");
    const auto other = q.in("private");
    const pass_service service{other, 1};
    SECTION("with the old socket still there")
    {
        queue_directory::leave_behind(wanted);
        CHECK(q.reason_for(wanted) ==
              wanted + ": Connection refused; there is " + other +
                  ": write \"n\" in the third column of its line in master.cf, which makes it "
                  "public, and reload Postfix");
    }
    SECTION("without")
    {
        CHECK(q.reason_for(wanted) ==
              wanted + ": No such file or directory; there is " + other +
                  ": write \"n\" in the third column of its line in master.cf, which makes it "
                  "public, and reload Postfix");
    }
}

TEST_CASE("fd passing: a service that is public after all is named", "[io]")
{
    queue_directory q;
    const auto wanted = q.in("private");
    const auto other = q.in("public");
    const pass_service service{other, 1};
    CHECK(q.reason_for(wanted) == wanted +
                                      ": No such file or directory; its line in master.cf has "
                                      "\"n\" in the third column, so that it is " +
                                      other);
}

TEST_CASE("fd passing: without a socket in the other place the hint is as always", "[io]")
{
    queue_directory q;
    const auto wanted = q.in("public");
    static_cast<void>(q.in("private"));
    queue_directory::leave_behind(wanted);
    CHECK(q.reason_for(wanted) == wanted + ": Connection refused; is Postfix running?");
}

TEST_CASE("fd passing: when Postfix stops with the client in its queue, the client is ours again",
          "[io]")
{
    passing p;
    pass_service service{p.path, 5};
    p.begin();
    // Not accepted: it waits in the queue, and closing the queue resets it.
    p.context.run_for(milliseconds{20});
    REQUIRE_FALSE(p.result);
    service.close();
    REQUIRE(p.ends());
    CHECK(p.result->end == open_end::failed);
    REQUIRE(p.client.near.is_open());
    CHECK(p.client.near.write_now("421 later\r\n"));
    CHECK(p.client.far.take() == "421 later\r\n");
}

TEST_CASE("fd passing: a full queue is waited for", "[io]")
{
    passing p;
    pass_service service{p.path, 0}; // room for one
    connected_pair other{p.context};
    passing first;
    first.path = p.path;
    first.begin();
    first.context.run_for(milliseconds{20});
    p.begin();
    p.context.run_for(milliseconds{50});
    REQUIRE_FALSE(p.result);
    auto earlier = service.accept(); // a place becomes free
    REQUIRE(earlier);
    far_end channel = p.accepted_by(service);
    const auto got = take_socket(channel);
    channel.close();
    REQUIRE(p.ends());
    CHECK(p.result->end == open_end::passed);
}

TEST_CASE("fd passing: patience with a full queue has an end", "[io]")
{
    passing p;
    const pass_service service{p.path, 0};
    passing first;
    first.path = p.path;
    first.begin();
    first.context.run_for(milliseconds{20});
    p.begin(milliseconds{50});
    REQUIRE(p.ends());
    CHECK(p.result->end == open_end::failed);
    CHECK(p.result->reason == p.path + ": all smtpd processes are busy and the queue is full");
    CHECK(p.client.near.is_open());
}

// ── one end of a pair ─────────────────────────────────────────────────────────────────────────

namespace {

struct keeping : passing {
    keeping() { keeps_client = true; }
    /// What the client has heard of it, and that it is still there.
    [[nodiscard]] bool client_is_untouched() const
    {
        return client.near.is_open() && client.far.take().empty() && !client.far.at_end();
    }
};

} // namespace

TEST_CASE("fd passing: for a client that stays with us the service greets on another socket",
          "[io]")
{
    keeping k;
    pass_service service{k.path, 5};
    k.begin();
    const far_end channel = k.accepted_by(service);
    const auto got = take_socket(channel);
    CHECK(got.octets == pass_attributes(client_address, local_address));
    got.client->send("220 mx.example.test ESMTP\r\n");
    REQUIRE(k.ends());
    CHECK(k.result->end == open_end::greeted);
    CHECK(k.result->greeting == "220 mx.example.test ESMTP\r\n");
    CHECK(k.result->is_taken);
    CHECK(k.client_is_untouched());
    CHECK(k.server.write_now("EHLO client.example\r\n"));
    CHECK(got.client->take() == "EHLO client.example\r\n");
}

TEST_CASE("fd passing: a refusal in place of the greeting shows that the socket was taken", "[io]")
{
    keeping k;
    pass_service service{k.path, 5};
    k.begin();
    const far_end channel = k.accepted_by(service);
    const auto got = take_socket(channel);
    got.client->send("421 4.3.2 too busy\r\n");
    REQUIRE(k.ends());
    CHECK(k.result->end == open_end::failed);
    REQUIRE(k.result->refusal);
    CHECK(k.result->refusal->code == 421);
    CHECK(k.result->is_taken);
    CHECK_FALSE(k.server.is_open());
    CHECK(k.client_is_untouched());
}

TEST_CASE("fd passing: a server that only drops the socket is no pass service", "[io]")
{
    struct row {
        const char* says;
        const char* reason;
    };
    for (const row& r :
         {row{"", " closes the connections of clients without a word, as if it were no smtpd of "
                  "the type \"pass\""},
          row{"220 mx\r\n",
              " is no \"pass\" service: it dropped the connection of a client and said "
              "\"220 mx\" itself"}}) {
        keeping k;
        pass_service service{k.path, 5};
        k.begin();
        far_end channel = k.accepted_by(service);
        channel.send(r.says);
        take_socket(channel).client->close();
        REQUIRE(k.ends());
        CHECK(k.result->end == open_end::failed);
        CHECK(k.result->reason == k.path + r.reason);
        CHECK(k.result->about == smtp::identity::unclear);
        CHECK_FALSE(k.result->is_taken);
        CHECK(k.client_is_untouched());
    }
}

TEST_CASE("fd passing: a Postfix that stops proves nothing", "[io]")
{
    keeping k;
    pass_service service{k.path, 5};
    k.begin();
    k.context.run_for(milliseconds{20});
    REQUIRE_FALSE(k.result);
    service.close();
    REQUIRE(k.ends());
    CHECK(k.result->end == open_end::failed);
    CHECK(k.result->reason == k.path + ": Postfix dropped the connection");
    CHECK(k.result->about == smtp::identity::fine);
    CHECK(k.client_is_untouched());
}
