// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/client_tops.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string>

using namespace fendmail;
using namespace fendmail::app;
using screen::verdict;

namespace {

void end_session(client_tops& tops, std::string_view client, verdict what,
                 std::string_view lists = "")
{
    event::session_ended ended;
    ended.client = {*parse_address(client), 4711};
    ended.verdict = what;
    ended.dnsbl_lists = lists;
    tops.on(ended);
}

list_hits hits_of(const client_tops& tops, std::string_view list)
{
    const auto all = tops.lists();
    const auto found = std::ranges::find(all, list, &list_hits::list);
    return found == all.end() ? list_hits{} : *found;
}

} // namespace

TEST_CASE("tops: clients and networks with the most sessions come first", "[observe]")
{
    client_tops tops;
    for (int i = 0; i < 3; ++i)
        end_session(tops, "192.0.2.1", verdict::rejected);
    end_session(tops, "192.0.2.2", verdict::pass_new);
    end_session(tops, "192.0.2.2", verdict::pass_old);
    end_session(tops, "2001:db8:0:1::1", verdict::dropped);
    const auto clients = tops.top(client_tops::by::client, 2);
    REQUIRE(clients.size() == 2);
    CHECK(clients[0].name == "192.0.2.1");
    CHECK(clients[0].sessions == 3);
    CHECK(clients[0].turned_away == 3);
    CHECK(clients[1].name == "192.0.2.2");
    CHECK(clients[1].turned_away == 0);
    const auto networks = tops.top(client_tops::by::network, 10);
    REQUIRE(networks.size() == 2);
    CHECK(networks[0].name == "192.0.2.0/24");
    CHECK(networks[0].sessions == 5);
    CHECK(networks[1].name == "2001:db8::/48");
}

TEST_CASE("tops: whoever makes a large part is there, whatever others do", "[observe]")
{
    client_tops tops;
    for (unsigned i = 0; i < 20'000; ++i) {
        end_session(tops, fmt::format("10.{}.{}.{}", i >> 16 & 255, i >> 8 & 255, i & 255),
                    verdict::left);
        if (i % 50 == 0) end_session(tops, "192.0.2.1", verdict::rejected);
    }
    const auto clients = tops.top(client_tops::by::client, 1);
    REQUIRE(clients.size() == 1);
    CHECK(clients[0].name == "192.0.2.1");
    CHECK(clients[0].sessions >= 400);
    CHECK(clients[0].sessions <= 400 + 20'400 / 512 + 1);
}

TEST_CASE("tops: of a list it is known whom it named, and who of them passed", "[observe]")
{
    client_tops tops;
    end_session(tops, "192.0.2.1", verdict::rejected, "a.test:127.0.0.2*3,b.test:127.0.0.4*1");
    end_session(tops, "192.0.2.2", verdict::pass_new, "b.test:127.0.0.4*1");
    end_session(tops, "192.0.2.3", verdict::left, "a.test:127.0.0.2*3,a.test:127.0.0.3*1,+2");
    CHECK(hits_of(tops, "a.test").hits == 2);
    CHECK(hits_of(tops, "a.test").turned_away == 1);
    CHECK(hits_of(tops, "a.test").passed == 0);
    CHECK(hits_of(tops, "b.test").passed == 1);
    CHECK(hits_of(tops, "b.test").later_passed == 0);
}

TEST_CASE("tops: a client that was turned away and passes later counts once, for each of its lists",
          "[observe]")
{
    client_tops tops;
    end_session(tops, "192.0.2.1", verdict::rejected, "a.test:127.0.0.2*3");
    end_session(tops, "192.0.2.1", verdict::dropped, "b.test:127.0.0.2*3");
    end_session(tops, "192.0.2.2", verdict::pass_new);
    end_session(tops, "192.0.2.1", verdict::pass_new);
    end_session(tops, "192.0.2.1", verdict::pass_old);
    CHECK(hits_of(tops, "a.test").later_passed == 1);
    CHECK(hits_of(tops, "b.test").later_passed == 1);
    // Again refused, again let in.
    end_session(tops, "192.0.2.1", verdict::rejected, "a.test:127.0.0.2*3");
    end_session(tops, "192.0.2.1", verdict::allowlisted);
    CHECK(hits_of(tops, "a.test").later_passed == 2);
    CHECK(hits_of(tops, "b.test").later_passed == 1);
}

TEST_CASE("tops: memory is bounded, by clients and by names of lists", "[observe]")
{
    client_tops tops;
    for (unsigned i = 0; i < 10'000; ++i)
        end_session(tops, fmt::format("10.1.{}.{}", i >> 8 & 255, i & 255), verdict::rejected,
                    fmt::format("list{}.test:127.0.0.2*3", i % 100));
    CHECK(tops.lists().size() == 64);
    CHECK(tops.top(client_tops::by::client, 100'000).size() == 512);
    // The first ones that were turned away are forgotten.
    end_session(tops, "10.1.0.0", verdict::pass_new);
    CHECK(hits_of(tops, "list0.test").later_passed == 0);
}
