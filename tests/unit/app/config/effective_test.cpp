// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/effective.hpp"

#include "fendmail/app/config/keys.hpp"
#include "files.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace fendmail::app;
using namespace fendmail::app::test_files;
using fendmail::io::variable_map;
using lines = std::vector<std::string>;

namespace {

effective_key find(const loaded& from, std::string_view path)
{
    const auto found = std::ranges::find(from.keys, path, &effective_key::path);
    REQUIRE(found != from.keys.end());
    return *found;
}

/// What is set, "path = value".
lines set_in(const loaded& from)
{
    lines out;
    for (const effective_key& k : from.keys)
        if (k.is_set) out.push_back(k.path() + " = " + k.value);
    return out;
}

constexpr const char* many = R"([server]
listen = ["127.0.0.1:25"]
[[backend]]
name = "mta1"
address = "192.0.2.1:25"
connect_timeout = "1500ms"
[greet]
wait = "90s"
banner = 'say "x" \o/'
[dialog]
line_limit = "4KiB"
helo_required = true
[dnsbl]
sites = ["a.example=127.0.0.[2..11]*3", "b.example"]
zone_timeouts = { "b.example" = "3s" }
[dnsbl.list."c.example"]
weight = 2
[[tls.certificate]]
names = ["mx.example"]
)";

} // namespace

TEST_CASE("effective: every key has a value, and says where it comes from", "[config]")
{
    const temporary_directory dir;
    const auto main = dir.write("f.toml", "[greet]\nwait = \"3s\"\nttl = \"2d\"\n");
    const auto more = dir.write("conf.d/a.toml", "\n[greet]\n\nwait = \"4s\"\n");
    const auto got = load(main, {{"FENDMAIL_GREET_ACTION", "drop"}});
    REQUIRE(lines_of(got) == lines{});
    CHECK(got.keys.size() == all_keys().size());
    for (const key& k : all_keys())
        CHECK_FALSE(find(got, k.section + "." + k.name).value.empty());
    const auto is = [&](std::string_view path, std::string_view value, const std::string& source) {
        const auto k = find(got, path);
        CHECK(k.value == value);
        CHECK(k.source == source);
        CHECK(k.is_set == (source != "default"));
    };
    is("greet.wait", R"("4s")", more.string() + ":4");
    is("greet.ttl", R"("2d")", main.string() + ":3");
    is("greet.action", R"("drop")", "environment FENDMAIL_GREET_ACTION");
    is("server.listen", find_key("server", "listen")->default_toml, "default");
}

TEST_CASE("effective: what is printed is a configuration with the same values", "[config]")
{
    const auto got = parse(many);
    REQUIRE(lines_of(got) == lines{});
    CHECK(find(got, "backend.name").value == R"("mta1")");
    CHECK(find(got, "backend.address").source == "t.toml:5");
    for (const bool only_set : {false, true}) {
        CAPTURE(only_set);
        const auto text = effective_toml(got.keys, only_set);
        const auto again = parse(text);
        CHECK(lines_of(again) == lines{});
        REQUIRE(again.value);
        CHECK(waiting_for_restart(got.value->startup, again.value->startup).empty());
        // A default that is printed is set in what is read then.
        if (only_set)
            CHECK(set_in(again) == set_in(got));
        else
            CHECK(std::ranges::equal(again.keys, got.keys, {}, &effective_key::value,
                                     &effective_key::value));
    }
    CHECK(effective_toml(parse("[greet]\nwait = \"7s\"\n").keys, true) ==
          "[greet]\nwait = \"7s\"  # t.toml:2\n");
}

TEST_CASE("effective: no key of a list is shown", "[config]")
{
    const temporary_directory dir;
    const auto file = dir.write("key", "s3cret\n");
    const std::string toml = "[dnsbl]\n"
                             "sites = [\"s3cret.zen.dq.spamhaus.net=127.0.0.2*3\", "
                             "\"s3cret.xbl.dq.spamhaus.net\", \"s3cret.own.test\", \"b.test\", "
                             "\"c.test\", \"d.test\", \"${KEY}.e.test\"]\n"
                             "reply_names = { \"s3cret.own.test\" = \"own.test\", "
                             "\"${KEY}.e.test\" = \"e.test\" }\n"
                             "zone_keys = { \"b.test\" = \"s3cret\", \"c.test\" = \"" +
                             file.string() +
                             "\" }\n"
                             "zone_timeouts = { \"S3cret.Own.Test.\" = \"2s\" }\n"
                             "[dnsbl.list.\"d.test\"]\nkey = \"s3cret\"\n"
                             "[dnsbl.list.\"s3cret.sbl.dq.spamhaus.net\"]\nweight = 1\n";
    const auto got = parse(toml, {{"KEY", "s3cret"}});
    REQUIRE(got.value);
    const std::string all = effective_toml(got.keys, false) + effective_json("f", got.keys, false);
    for (const char* secret : {"s3cret", "S3cret"})
        CHECK(all.find(secret) == std::string::npos);
    CHECK(find(got, "dnsbl.sites").value ==
          R"(["redacted.zen.dq.spamhaus.net=127.0.0.2*3", "redacted.xbl.dq.spamhaus.net", )"
          R"("own.test", "b.test", "c.test", "d.test", "${KEY}.e.test"])");
    CHECK(find(got, "dnsbl.reply_names").value ==
          R"({ "own.test" = "own.test", "${KEY}.e.test" = "e.test" })");
    CHECK(find(got, "dnsbl.zone_keys").value ==
          R"({ "b.test" = "redacted", "c.test" = ")" + file.string() + R"(" })");
    CHECK(find(got, "dnsbl.zone_timeouts").value == R"({ "own.test" = "2s" })");
    CHECK(find(got, R"(dnsbl.list."d.test".key)").value == R"("redacted")");
    CHECK(find(got, R"(dnsbl.list."redacted.sbl.dq.spamhaus.net".weight)").value == "1");
}

TEST_CASE("effective: there is nothing of a configuration that cannot be used", "[config]")
{
    CHECK(parse("[greet]\nwait = 1\n").keys.empty());
}

TEST_CASE("effective: as JSON it is one object", "[config]")
{
    CHECK(effective_json("/etc/f.toml", parse("[log]\nident = \"a\\\"b\"\n").keys, true) ==
          R"({"path":"/etc/f.toml","keys":[{"key":"log.ident","value":"\"a\\\"b\"",)"
          R"("source":"t.toml:2"}]})");
}
