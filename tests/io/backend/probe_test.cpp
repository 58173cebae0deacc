// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/probe.hpp"
#include "support/catch.hpp"
#include "support/run_until.hpp"
#include "support/scripted_connector.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <string>
#include <string_view>

using namespace fendmail;
using namespace fendmail::io;
using fendmail::test::run_until;
using fendmail::test_support::scripted_connector;

namespace {

/// How a kind of backend is told who the client is, as far as a probe is concerned.
enum class told : std::uint8_t { nothing, by_header, by_greeting };

connector_traits traits_for(told how)
{
    connector_traits traits;
    traits.tells_client = how != told::nothing;
    traits.sends_header = how == told::by_header;
    return traits;
}

struct probing {
    boost::asio::io_context context;
    deadline_queue deadlines{context};
    scripted_connector way;
    stream server{context.get_executor()};
    std::optional<proof> found;

    explicit probing(told how)
        : way{context, traits_for(how)}
    {
        way.next.end = open_end::greeted;
        way.next.is_taken = how == told::by_greeting;
    }
    void begin() { boost::asio::co_spawn(context, run(), boost::asio::detached); }
    io::awaitable<void> run()
    {
        const open_request request{.client = *parse_endpoint("192.0.2.99:50025"),
                                   .local = *parse_endpoint("192.0.2.1:25"),
                                   .deadlines = deadlines};
        found = co_await probe_backend(way, request, "mx.example.org", server);
    }
    /// The backend waits for `command`, then says `reply`; "" for the end of the connection.
    void answer(const std::string& command, const std::string& reply)
    {
        std::string got;
        REQUIRE(run_until(context, [&] {
            if (!way.connections.empty()) got += way.connections.back().take();
            return got.size() >= command.size();
        }));
        CHECK(got == command);
        if (reply.empty())
            way.connections.back().close();
        else
            way.connections.back().send(reply);
    }
    [[nodiscard]] const proof& result()
    {
        REQUIRE(run_until(context, [&] { return found.has_value(); }));
        return *found;
    }
};

constexpr const char* hello = "EHLO mx.example.org\r\n";

} // namespace

TEST_CASE("probe: a backend that answers as it should has taken the address", "[io]")
{
    for (const auto how : {told::nothing, told::by_header, told::by_greeting}) {
        probing p{how};
        p.begin();
        p.answer(hello, "250-mx.example.test\r\n250 PIPELINING\r\n");
        p.answer("QUIT\r\n", "221 bye\r\n");
        CHECK(p.result().end == proof_end::taken);
        CHECK(p.result().reason.empty());
        REQUIRE(p.result().offered);
        CHECK(p.result().offered->has("PIPELINING"));
    }
}

TEST_CASE("probe: one reply too many is proof where there was a header, and nothing elsewhere",
          "[io]")
{
    for (const auto how : {told::nothing, told::by_header, told::by_greeting}) {
        probing p{how};
        p.begin();
        p.answer(hello, "250 mx.example.test\r\n");
        p.answer("QUIT\r\n", "250 mx.example.test\r\n221 bye\r\n");
        CHECK(p.result().end == (how == told::by_header ? proof_end::mistaken : proof_end::taken));
    }
}

TEST_CASE("probe: what its first reply is worth, and what its end", "[io]")
{
    struct row {
        const char* title;
        told how;
        const char* reply; ///< to EHLO; "" = it closes
        const char* to_quit;
        proof_end want;
    };
    const row rows[] = {
        {"a refusal of the address has taken it", told::by_header, "550 5.7.1 not you\r\n",
         "221 bye\r\n", proof_end::taken},
        {"a refusal that was the header's", told::by_header, "550 5.7.1 not you\r\n",
         "250 mx\r\n221 bye\r\n", proof_end::mistaken},
        {"EHLO not understood behind a header", told::by_header, "500 what\r\n", "221 bye\r\n",
         proof_end::mistaken},
        {"two replies at once", told::by_header, "500 what\r\n250 mx\r\n", nullptr,
         proof_end::mistaken},
        {"closed behind a header", told::by_header, "", nullptr, proof_end::undecided},
        {"closed where it is told nothing", told::nothing, "", nullptr, proof_end::undecided},
        {"closed where the greeting was proof", told::by_greeting, "", nullptr, proof_end::taken},
        {"EHLO not understood where the greeting was proof", told::by_greeting, "500 what\r\n",
         nullptr, proof_end::taken},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        probing p{r.how};
        p.begin();
        p.answer(hello, r.reply);
        if (r.to_quit != nullptr) p.answer("QUIT\r\n", r.to_quit);
        CHECK(p.result().end == r.want);
        CHECK_FALSE(p.result().reason.empty());
    }
}

