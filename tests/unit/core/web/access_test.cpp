// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/web/access.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>

using namespace fendmail;
using namespace fendmail::web;
using namespace std::chrono_literals;

namespace {

const access_rules with_tokens{{"mx.example"}, "reader", "admin"};

request_facts tcp(std::string_view authorization = {})
{
    request_facts facts;
    facts.host = "localhost:8025";
    facts.content_type = "application/json";
    facts.authorization = authorization;
    return facts;
}

/// The status of the refusal, 200 for none.
unsigned status(const access_rules& rules, const request_facts& from, right needed)
{
    const auto why = refused(rules, from, needed);
    return why ? why->status : 200;
}

} // namespace

TEST_CASE("admin access: over TCP health is free, reading and changing need their tokens", "[web]")
{
    struct row {
        const char* authorization;
        unsigned none;
        unsigned read;
        unsigned change;
    };
    const row rows[] = {
        {"", 200, 401, 401},
        {"Bearer reader", 200, 200, 403},
        {"bearer reader", 200, 200, 403},
        {"Bearer admin", 200, 200, 200},
        {"Bearer admi", 200, 401, 401},
        {"Bearer adminn", 200, 401, 401},
        {"Bearer ", 200, 401, 401},
        {"Token admin", 200, 401, 401},
        {"Basic OmFkbWlu", 200, 401, 401}, // :admin
    };
    for (const row& r : rows) {
        CAPTURE(r.authorization);
        CHECK(status(with_tokens, tcp(r.authorization), right::none) == r.none);
        CHECK(status(with_tokens, tcp(r.authorization), right::read) == r.read);
        CHECK(status(with_tokens, tcp(r.authorization), right::change) == r.change);
    }
}

TEST_CASE("admin access: without token files TCP reads and changes nothing", "[web]")
{
    const access_rules none{};
    for (const char* any : {"", "Bearer ", "Bearer x"}) {
        CAPTURE(any);
        CHECK(status(none, tcp(any), right::none) == 200);
        CHECK(status(none, tcp(any), right::read) == 403);
        CHECK(status(none, tcp(any), right::change) == 403);
    }
    const access_rules reader{{}, "reader", ""};
    CHECK(status(reader, tcp("Bearer reader"), right::read) == 200);
    CHECK(status(reader, tcp("Bearer reader"), right::change) == 403);
    const access_rules admin{{}, "", "admin"};
    CHECK(status(admin, tcp("Bearer admin"), right::read) == 200);
    CHECK(status(admin, tcp("Bearer "), right::read) == 401);
}

TEST_CASE("admin access: only a token that was tried counts as a guess", "[web]")
{
    CHECK_FALSE(refused(with_tokens, tcp(), right::read)->wrong_token);
    CHECK(refused(with_tokens, tcp("Bearer x"), right::read)->wrong_token);
    CHECK(refused(with_tokens, tcp("Bearer x"), right::change)->wrong_token);
    CHECK_FALSE(refused(with_tokens, tcp("Bearer reader"), right::change)->wrong_token);
}

TEST_CASE("admin access: a UNIX socket's peer needs no token, and has the right of its user",
          "[web]")
{
    request_facts facts;
    facts.local = right::change;
    CHECK(status({}, facts, right::change) == 200);
    facts.local = right::read;
    CHECK(status({}, facts, right::read) == 200);
    CHECK(status({}, facts, right::change) == 403);
}

TEST_CASE("admin access: a Host that is not ours is refused, even for health", "[web]")
{
    struct row {
        const char* host;
        bool is_own;
    };
    const row rows[] = {
        {"localhost", true},
        {"LOCALHOST:8025", true},
        {"localhost.:1", true},
        {"127.0.0.1:8025", true},
        {"192.0.2.1", true},
        {"[::1]:8025", true},
        {"[::1]", true},
        {"::1", true},
        {"mx.example", true},
        {"MX.Example:443", true},
        {"", true},
        {"evil.example", false},
        {"mx.example.evil", false},
        {"localhost.evil", false},
        {"[::1", false},
        {":8025", false},
        {"xlocalhost", false},
    };
    for (const row& r : rows) {
        CAPTURE(r.host);
        CHECK(is_own_host(r.host, with_tokens.hosts) == r.is_own);
        auto facts = tcp("Bearer admin");
        facts.host = r.host;
        CHECK((status(with_tokens, facts, right::none) == 200) == r.is_own);
    }
}

TEST_CASE("admin access: a page of another site can change nothing", "[web]")
{
    auto facts = tcp("Bearer admin");
    facts.content_type = "application/json; charset=utf-8";
    CHECK(status(with_tokens, facts, right::change) == 200);
    for (const char* type :
         {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"}) {
        CAPTURE(type);
        facts.content_type = type;
        CHECK(status(with_tokens, facts, right::change) == 415);
    }
    facts.content_type = "application/json";
    facts.origin = "http://localhost:8025";
    CHECK(status(with_tokens, facts, right::change) == 200);
    for (const char* origin : {"null", "http://localhost", "http://evil.example", "file://"}) {
        CAPTURE(origin);
        facts.origin = origin;
        CHECK(status(with_tokens, facts, right::change) == 403);
    }
    facts.origin = "";
    for (const char* site : {"cross-site", "same-site", "x"}) {
        CAPTURE(site);
        facts.fetch_site = site;
        CHECK(status(with_tokens, facts, right::change) == 403);
    }
    facts.fetch_site = "same-origin";
    CHECK(status(with_tokens, facts, right::change) == 200);
    // A token that reads nothing secret away: reading needs neither.
    facts.fetch_site = "cross-site";
    CHECK(status(with_tokens, facts, right::read) == 200);
}

TEST_CASE("admin access: ten wrong tokens a minute, then none is looked at", "[web]")
{
    token_guesses guesses;
    const tick start{1h};
    for (int i = 0; i < 10; ++i) {
        CHECK_FALSE(guesses.are_used_up(start));
        guesses.on_wrong(start);
    }
    CHECK(guesses.are_used_up(start));
    CHECK(guesses.are_used_up(start + 5s));
    CHECK_FALSE(guesses.are_used_up(start + 6s));
    guesses.on_wrong(start + 6s);
    CHECK(guesses.are_used_up(start + 6s));
    CHECK_FALSE(guesses.are_used_up(start + 70s));
}

TEST_CASE("admin access: texts are equal only as a whole", "[web]")
{
    CHECK(equals_in_constant_time("", ""));
    CHECK(equals_in_constant_time("token", "token"));
    for (const char* other : {"", "t", "toke", "tokenn", "Token", "tokentoken"}) {
        CAPTURE(other);
        CHECK_FALSE(equals_in_constant_time(other, "token"));
        CHECK_FALSE(equals_in_constant_time("token", other));
    }
    CHECK_FALSE(equals_in_constant_time(std::string_view{"\0", 1}, ""));
}
