// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/proxy/proxy_header.hpp"
#include "fendmail/io/backend/connectors.hpp"
#include "fendmail/io/net/stream_group.hpp"
#include "support/catch.hpp"
#include "support/listening.hpp"
#include "support/run_until.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <functional>
#include <optional>

using namespace fendmail;
using namespace fendmail::io;
using fendmail::test::run_until;
using fendmail::test_support::connected_pair;
using fendmail::test_support::far_end;
using fendmail::test_support::listening;

namespace {

const endpoint client_address = *parse_endpoint("198.51.100.7:34539");
const endpoint local_address = *parse_endpoint("192.0.2.25:25");
constexpr const char* greeting = "220 mx.example.test ESMTP\r\n";

using maker = std::function<std::unique_ptr<connector>(const connector_options&)>;

std::unique_ptr<connector> make_proxy_v1(const connector_options& options)
{
    return make_proxy_connector(options, proxy_version::v1);
}
std::unique_ptr<connector> make_proxy_v2(const connector_options& options)
{
    return make_proxy_connector(options, proxy_version::v2);
}

/// A client, and a way to a backend that the test works by hand.
struct opening {
    boost::asio::io_context context;
    deadline_queue deadlines{context};
    stream_group streams;
    connected_pair client{context};
    stream server{context.get_executor()};
    stream_group::membership of_server{streams, server};
    stream_group::membership of_client{streams, client.near};
    listening backend;
    connector_options options{
        .name = "the backend",
        .tcp = std::make_shared<backend_address>(backend_address::endpoints{backend.where()}),
        .hostname = "mx.example.org"};
    std::unique_ptr<connector> way;
    std::optional<opened> result;
    std::optional<far_end> connection;

    void begin(const maker& make)
    {
        way = make(options);
        begin_again();
    }
    void begin_again()
    {
        result.reset();
        connection.reset();
        boost::asio::co_spawn(context, run(), boost::asio::detached);
    }
    io::awaitable<void> run()
    {
        const open_request request{.client = client_address,
                                   .local = local_address,
                                   .deadlines = deadlines,
                                   .connection = &client.near,
                                   .may_pass = true,
                                   .wakes = nullptr};
        result = co_await way->open(request, server);
    }
    void accept(const listening& at)
    {
        REQUIRE(run_until(context, [&] {
            if (!connection) connection = at.accept();
            return connection.has_value();
        }));
    }
    void accept() { accept(backend); }
    /// What the backend gets, as far as `octets`.
    [[nodiscard]] std::string hears(std::size_t octets)
    {
        std::string got;
        CHECK(run_until(context, [&] {
            got += connection->take();
            return got.size() >= octets;
        }));
        return got;
    }
    [[nodiscard]] bool ends()
    {
        return run_until(context, [&] { return result.has_value(); });
    }
    [[nodiscard]] bool client_is_untouched() const
    {
        return client.near.is_open() && client.far.take().empty() && !client.far.at_end();
    }
};

struct kind_row {
    const char* title;
    maker make;
    std::string header;
};

std::vector<kind_row> kinds_without_dialog()
{
    return {{"proxy v1", make_proxy_v1, proxy::write_v1(client_address, local_address)},
            {"proxy v2", make_proxy_v2, proxy::write_v2(client_address, local_address)},
            {"plain", make_plain_connector, ""}};
}

} // namespace

TEST_CASE("connector: the header goes first and alone, and the greeting is read", "[io]")
{
    for (const auto& kind : kinds_without_dialog()) {
        CAPTURE(kind.title);
        opening o;
        o.begin(kind.make);
        o.accept();
        CHECK(o.hears(kind.header.size()) == kind.header);
        CHECK_FALSE(o.result);
        o.connection->send(greeting);
        REQUIRE(o.ends());
        CHECK(o.result->end == open_end::greeted);
        CHECK(o.result->greeting == greeting);
        CHECK(o.result->reason.empty());
        // Behind a header only the reply to the first command proves that it was taken.
        CHECK_FALSE(o.result->is_taken);
        CHECK(o.server.is_open());
        CHECK(o.client_is_untouched());
        CHECK(o.connection->take().empty());
    }
}

