// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "tls_link.hpp"

#include <openssl/ssl.h>

using namespace fendmail;
using namespace fendmail::io;
using namespace fendmail::test_support;

TEST_CASE("tls: a ClientHello in two parts, however it is split", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    for (std::size_t at = 1;; ++at) {
        CAPTURE(at);
        tls_link link{*server, side};
        const auto hello = link.client.take_output();
        if (at == hello.size()) break;
        link.pair.far.send(std::string_view{hello}.substr(0, at));
        link.settle();
        REQUIRE_FALSE(link.shaken);
        REQUIRE(link.pair.far.take().empty());
        link.pair.far.send(std::string_view{hello}.substr(at));
        REQUIRE(link.shakes_hands());
    }
}

TEST_CASE("tls: everything octet by octet, a command behind the client's last flight", "[io][tls]")
{
    const auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    const auto server = make_tls_context();
    tls_client_side side{only(version)};
    tls_link link{*server, side};
    pending_read* read = nullptr;
    std::optional<pending_read> first_read;
    bool wrote = false;
    REQUIRE(test::run_until(link.context, [&] {
        if (link.client.is_established() && !wrote) {
            link.client.write("EHLO client.example\r\n");
            wrote = true;
        }
        for (const char octet : link.client.take_output()) {
            link.pair.far.send({&octet, 1});
            link.settle();
        }
        if (link.shaken && read == nullptr)
            read = &first_read.emplace(link.context, link.pair.near);
        link.client.receive(link.pair.far.take());
        return read != nullptr && read->result.has_value();
    }));
    CHECK(*link.shaken == wait_end::ready);
    CHECK(read->text() == "EHLO client.example\r\n");
}

TEST_CASE("tls: a command in one segment with the end of the handshake is not lost", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side{only(TLS1_3_VERSION)};
    tls_link link{*server, side};
    link.pair.far.send(link.client.take_output());
    std::string flight;
    REQUIRE(test::run_until(link.context, [&] {
        flight += link.pair.far.take();
        link.client.receive(std::exchange(flight, {}));
        return link.client.is_established();
    }));
    link.client.write("EHLO early.example\r\n");
    link.pair.far.send(link.client.take_output());
    REQUIRE(test::run_until(link.context, [&] { return link.shaken.has_value(); }));
    // Nothing more will make the socket readable.
    CHECK(read_text(link) == "EHLO early.example\r\n");
}

TEST_CASE("tls: a client that stops in its handshake runs out of time", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    const auto how_much = GENERATE(0U, 1U, 100U, 10'000U);
    tls_link link{*server, side, milliseconds{30}};
    const auto hello = link.client.take_output();
    link.pair.far.send(std::string_view{hello}.substr(0, how_much));
    REQUIRE(test::run_until(link.context, [&] { return link.shaken.has_value(); }));
    CHECK(*link.shaken == wait_end::timed_out);
    CHECK(link.pair.near.tls_error() == "the handshake took too long");
    CHECK_FALSE(link.pair.near.is_encrypted());

    // Not even then anything goes out in plain text.
    static_cast<void>(link.pair.far.take());
    link.pair.near.shutdown_write();
    const pending_write write{link.context, link.pair.near, "421 too late\r\n"};
    REQUIRE(test::run_until(link.context, [&] { return write.result.has_value(); }));
    CHECK(*write.result == wait_end::failed);
    CHECK(link.pair.far.take().empty());
}

TEST_CASE("tls: a wake does not disturb a handshake", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.until([&] {
        link.pair.near.wake();
        link.settle();
        return link.shaken && link.client.is_established();
    }));
    CHECK(*link.shaken == wait_end::ready);
}