TEST_CASE("probe: what is known when there is no greeting", "[io]")
{
    struct row {
        const char* title;
        smtp::identity about;
        bool is_taken;
        bool has_refusal;
        proof_end want;
    };
    const row rows[] = {
        {"not there", smtp::identity::fine, false, false, proof_end::undecided},
        {"refuses", smtp::identity::fine, false, true, proof_end::refused},
        {"proof against it", smtp::identity::mistaken, false, false, proof_end::mistaken},
        {"odd", smtp::identity::unclear, false, false, proof_end::mistaken},
        {"has the socket, and refuses", smtp::identity::fine, true, true, proof_end::taken},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        probing p{told::by_header};
        p.way.next.end = open_end::failed;
        p.way.next.reason = "why";
        p.way.next.about = r.about;
        p.way.next.is_taken = r.is_taken;
        if (r.has_refusal) p.way.next.refusal = smtp::make_reply(421, "4.3.2", "busy");
        p.begin();
        CHECK(p.result().end == r.want);
        CHECK(p.result().reason == "why");
        CHECK_FALSE(p.result().offered);
    }
}

TEST_CASE("probe: what the way to a backend is worth to a client that came encrypted", "[io]")
{
    using smtp::backend_tls;
    struct row {
        const char* title;
        backend_tls tls;
        const char* offer;
        const char* reply; ///< to STARTTLS; null = it is not said
        bool is_usable;
        const char* reason; ///< a part of it
    };
    constexpr const char* offers = "250-mx\r\n250 STARTTLS\r\n";
    const row rows[] = {
        {"none offered", backend_tls::opportunistic, "250 mx\r\n", nullptr, true, ""},
        {"none offered, but required", backend_tls::require, "250 mx\r\n", nullptr, false,
         "offers no STARTTLS"},
        {"refused", backend_tls::opportunistic, offers, "454 4.7.0 no\r\n", true, ""},
        {"refused, but required", backend_tls::require, offers, "454 4.7.0 no\r\n", false,
         "STARTTLS with 454"},
        {"no handshake", backend_tls::opportunistic, offers, "220 go\r\n", false,
         "TLS with the backend failed: "},
        {"closed", backend_tls::opportunistic, offers, "", false, "closed the connection"},
    };
    const auto context = tls_context::for_client();
    REQUIRE(context);
    for (const row& r : rows) {
        CAPTURE(r.title);
        probing p{told::by_greeting};
        std::optional<tls_trial> trial;
        const auto run = [&]() -> io::awaitable<void> {
            const open_request request{.client = *parse_endpoint("192.0.2.99:50025"),
                                       .local = *parse_endpoint("192.0.2.1:25"),
                                       .deadlines = p.deadlines};
            trial = co_await try_tls(p.way, request, "mx.example.org", r.tls, *context, p.server);
        };
        boost::asio::co_spawn(p.context, run, boost::asio::detached);
        p.answer(hello, r.offer);
        if (r.reply != nullptr) {
            p.answer("STARTTLS\r\n", r.reply);
            if (std::string_view{r.reply}.starts_with("220")) {
                // To the ClientHello it says what is no handshake.
                auto& backend = p.way.connections.back();
                REQUIRE(run_until(p.context, [&] { return !backend.take().empty(); }));
                backend.send("500 what\r\n");
            }
        }
        if (r.is_usable) {
            p.answer(hello, "250 mx\r\n");
            p.answer("QUIT\r\n", "221 bye\r\n");
        }
        REQUIRE(run_until(p.context, [&] { return trial.has_value(); }));
        CHECK(trial->is_usable == r.is_usable);
        CHECK_THAT(trial->reason, Catch::Matchers::ContainsSubstring(r.reason));
        CHECK(trial->summary.empty());
        CHECK(trial->certificate.empty());
    }
}
