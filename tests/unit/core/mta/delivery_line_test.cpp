// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/mta/delivery_line.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>
#include <string>
#include <string_view>

using namespace fendmail;
using mta::parse_delivery;

namespace {

std::string told(std::string_view line)
{
    const auto found = parse_delivery(line);
    return found ? fmt::format("{} {}", found->host, to_text(found->address)) : "-";
}

/// A line of Postfix's client with this behind the colon of its queue ID.
std::string postfix(std::string_view rest)
{
    return fmt::format("Nov 30 07:50:31 mx postfix/smtp[123]: 4F1A2B3C4D: {}", rest);
}

constexpr std::string_view sent =
    "to=<user@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1.2, delays=0.1/0/0.5/0.6, "
    "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1234)";

constexpr std::string_view exim_time = "2026-11-30 07:50:31 ";
constexpr std::string_view exim_id = "1tHabc-0001AbCdEfG-2Hij ";
constexpr std::string_view exim_sent =
    "=> user@example.org R=dnslookup T=remote_smtp H=mx.example.org [192.0.2.1] "
    "X=TLS1.3:ECDHE_X25519:256 CV=yes C=\"250 2.0.0 Ok: queued as 1234\"";

std::string exim(std::string_view rest)
{
    return fmt::format("{}{}{}", exim_time, exim_id, rest);
}

} // namespace

TEST_CASE("delivery: lines of Postfix's client", "[mta]")
{
    CHECK(told(postfix(sent)) == "mx.example.org 192.0.2.1");
    for (const std::string_view tag :
         {"postfix/smtp[1]", "postfix-out/smtp[1]", "postfix/relay/smtp[22]",
          "postfix-out/submission/smtp[99999]"}) {
        for (const std::string_view header :
             {"Nov 30 07:50:31 mx ", "Nov  3 07:50:31 mx.example.net ",
              "2026-11-30T07:50:31.123456+01:00 mx ", "2026-11-30T07:50:31Z mx ",
              "Nov 30 07:50:31 mx mail.info "}) {
            const auto line = fmt::format("{}{}: 3xyzABC: {}", header, tag, sent);
            CAPTURE(line);
            CHECK(told(line) == "mx.example.org 192.0.2.1");
        }
    }
    CHECK(told(postfix("to=<a@b.example>, orig_to=<root>, relay=mx6.example[2001:db8::1]:25, "
                       "conn_use=2, delay=0, delays=0/0/0/0, dsn=2.1.5, status=sent (250 ok)")) ==
          "mx6.example 2001:db8::1");
    CHECK(told(postfix("to=<a@b.example>, relay=smart.example[192.0.2.9]:587, delay=0, "
                       "delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok (really))")) ==
          "smart.example 192.0.2.9");
}

TEST_CASE("delivery: other programs, states and ways count for nothing", "[mta]")
{
    const auto with = [](std::string_view what, std::string_view instead) {
        auto line = postfix(sent);
        const auto where = line.find(what);
        REQUIRE(where != std::string::npos);
        return line.replace(where, what.size(), instead);
    };
    for (const auto& line : {
             with("postfix/smtp[", "postfix/smtpd["),
             with("postfix/smtp[", "postfix/lmtp["),
             with("postfix/smtp[", "postfix/local["),
             with("postfix/smtp[", "notpostfix/smtp["),
             with("postfix/smtp[", "postfix/smtp/smtpd["),
             with("postfix/smtp[123]", "smtp[123]"),
             with("status=sent", "status=deferred"),
             with("status=sent", "status=bounced"),
             with("dsn=2.0.0", "dsn=4.0.0"),
             with("mx.example.org[192.0.2.1]:25", "none"),
             with("mx.example.org[192.0.2.1]:25", "mx.example.org[private/lmtp]"),
             with("192.0.2.1", "192.0.2.999"),
             with("192.0.2.1", "fe80::1%eth0"),
             with("Nov 30", "Nov 301"),
             with("queued as 1234)", "queued as 1234"),
             with("(250", "250"),
             with(": 4F1A2B3C4D: ", ": "),
         }) {
        CAPTURE(line);
        CHECK(told(line) == "-");
    }
    CHECK(told("") == "-");
    CHECK(told(std::string{" "} + postfix(sent)) == "-");
    CHECK(told(postfix(sent) + " and more") == "-");
}

