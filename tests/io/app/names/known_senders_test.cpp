// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/known_senders.hpp"

#include "fendmail/core/spf/sender_file.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/whole_file.hpp"
#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/event_recorder.hpp"
#include "support/run_until.hpp"
#include "support/spf_records.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using app::known_senders;
using test::dns_reply;
using test::dns_server;
using test::put_spf;
using test::run_until;
using test_support::event_recorder;
using list = std::vector<std::string>;
namespace fs = std::filesystem;

namespace {

struct fixture {
    dns_server server;
    boost::asio::io_context context;
    event_recorder events;
    test_support::temp_dir dir;
    fs::path file = dir.file("known-senders.cidr");
    known_senders::set current;
    int published = 0;
    std::optional<known_senders> one;

    void start(const list& domains, app::known_senders_options options = {})
    {
        one.emplace(context, events, file, [this](known_senders::set fresh) {
            current = std::move(fresh);
            ++published;
        });
        configure(domains, std::move(options));
    }
    void configure(const list& domains, app::known_senders_options options = {})
    {
        options.domains = domains;
        one->configure(options, {server.address()});
    }
    /// Until so many lookups have ended, well or not.
    void wait_for_results(std::size_t count)
    {
        REQUIRE(run_until(context, [this, count] {
            return events.count<event::sender_refreshed>() +
                       events.count<event::sender_not_refreshed>() >=
                   count;
        }));
    }
    [[nodiscard]] std::string sender_of(const char* address) const
    {
        if (!current) return "no set";
        return std::string{current->find(*parse_address(address)).value_or("nobody")};
    }
    [[nodiscard]] spf::sender_file file_content() const
    {
        const auto read = io::read_whole_file(file);
        REQUIRE(read.text);
        return spf::parse_sender_file(*read.text);
    }
    void write_file(const std::vector<spf::known_sender>& senders) const
    {
        REQUIRE_FALSE(io::replace_file(file, spf::write_sender_file(senders)));
    }
};

spf::known_sender kept(const char* domain, seconds age, const char* net)
{
    return {domain, io::wall_now() - age, {*parse_network(net)}};
}

} // namespace

TEST_CASE("known senders: are looked up at the start, published, and written", "[spf]")
{
    fixture f;
    test::put_google(f.server);
    put_spf(f.server, "outlook.com", "ip4:10.1.0.0/16 -all");
    f.start({"gmail.com", "outlook.com"});
    CHECK(f.sender_of("192.0.2.1") == "nobody");
    f.wait_for_results(2);
    CHECK(f.sender_of("192.0.2.1") == "gmail.com");
    CHECK(f.sender_of("2001:db8:4fff::1") == "gmail.com");
    CHECK(f.sender_of("10.1.2.3") == "outlook.com");
    CHECK(f.sender_of("10.2.2.3") == "nobody");
    const auto content = f.file_content();
    CHECK(content.bad_line == 0);
    REQUIRE(content.senders.size() == 2);
    CHECK(content.senders[0].domain == "gmail.com");
    CHECK(content.senders[0].networks.size() == 4);
    CHECK(io::wall_now() - content.senders[0].refreshed_at < 60s);
    CHECK(f.events.count<event::caution>() == 0);
}

TEST_CASE("known senders: without any, nothing is asked, read or written", "[spf]")
{
    fixture f;
    f.write_file({kept("gmail.com", 1h, "192.0.2.0/24")});
    const auto before = io::read_whole_file(f.file).text;
    f.start({});
    for (int i = 0; i < 10; ++i)
        f.context.poll();
    f.one->stop();
    CHECK(f.published == 0);
    CHECK(f.server.queries() == 0);
    CHECK(f.events.count() == 0);
    CHECK(io::read_whole_file(f.file).text == before);
}