TEST_CASE("tls: what is no ClientHello ends the handshake with a reason", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    const auto octets = GENERATE(
        std::string{"EHLO client.example\r\n"}, std::string{"\0\0\0\0\0\0\0\0\0\0\0\0", 12},
        std::string{"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10}, std::string(5000, '\xff'));
    CAPTURE(octets.substr(0, 20));
    tls_link link{*server, side};
    link.pair.far.send(octets);
    REQUIRE(test::run_until(link.context, [&] { return link.shaken.has_value(); }));
    CHECK(*link.shaken == wait_end::failed);
    CHECK_FALSE(link.pair.near.tls_error().empty());
    CHECK_FALSE(link.pair.near.is_encrypted());
    CHECK(link.pair.near.tls_summary().empty());
    // At most one alert: of type 21, with 2 octets.
    const auto answer = link.pair.far.take();
    CHECK((answer.empty() || (answer.size() == 7 && answer.front() == 21)));

    const pending_read read{link.context, link.pair.near};
    REQUIRE(test::run_until(link.context, [&] { return read.result.has_value(); }));
    CHECK(read.result->end == wait_end::failed);
}

TEST_CASE("tls: a client that goes away in its handshake has closed", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    const auto how_much = GENERATE(0U, 50U, 10'000U);
    tls_link link{*server, side};
    const auto hello = link.client.take_output();
    link.pair.far.send(std::string_view{hello}.substr(0, how_much));
    link.settle();
    static_cast<void>(link.pair.far.take()); // or its end would be a reset
    link.pair.far.close();
    REQUIRE(test::run_until(link.context, [&] { return link.shaken.has_value(); }));
    CHECK(*link.shaken == wait_end::closed);
    CHECK(link.pair.near.tls_error() == "the connection was closed during the handshake");
}

TEST_CASE("tls: a stream closed under its handshake has failed", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    link.settle();
    link.pair.near.close();
    REQUIRE(test::run_until(link.context, [&] { return link.shaken.has_value(); }));
    CHECK(*link.shaken == wait_end::failed);
}

TEST_CASE("tls: only versions that are allowed", "[io][tls]")
{
    struct row {
        tls_version least;
        int offered;
        bool accepted;
    };
    const auto r = GENERATE(
        row{tls_version::v1_2, TLS1_VERSION, false}, row{tls_version::v1_2, TLS1_1_VERSION, false},
        row{tls_version::v1_2, TLS1_2_VERSION, true}, row{tls_version::v1_2, TLS1_3_VERSION, true},
        row{tls_version::v1_3, TLS1_2_VERSION, false},
        row{tls_version::v1_3, TLS1_3_VERSION, true});
    CAPTURE(static_cast<int>(r.least), r.offered);
    const auto server = make_tls_context({.min_protocol = r.least});
    tls_client_side side{only(r.offered)};
    tls_link link{*server, side};
    if (r.accepted) {
        CHECK(link.shakes_hands());
        return;
    }
    REQUIRE(link.until([&] { return link.shaken && link.client.has_failed(); }));
    CHECK(*link.shaken == wait_end::failed);
    CHECK(link.pair.near.tls_error() == "unsupported protocol");
    CHECK(link.client.error() == "tlsv1 alert protocol version");
}

TEST_CASE("tls: renegotiation is refused", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side{only(TLS1_2_VERSION)};
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    REQUIRE(link.client.renegotiate());
    const pending_read read{link.context, link.pair.near};
    REQUIRE(link.until([&] { return link.client.has_failed(); }));
    CHECK(link.client.error() == "no renegotiation");
    // For us nothing has happened: the client might have gone on as it was.
    CHECK_FALSE(read.result);
    CHECK(link.pair.near.tls_error().empty());
}

TEST_CASE("tls: a session is resumed with its ticket", "[io][tls]")
{
    const auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    const auto tickets = GENERATE(true, false);
    CAPTURE(version, tickets);
    const auto server = make_tls_context({.session_tickets = tickets});
    tls_client_side side{only(version)};
    for (const bool again : {false, true}) {
        tls_link link{*server, side};
        REQUIRE(link.shakes_hands());
        CHECK(link.client.was_resumed() == (again && tickets));
        // With TLS 1.3 the ticket comes behind the handshake.
        const pending_write write{link.context, link.pair.near, "250 ok\r\n"};
        REQUIRE(link.until([&] { return link.client.take_text() == "250 ok\r\n"; }));
        CHECK(side.has_session() == tickets);
    }
    // Its keys go with the context.
    const auto next = make_tls_context();
    tls_link link{*next, side};
    REQUIRE(link.shakes_hands());
    CHECK_FALSE(link.client.was_resumed());
}

TEST_CASE("tls: each client gets the kind of certificate that it can use", "[io][tls]")
{
    const pem_files files;
    const tls_certificate root{{.name = "Root"}};
    const tls_certificate rsa{{.kind = key_kind::rsa, .issuer = &root}};
    const tls_certificate ecdsa;
    tls_server_options options;
    options.identities = {
        {files.write("rsa.pem", rsa.key() + rsa.certificate() + root.certificate()), {}},
        files.identity("ecdsa.pem", ecdsa)};
    const auto server = make_tls_context(options);
    struct row {
        const char* algorithms;
        const char* wanted;
        int chain;
    };
    const auto r = GENERATE(row{"RSA-PSS+SHA256:RSA+SHA256", "RSA", 2},
                            row{"ECDSA+SHA256", "EC", 1}, row{"", "EC", 1});
    const auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    auto how = only(version);
    how.signature_algorithms = r.algorithms;
    tls_client_side side{how};
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    CHECK(link.client.certificate_key_type() == r.wanted);
    CHECK(link.client.chain_length() == r.chain);
}

TEST_CASE("tls: a stream may be the client as well", "[io][tls]")
{
    const tls_certificate certificate;
    const auto context = tls_context::for_client();
    REQUIRE(context);
    tls_client_side far_side{
        {.as_server = true, .certificate = certificate.certificate(), .key = certificate.key()}};
    boost::asio::io_context io;
    connected_pair pair{io};
    tls_client far{far_side};
    std::optional<wait_end> shaken;
    const auto run = [&]() -> io::awaitable<void> {
        shaken = co_await pair.near.start_tls(*context, nullptr, "backend.example");
        static_cast<void>(co_await pair.near.write("EHLO mx.example\r\n", nullptr));
    };
    asio::co_spawn(io, run, asio::detached);
    std::string heard;
    REQUIRE(test::run_until(io, [&] {
        far.receive(pair.far.take());
        pair.far.send(far.take_output());
        heard += far.take_text();
        return heard == "EHLO mx.example\r\n";
    }));
    CHECK(*shaken == wait_end::ready);
    CHECK(pair.near.tls_summary().starts_with("TLSv1.3 "));
    CHECK_THAT(pair.near.tls_certificate(),
               Catch::Matchers::Matches("CN = [a-z.]+, until 20\\d\\d-\\d\\d-\\d\\d"));
    CHECK(far.name_asked_for() == "backend.example");
}
