// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/relay.hpp"
#include "support/catch.hpp"
#include "tls_link.hpp"

#include <boost/asio/post.hpp>
#include <openssl/ssl.h>

using namespace fendmail;
using namespace fendmail::io;
using namespace fendmail::test_support;

namespace {

std::string some_octets(std::size_t count)
{
    std::string out(count, '\0');
    std::uint32_t state = 1;
    for (char& c : out) {
        state = state * 1664525 + 1013904223;
        c = static_cast<char>(state >> 24);
    }
    return out;
}

} // namespace

TEST_CASE("tls: after the handshake read and write are encrypted", "[io][tls]")
{
    const auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    const auto server = make_tls_context();
    tls_client_side side{only(version)};
    tls_link link{*server, side};
    CHECK_FALSE(link.pair.near.is_encrypted());
    REQUIRE(link.shakes_hands());
    CHECK(link.pair.near.is_encrypted());
    CHECK(link.pair.near.tls_error().empty());
    const auto summary = link.pair.near.tls_summary();
    CHECK(summary.starts_with(version == TLS1_2_VERSION ? "TLSv1.2 with cipher ECDHE-ECDSA-AES256"
                                                        : "TLSv1.3 with cipher TLS_AES_256"));
    CHECK(summary.ends_with(" (256/256 bits)"));

    link.client.write("EHLO client.example\r\n");
    CHECK(read_text(link) == "EHLO client.example\r\n");

    const pending_write write{link.context, link.pair.near, "250 mx.example\r\n"};
    REQUIRE(test::run_until(link.context, [&] { return write.result.has_value(); }));
    CHECK(*write.result == wait_end::ready);
    const auto on_the_wire = link.pair.far.take();
    CHECK(on_the_wire.find("250 mx.example") == std::string::npos);
    link.client.receive(on_the_wire);
    CHECK(link.client.take_text() == "250 mx.example\r\n");
}

TEST_CASE("tls: a wake in the middle of a record loses nothing", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    link.client.write("MAIL FROM:<a@b.example>\r\n");
    const auto record = link.client.take_output();
    for (std::size_t at = 0; at < record.size(); ++at) {
        CAPTURE(at);
        const pending_read read{link.context, link.pair.near};
        link.settle();
        link.pair.far.send(std::string_view{record}.substr(at, 1));
        link.settle();
        if (at + 1 == record.size()) {
            REQUIRE(read.result);
            CHECK(read.text() == "MAIL FROM:<a@b.example>\r\n");
            break;
        }
        REQUIRE_FALSE(read.result);
        link.pair.near.wake();
        link.settle();
        REQUIRE(read.result);
        REQUIRE(read.result->end == wait_end::woken);
    }
}

TEST_CASE("tls: a deadline that passes in a read is no wake, and a later read goes on", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    link.client.write("NOOP\r\n");
    const auto record = link.client.take_output();
    link.pair.far.send(std::string_view{record}.substr(0, record.size() / 2));
    link.limit.set_after(milliseconds{20});
    const pending_read late{link.context, link.pair.near, &link.limit};
    REQUIRE(test::run_until(link.context, [&] { return late.result.has_value(); }));
    CHECK(late.result->end == wait_end::timed_out);
    // One that has passed already ends the next wait at once, whatever there is to read.
    link.pair.far.send(std::string_view{record}.substr(record.size() / 2));
    const pending_read again{link.context, link.pair.near, &link.limit};
    REQUIRE(test::run_until(link.context, [&] { return again.result.has_value(); }));
    CHECK(again.result->end == wait_end::timed_out);
    CHECK(read_text(link) == "NOOP\r\n");
}

TEST_CASE("tls: wakes in a write that waits tear no record", "[io][tls]")
{
    const auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    const auto server = make_tls_context();
    tls_client_side side{only(version)};
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    const auto mail = some_octets(2'000'000);
    const pending_write write{link.context, link.pair.near, mail};
    link.settle();
    REQUIRE_FALSE(write.result); // the socket is full
    std::string got;
    std::size_t wakes = 0;
    REQUIRE(test::run_until(link.context, [&] {
        // Odd pieces, so that what is taken does not end with records.
        char piece[7919];
        const ssize_t n = ::recv(link.pair.far.get(), piece, sizeof(piece), MSG_DONTWAIT);
        if (n > 0) link.client.receive({piece, static_cast<std::size_t>(n)});
        got += link.client.take_text();
        link.pair.near.wake();
        link.settle();
        ++wakes;
        return got.size() >= mail.size();
    }));
    CHECK(wakes > 100);
    REQUIRE(write.result);
    CHECK(*write.result == wait_end::ready);
    CHECK((got == mail));
    CHECK_FALSE(link.client.has_failed());
}