TEST_CASE("connector: XCLIENT is said behind the first greeting, and the second one counts", "[io]")
{
    opening o;
    o.begin(make_xclient_connector);
    o.accept();
    o.connection->send(greeting);
    const std::string hello = "EHLO mx.example.org\r\n";
    CHECK(o.hears(hello.size()) == hello);
    o.connection->send("250-mx.example.test\r\n250 XCLIENT ADDR PORT\r\n");
    const std::string told = "XCLIENT ADDR=198.51.100.7 PORT=34539\r\n";
    CHECK(o.hears(told.size()) == told);
    CHECK_FALSE(o.result);
    o.connection->send("220 hello 198.51.100.7\r\n");
    REQUIRE(o.ends());
    CHECK(o.result->end == open_end::greeted);
    CHECK(o.result->greeting == "220 hello 198.51.100.7\r\n");
    CHECK(o.result->is_taken);
    CHECK(o.client_is_untouched());
}

TEST_CASE("connector: a backend that offers us no XCLIENT is proof, and no session", "[io]")
{
    opening o;
    o.begin(make_xclient_connector);
    o.accept();
    o.connection->send(greeting);
    static_cast<void>(o.hears(1));
    o.connection->send("250 mx.example.test\r\n");
    REQUIRE(o.ends());
    CHECK(o.result->end == open_end::failed);
    CHECK(o.result->about == smtp::identity::mistaken);
    CHECK_FALSE(o.server.is_open());
    CHECK(o.client_is_untouched());
}

TEST_CASE("connector: the backend's own refusal is kept, and the client has seen nothing", "[io]")
{
    for (const auto& kind : kinds_without_dialog()) {
        CAPTURE(kind.title);
        opening o;
        o.begin(kind.make);
        o.accept();
        o.connection->send("421 4.3.2 too busy\r\n");
        REQUIRE(o.ends());
        CHECK(o.result->end == open_end::failed);
        REQUIRE(o.result->refusal);
        CHECK(o.result->refusal->code == 421);
        CHECK(o.result->about == smtp::identity::fine);
        CHECK(o.result->until_ready == milliseconds{0});
        CHECK_FALSE(o.server.is_open());
        CHECK(o.client_is_untouched());
    }
}

TEST_CASE("connector: an answer to the PROXY header is proof that it was taken for a command",
          "[io]")
{
    for (const auto& make : {maker{make_proxy_v1}, maker{make_proxy_v2}}) {
        opening o;
        o.begin(make);
        o.accept();
        o.connection->send("220 mx\r\n500 unrecognized command\r\n");
        REQUIRE(o.ends());
        CHECK(o.result->end == open_end::failed);
        CHECK(o.result->about == smtp::identity::mistaken);
        CHECK_FALSE(o.server.is_open());
        CHECK(o.client_is_untouched());
    }
}

TEST_CASE("connector: a backend that is not there, closes or is silent", "[io]")
{
    struct row {
        const char* title;
        std::function<void(opening&)> act;
        const char* reason;
    };
    const row rows[] = {
        {"closes", [](opening& o) { o.connection->close(); },
         "backend closed the connection before its greeting"},
        {"is silent", [](opening&) {},
         "time limit exceeded while waiting for the backend's greeting"},
        {"says what is no SMTP", [](opening& o) { o.connection->send("hello there\r\n"); },
         "backend sent no SMTP greeting: not an SMTP reply"},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        opening o;
        o.options.greeting_timeout = milliseconds{50};
        o.begin(make_plain_connector);
        o.accept();
        r.act(o);
        REQUIRE(o.ends());
        CHECK(o.result->end == open_end::failed);
        CHECK(o.result->reason == r.reason);
        CHECK_FALSE(o.result->refusal);
        CHECK(o.client_is_untouched());
    }
    opening o;
    o.backend.close();
    o.begin(make_plain_connector);
    REQUIRE(o.ends());
    CHECK(o.result->end == open_end::failed);
    CHECK(o.result->reason == "Connection refused");
}