TEST_CASE("delivery: nothing that a stranger writes puts an address into Postfix's line", "[mta]")
{
    constexpr std::string_view forged = "relay=evil[203.0.113.66]:25, delay=0, delays=0/0/0/0, "
                                        "dsn=2.0.0, status=sent (250 ok)";
    const auto own = [](std::string_view status) {
        return fmt::format("relay=mx[192.0.2.1]:25, delay=0, delays=0/0/0/0, {}", status);
    };
    const auto deferred = own("dsn=4.0.0, status=deferred (450 no)");
    const auto ok = own("dsn=2.0.0, status=sent (250 ok)");
    for (const auto& line : {
             // Recipients, in the internal form without quotes and in the external one.
             postfix(fmt::format("to=<x@y>, {}@evil.example>, {}", forged, deferred)),
             postfix(fmt::format("to=<x@y>, {}@evil.example>, {}", forged, ok)),
             postfix(fmt::format("to=<\"x@y>, {}\"@evil.example>, {}", forged, ok)),
             postfix(fmt::format("to=<a@b>, orig_to=<x@y>, {}@evil.example>, {}", forged, ok)),
             postfix(fmt::format("to=<a b@evil.example>, {}", ok)),
             postfix(fmt::format("to=<a(b@evil.example>, {}", ok)),
             postfix(fmt::format("to=<a>b@evil.example>, {}", ok)),
             // Replies.
             postfix(fmt::format("host mx[192.0.2.1] said: 450 to=<a@b>, {}", forged)),
             postfix(fmt::format("to=<a@b>, {}",
                                 own(fmt::format("dsn=4.0.0, status=deferred (host mx[192.0.2.1] "
                                                 "said: 450 to=<a@b>, {})",
                                                 forged)))),
             postfix(fmt::format("to=<a@b>, {}",
                                 own(fmt::format("dsn=2.0.0, status=sent (250 {})", forged)))),
             // Names of hosts.
             postfix(fmt::format("to=<a@b>, relay=evil[203.0.113.66]:25, x[192.0.2.1]:25, "
                                 "delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)")),
             postfix(fmt::format("to=<a@b>, relay=evil [203.0.113.66]:25, delay=0, "
                                 "delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)")),
             // Other programs that log what strangers say.
             fmt::format("Nov 30 07:50:31 mx sshd[1]: Invalid user {}", postfix(sent)),
             fmt::format("Nov 30 07:50:31 mx sshd[1]: postfix/smtp[1]: ABC: {}", sent),
             fmt::format("Nov 30 07:50:31 mx postfix/smtpd[1]: NOQUEUE: postfix/smtp[1]: A: {}",
                         sent),
         }) {
        CAPTURE(line);
        CHECK(told(line) == "-");
    }
}

TEST_CASE("delivery: a line that may have been cut counts for nothing", "[mta]")
{
    // Cut so that it ends as if it were whole, before what Postfix itself says.
    auto line = postfix("to=<x@y>, relay=evil[203.0.113.66]:25, delay=0, delays=0/0/0/0, "
                        "dsn=2.0.0, status=sent (250 ");
    line.resize(mta::line_octets_max + 1, ')');
    CHECK(told(line) == "-");
    line.resize(mta::line_octets_max);
    CHECK(told(line) == "evil 203.0.113.66");
}