TEST_CASE("known senders: what was kept is there before DNS is asked, and stays when DNS fails",
          "[spf]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::servfail(); });
    f.write_file({kept("gmail.com", 3h, "192.0.2.0/24"), kept("gone.test", 3h, "10.0.0.0/8")});
    f.start({"outlook.com", "gmail.com"});
    CHECK(f.sender_of("192.0.2.1") == "gmail.com");
    CHECK(f.sender_of("10.0.0.1") == "nobody"); // no longer configured
    const auto loaded = f.events.all<event::sender_loaded>();
    REQUIRE(loaded.size() == 1);
    CHECK(loaded.front().texts == list{"gmail.com"});
    CHECK(loaded.front().counts.at(0) == 1);
    CHECK(loaded.front().counts.at(1) / 60 == 180);
    f.wait_for_results(2);
    CHECK(f.sender_of("192.0.2.1") == "gmail.com");
    const auto failed = f.events.all<event::sender_not_refreshed>();
    REQUIRE(failed.size() == 2);
    CHECK(failed[0].texts == list{"outlook.com", "TXT of outlook.com: SERVFAIL"});
    CHECK(failed[0].counts == std::vector<std::size_t>{0, 0});
    CHECK(failed[1].texts == list{"gmail.com", "TXT of gmail.com: SERVFAIL"});
    CHECK(failed[1].counts.at(0) == 1);
    CHECK(f.events.count<event::sender_outdated>() == 0);
    f.one->stop();
    CHECK(f.file_content().senders.size() == 2); // nothing new to write
}

TEST_CASE("known senders: a record that has become wrong, or is gone, takes nothing away", "[spf]")
{
    for (const char* terms : {"include:a.test -all", "ip4:300.0.0.1 -all", "mx mx mx mx -all"}) {
        fixture f;
        put_spf(f.server, "a.test", "ip4:192.0.2.0/24 -all");
        f.start({"a.test"});
        f.wait_for_results(1);
        put_spf(f.server, "a.test", terms);
        f.configure({"a.test"});
        f.wait_for_results(2);
        CHECK(f.events.count<event::sender_not_refreshed>() == 1);
        CHECK(f.sender_of("192.0.2.1") == "a.test");
        f.server.on("TXT", "a.test", dns_reply::nxdomain(60s, 60s));
        f.configure({"a.test"});
        f.wait_for_results(3);
        CHECK(f.sender_of("192.0.2.1") == "a.test");
        CHECK(f.events.last<event::sender_not_refreshed>().texts ==
              list{"a.test", "a.test has no SPF record"});
    }
}

TEST_CASE("known senders: the set follows the record and the configuration", "[spf]")
{
    fixture f;
    put_spf(f.server, "a.test", "ip4:192.0.2.0/24 -all");
    put_spf(f.server, "b.test", "ip4:198.51.100.0/24 -all");
    f.start({"a.test"});
    f.wait_for_results(1);
    put_spf(f.server, "a.test", "ip4:203.0.113.0/24 -all");
    f.configure({"a.test", "b.test"});
    CHECK(f.sender_of("192.0.2.1") == "a.test"); // until the answers are there
    f.wait_for_results(3);
    CHECK(f.sender_of("192.0.2.1") == "nobody");
    CHECK(f.sender_of("203.0.113.1") == "a.test");
    CHECK(f.sender_of("198.51.100.1") == "b.test");
    f.configure({"b.test"});
    CHECK(f.sender_of("203.0.113.1") == "nobody");
    CHECK(f.sender_of("198.51.100.1") == "b.test");
    f.wait_for_results(4);
    CHECK(f.file_content().senders.size() == 1);
    f.configure({});
    CHECK_FALSE(f.current);
    f.one->stop();
    CHECK(f.file_content().senders.empty());
}

TEST_CASE("known senders: an unchanged record publishes nothing and makes the set young again",
          "[spf]")
{
    fixture f;
    f.write_file({kept("a.test", 24h * 100, "192.0.2.0/24")});
    put_spf(f.server, "a.test", "ip4:192.0.2.0/24 -all");
    f.start({"a.test"});
    CHECK(f.published == 1);
    REQUIRE(f.events.count<event::sender_outdated>() == 1);
    CHECK(f.events.last<event::sender_outdated>().counts.at(1) >= 100 * 86400);
    f.wait_for_results(1);
    CHECK(f.published == 1);
    CHECK(f.events.last<event::sender_refreshed>().counts == std::vector<std::size_t>{1, 0});
    CHECK(io::wall_now() - f.file_content().senders.front().refreshed_at < 60s);
}