TEST_CASE("connector: the next address is tried, and goes first from then on", "[io]")
{
    opening o;
    listening gone;
    const auto dead = gone.where();
    gone.close();
    o.options.tcp->set({dead, o.backend.where()});
    o.begin(make_plain_connector);
    o.accept();
    o.connection->send(greeting);
    REQUIRE(o.ends());
    CHECK(o.result->end == open_end::greeted);
    CHECK(o.options.tcp->in_turn() == backend_address::endpoints{o.backend.where(), dead});
}

TEST_CASE("connector: the reason of the last address is told with it, and a name not found", "[io]")
{
    opening o;
    listening gone;
    const auto dead = gone.where();
    gone.close();
    o.options.tcp->set({dead, dead});
    o.begin(make_plain_connector);
    REQUIRE(o.ends());
    CHECK(o.result->reason == to_text(dead) + ": Connection refused");
    o.options.tcp->set({});
    o.begin_again();
    REQUIRE(o.ends());
    CHECK(o.result->end == open_end::failed);
    CHECK(o.result->reason == "its name has not been found yet");
}

TEST_CASE("connector: UNIX sockets are connected to as well", "[io]")
{
    const test_support::temp_dir directory;
    opening o;
    o.options.unix_path = directory.file("lmtp");
    const listening there{o.options.unix_path, 5};
    o.begin(make_proxy_v2);
    o.accept(there);
    const auto header = proxy::write_v2(client_address, local_address);
    CHECK(o.hears(header.size()) == header);
    o.connection->send(greeting);
    REQUIRE(o.ends());
    CHECK(o.result->end == open_end::greeted);
}

TEST_CASE("connector: a stop ends what is waited for", "[io]")
{
    opening o;
    o.begin(make_plain_connector);
    o.accept();
    REQUIRE_FALSE(o.result);
    o.streams.close_all();
    REQUIRE(o.ends());
    CHECK(o.result->end == open_end::failed);
}

TEST_CASE("connector: a stream that was used before becomes the new connection", "[io]")
{
    opening o;
    o.begin(make_plain_connector);
    o.accept();
    o.connection->send(greeting);
    REQUIRE(o.ends());
    const auto first = std::move(*o.connection);
    o.begin_again();
    o.accept();
    CHECK(first.at_end());
    o.connection->send("220 again\r\n");
    REQUIRE(o.ends());
    CHECK(o.result->greeting == "220 again\r\n");
    CHECK(o.server.write_now("QUIT\r\n"));
    CHECK(o.hears(6) == "QUIT\r\n");
}

TEST_CASE("connector: traits say what can be known of a kind without opening it", "[io]")
{
    struct row {
        maker make;
        bool passes_sockets;
        bool tells_client;
        bool sends_header;
        const char* advice;
    };
    const row rows[] = {
        {make_pass_connector, true, true, false, "type \"pass\""},
        {make_proxy_v1, false, true, true, "PROXY protocol"},
        {make_proxy_v2, false, true, true, "PROXY protocol"},
        {make_xclient_connector, false, true, false, "smtpd_authorized_xclient_hosts"},
        {make_plain_connector, false, false, false, "backend.kind"},
    };
    for (const row& r : rows) {
        const auto made = r.make({.name = "somewhere", .idle_timeout = milliseconds{7}});
        CHECK(made->name() == "somewhere");
        CHECK(made->traits().idle_limit == milliseconds{7});
        CHECK(made->passes_sockets() == r.passes_sockets);
        CHECK(made->traits().tells_client == r.tells_client);
        CHECK(made->traits().sends_header == r.sends_header);
        CHECK(made->traits().advice.find(r.advice) != std::string_view::npos);
    }
}