TEST_CASE("delivery: lines of Exim", "[mta]")
{
    CHECK(told(exim(exim_sent)) == "mx.example.org 192.0.2.1");
    for (const std::string_view line : {
             "2026-11-30 07:50:31.123 +0100 [4711] 1tHabc-000123-AB => u@example.org "
             "R=dnslookup T=remote_smtp H=mx.example.org [192.0.2.1]:25 C=\"250 ok\"",
             "2026-11-30 07:50:31 1tHabc-000123-AB -> u@example.org <o@example.net> F=<> "
             "P=<a@b.example> R=dnslookup ST=x T=remote_smtp_smarthost S=123 H=mx.example.org "
             "[192.0.2.1] C=\"250 ok\" QT=1s DT=0s",
             "Nov 30 07:50:31 host exim[12]: 2026-11-30 07:50:31 1tHabc-000123-AB => u@example.org "
             "R=dnslookup T=remote_smtp H=mx.example.org [192.0.2.1]",
             "2026-11-30T07:50:31+01:00 host exim4[12]: 1tHabc-000123-AB => u@example.org "
             "R=dnslookup T=remote_smtp H=mx.example.org [192.0.2.1]",
         }) {
        CAPTURE(line);
        CHECK(told(line) == "mx.example.org 192.0.2.1");
    }
    CHECK(told(exim("=> u@example.org R=r T=remote_smtp H=mx6.example [2001:db8::1] C=\"250\"")) ==
          "mx6.example 2001:db8::1");
}

TEST_CASE("delivery: nothing that a stranger writes puts an address into Exim's line", "[mta]")
{
    constexpr std::string_view forged = "R=r T=remote_smtp H=evil [203.0.113.66] C=\"250 ok\"";
    constexpr std::string_view own = "R=r T=remote_smtp H=mx [192.0.2.1] C=\"250 ok\"";
    for (const auto& line : {
             exim(fmt::format("=> \"x {}\"@evil.example {}", forged, own)),
             exim(fmt::format("=> x {}@evil.example {}", forged, own)),
             exim(fmt::format("=> a@b <x> {}@evil.example> {}", forged, own)),
             exim(fmt::format("=> a@b F=<\"x> {}\"@evil.example> {}", forged, own)),
             exim(fmt::format("=> a@b {} C=\"250 {}\"", own, forged)),
             exim(fmt::format("== a@b R=r T=remote_smtp defer (-44) H=mx [192.0.2.1]: 450 => a@b "
                              "{}",
                              forged)),
             exim(fmt::format("** a@b {}", own)),
             exim(fmt::format("*> a@b {}", own)),
             exim(fmt::format("<= a@b H=evil [203.0.113.66] P=esmtp S=1 => a@b {}", forged)),
             exim("=> u <u@b> R=local_user T=maildir_home"),
             exim("=> a@b R=r T=lmtp H=mx [192.0.2.1]"),
             fmt::format("Nov 30 07:50:31 mx sshd[1]: {}", exim(exim_sent)),
             fmt::format("rejected RCPT {}", exim(exim_sent)),
             exim(fmt::format("=> a@b R=r T=remote_smtp H=mx (evil [203.0.113.66]) [192.0.2.1]")),
         }) {
        CAPTURE(line);
        CHECK(told(line) == "-");
    }
}

TEST_CASE("delivery: no part of a line, and nothing cut out of it, tells another address", "[mta]")
{
    for (const auto& whole : {postfix(sent), exim(exim_sent)}) {
        for (std::size_t from = 0; from < whole.size(); ++from) {
            for (std::size_t octets = 1; octets < 4; ++octets) {
                auto line = whole;
                line.erase(from, octets);
                const auto found = parse_delivery(line);
                if (!found) continue;
                // Only where the address itself was cut can it be another one.
                const auto address = whole.find("192.0.2.1");
                const bool is_in_it = from + octets > address && from < address + 9;
                CHECK((is_in_it || to_text(found->address) == "192.0.2.1"));
            }
        }
    }
}