TEST_CASE("known senders: an old age is told once a day, not at every failure", "[spf]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::refused(); });
    f.write_file({kept("a.test", 24h * 15, "192.0.2.0/24")});
    f.start({"a.test"});
    for (std::size_t i = 1; i < 4; ++i) {
        f.wait_for_results(i);
        f.configure({"a.test"});
    }
    CHECK(f.events.count<event::sender_outdated>() == 1);
    CHECK(f.sender_of("192.0.2.1") == "a.test");
}

TEST_CASE("known senders: what is not expanded is told once, and again when it changes", "[spf]")
{
    fixture f;
    put_spf(f.server, "a.test", "ip4:192.0.2.0/24 exists:%{i}.x.test -all");
    f.start({"a.test"});
    f.wait_for_results(1);
    f.configure({"a.test"});
    f.wait_for_results(2);
    REQUIRE(f.events.count<event::sender_partial>() == 1);
    CHECK(f.events.last<event::sender_partial>().texts ==
          list{"a.test", "\"exists:%{i}.x.test\" of a.test is not expanded"});
    put_spf(f.server, "a.test", "ip4:192.0.2.0/24 ptr +all");
    f.configure({"a.test"});
    f.wait_for_results(3);
    REQUIRE(f.events.count<event::sender_partial>() == 2);
    CHECK(f.events.last<event::sender_partial>().texts ==
          list{"a.test", "\"ptr\" of a.test is not expanded; \"+all\" of a.test would permit "
                         "everybody"});
    CHECK(f.sender_of("8.8.8.8") == "nobody");
}

TEST_CASE("known senders: a damaged file is told and then replaced", "[spf]")
{
    fixture f;
    put_spf(f.server, "a.test", "ip4:192.0.2.0/24 -all");
    f.write_file({kept("a.test", 1h, "10.0.0.0/8")});
    auto text = *io::read_whole_file(f.file).text;
    REQUIRE_FALSE(io::replace_file(f.file, text.substr(0, text.size() / 2)));
    f.start({"a.test"});
    CHECK(f.sender_of("10.0.0.1") == "nobody");
    REQUIRE(f.events.count<event::caution>() == 1);
    CHECK(f.events.last<event::caution>().texts.front().find("are damaged at line ") !=
          std::string::npos);
    f.wait_for_results(1);
    CHECK(f.sender_of("192.0.2.1") == "a.test");
    CHECK(f.file_content().senders.size() == 1);
}

TEST_CASE("known senders: where nothing can be written they work all the same, told once", "[spf]")
{
    fixture f;
    f.file = f.dir.path() / "none" / "known-senders.cidr";
    put_spf(f.server, "a.test", "ip4:192.0.2.0/24 -all");
    f.start({"a.test"});
    f.wait_for_results(1);
    f.configure({"a.test"});
    f.wait_for_results(2);
    CHECK(f.sender_of("192.0.2.1") == "a.test");
    REQUIRE(f.events.count<event::caution>() == 1);
    CHECK(f.events.last<event::caution>().texts.front().starts_with(
        "cannot write the known senders to "));
}

TEST_CASE("known senders: a stop in the middle of a lookup leaves nothing running", "[spf]")
{
    fixture f;
    put_spf(f.server, "a.test", "ip4:192.0.2.0/24 -all");
    f.server.on("TXT", "b.test", dns_reply::txt({"v=spf1 -all"}, 60s).held());
    f.start({"a.test", "b.test"});
    f.wait_for_results(1);
    REQUIRE(run_until(f.context, [&f] { return f.server.queries("b.test") == 1; }));
    f.one->stop();
    CHECK(f.file_content().senders.size() == 1);
    f.context.restart();
    f.context.run_for(20s); // returns at once: there is no work left
    CHECK(f.context.stopped());
    CHECK(f.events.count<event::sender_not_refreshed>() == 0);
}