TEST_CASE("tls: after a write that ran out of time nothing more is written", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    link.limit.set_after(milliseconds{20});
    const pending_write late{link.context, link.pair.near, some_octets(3'000'000), &link.limit};
    REQUIRE(test::run_until(link.context, [&] { return late.result.has_value(); }));
    CHECK(*late.result == wait_end::timed_out);
    link.exchange(); // there is room again
    const pending_write next{link.context, link.pair.near, some_octets(4'000'000)};
    REQUIRE(test::run_until(link.context, [&] { return next.result.has_value(); }));
    CHECK(*next.result == wait_end::failed);
    link.pair.near.shutdown_write();
    REQUIRE(link.until([&] { return link.pair.far.at_end(); }));
    CHECK_FALSE(link.client.was_told_end());
}

TEST_CASE("tls: a relay carries a large mail both ways at once", "[io][tls]")
{
    const auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    const auto server = make_tls_context();
    tls_client_side side{only(version)};
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    connected_pair backend{link.context};
    const auto mail = some_octets(1 << 20);
    std::optional<relay_result> done;
    const auto run = [&]() -> io::awaitable<void> {
        done = co_await relay(link.pair.near, backend.near, link.deadlines, milliseconds{60000});
    };
    asio::co_spawn(link.context, run, asio::detached);

    std::string to_backend;
    std::string to_client;
    std::size_t written = 0;
    std::size_t answered = 0;
    REQUIRE(link.until([&] {
        if (written < mail.size() && link.unsent.empty()) {
            if (version == TLS1_3_VERSION && written != 0) link.client.update_keys();
            link.client.write(std::string_view{mail}.substr(written, 50'000));
            written += 50'000;
        }
        const auto rest = std::string_view{mail}.substr(answered);
        const ssize_t sent =
            ::send(backend.far.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) answered += static_cast<std::size_t>(sent);
        to_backend += backend.far.take();
        to_client += link.client.take_text();
        return to_backend.size() >= mail.size() && to_client.size() >= mail.size();
    }));
    CHECK((to_backend == mail));
    CHECK((to_client == mail));

    backend.far.end_writing();
    REQUIRE(link.until([&] { return link.client.was_told_end(); }));
    link.client.write("QUIT\r\n"); // its own direction is still open
    REQUIRE(link.until([&] { return backend.far.take() == "QUIT\r\n"; }));
    link.client.close_notify();
    REQUIRE(link.until([&] { return done.has_value(); }));
    CHECK(done->octets_in == mail.size() + 6);
    CHECK(done->octets_out == mail.size());
    CHECK(done->ended_by == event::ended_by::backend);
}

TEST_CASE("tls: an end is an end, with close_notify or without", "[io][tls]")
{
    const auto polite = GENERATE(true, false);
    const auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    CAPTURE(polite, version);
    const auto server = make_tls_context();
    tls_client_side side{only(version)};
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    link.client.write("QUIT\r\n");
    if (polite) link.client.close_notify();
    link.exchange();
    if (!polite) link.pair.far.end_writing();
    CHECK(read_text(link) == "QUIT\r\n");
    for (int times = 0; times < 2; ++times) {
        const pending_read end{link.context, link.pair.near};
        REQUIRE(link.until([&] { return end.result.has_value(); }));
        CHECK(end.result->end == wait_end::closed);
        CHECK(end.result->octets == 0);
    }
    CHECK(link.pair.near.tls_error().empty());
    // Our direction is still open.
    const pending_write bye{link.context, link.pair.near, "221 bye\r\n"};
    REQUIRE(link.until([&] { return bye.result.has_value(); }));
    CHECK(*bye.result == wait_end::ready);
}

TEST_CASE("tls: a record that is cut off is an end, one that was changed an error", "[io][tls]")
{
    const auto changed = GENERATE(false, true);
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    link.client.write("RCPT TO:<a@b.example>\r\n");
    auto record = link.client.take_output();
    if (changed)
        record[record.size() / 2] ^= 1;
    else
        record.resize(record.size() / 2);
    link.pair.far.send(record);
    link.pair.far.end_writing();
    const pending_read read{link.context, link.pair.near};
    REQUIRE(link.until([&] { return read.result.has_value(); }));
    CHECK(read.result->end == (changed ? wait_end::failed : wait_end::closed));
    CHECK(link.pair.near.tls_error() ==
          (changed ? "decryption failed or bad record mac" : std::string{}));
}

TEST_CASE("tls: a reset is a failure", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    const pending_write unread{link.context, link.pair.near, "250 nobody reads this\r\n"};
    REQUIRE(test::run_until(link.context, [&] { return unread.result.has_value(); }));
    link.pair.far.close();
    const pending_read read{link.context, link.pair.near};
    REQUIRE(test::run_until(link.context, [&] { return read.result.has_value(); }));
    CHECK(read.result->end == wait_end::failed);
    CHECK(link.pair.near.tls_error() == "Connection reset by peer");
}

TEST_CASE("tls: the end of our direction is told by close_notify", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    CHECK_FALSE(link.client.was_told_end());
    link.pair.near.shutdown_write();
    REQUIRE(link.until([&] { return link.client.was_told_end(); }));
    CHECK(link.pair.far.at_end());
    CHECK_FALSE(link.client.has_failed());
    link.client.write("QUIT\r\n");
    CHECK(read_text(link) == "QUIT\r\n");
}

TEST_CASE("tls: waiting for something to read sees what is decrypted, and the end", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    std::optional<wait_end> readable;
    const auto wait = [&]() -> io::awaitable<void> {
        readable = co_await link.pair.near.wait_readable();
    };
    asio::co_spawn(link.context, wait, asio::detached);
    link.client.update_keys(); // octets, but nothing to read
    link.exchange();
    link.settle();
    CHECK_FALSE(readable);
    link.client.write("NOOP\r\n");
    REQUIRE(link.until([&] { return readable.has_value(); }));
    CHECK(*readable == wait_end::ready);
    readable.reset();
    asio::co_spawn(link.context, wait, asio::detached);
    REQUIRE(test::run_until(link.context, [&] { return readable.has_value(); }));
    CHECK(read_text(link) == "NOOP\r\n");
    link.pair.far.end_writing();
    readable.reset();
    asio::co_spawn(link.context, wait, asio::detached);
    REQUIRE(test::run_until(link.context, [&] { return readable.has_value(); }));
    CHECK(*readable == wait_end::ready);
}

TEST_CASE("tls: a look shows what has arrived and leaves it where it is", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side;
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    std::string buffer(100, '\0');
    const auto look = [&] { return link.pair.near.peek(asio::buffer(buffer)); };
    CHECK(look().end == wait_end::ready);
    CHECK(look().octets == 0);
    link.client.write("MAIL FROM:<a@b.example>\r\n");
    const auto record = link.client.take_output();
    link.pair.far.send(std::string_view{record}.substr(0, 20));
    CHECK(look().end == wait_end::ready);
    CHECK(look().octets == 0);
    link.pair.far.send(std::string_view{record}.substr(20));
    for (int times = 0; times < 2; ++times) {
        const auto seen = look();
        CHECK(seen.end == wait_end::ready);
        CHECK(buffer.substr(0, seen.octets) == "MAIL FROM:<a@b.example>\r\n");
    }
    CHECK(read_text(link) == "MAIL FROM:<a@b.example>\r\n");
    CHECK(look().octets == 0);
    link.client.close_notify();
    link.exchange();
    CHECK(look().end == wait_end::closed);
}

TEST_CASE("tls: a client that sends what is no data does not keep a worker to itself", "[io][tls]")
{
    const auto server = make_tls_context();
    tls_client_side side{only(TLS1_3_VERSION)};
    tls_link link{*server, side};
    REQUIRE(link.shakes_hands());
    for (int i = 0; i < 2000; ++i)
        link.client.update_keys(false);
    link.client.write("NOOP\r\n");
    link.pair.far.send(link.client.take_output()); // it is all there before the first read
    const pending_read read{link.context, link.pair.near};
    std::size_t turns = 0; // that others have had before it was done
    REQUIRE(link.until([&] {
        asio::post(link.context, [&] { turns += !read.result; });
        return read.result.has_value();
    }));
    CHECK(read.text() == "NOOP\r\n");
    CHECK(turns > 20);
}
