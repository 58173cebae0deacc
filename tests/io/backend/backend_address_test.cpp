// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/backend_address.hpp"
#include "support/catch.hpp"

#include <thread>

using namespace fendmail;
using fendmail::io::backend_address;

namespace {

const endpoint a = *parse_endpoint("192.0.2.1:25");
const endpoint b = *parse_endpoint("192.0.2.2:25");
const endpoint c = *parse_endpoint("192.0.2.3:25");
using list = backend_address::endpoints;

} // namespace

TEST_CASE("backend address: the one that answered last goes first", "[io]")
{
    backend_address where{{a, b, c}};
    CHECK(where.in_turn() == list{a, b, c});
    where.note_answer(b);
    CHECK(where.in_turn() == list{b, c, a});
    CHECK(*where.now() == list{a, b, c});
    where.note_answer(*parse_endpoint("192.0.2.9:25")); // of before a change
    CHECK(where.in_turn() == list{b, c, a});
}

TEST_CASE("backend address: a change keeps the one that answered, if it is still there", "[io]")
{
    backend_address where{{a, b}};
    where.set({b, a}); // none has answered yet
    CHECK(where.in_turn() == list{b, a});
    where.note_answer(b);
    where.set({c, b, a});
    CHECK(where.in_turn() == list{b, a, c});
    where.set({c, a});
    CHECK(where.in_turn() == list{c, a});
    where.set({});
    CHECK(where.in_turn().empty());
    CHECK(where.now()->empty());
    where.set({a});
    CHECK(where.in_turn() == list{a});
}

TEST_CASE("backend address: each object has its own, however many there are", "[io]")
{
    std::vector<std::unique_ptr<backend_address>> many;
    for (std::uint16_t port = 1; port <= 40; ++port)
        many.push_back(std::make_unique<backend_address>(list{{a.address, port}}));
    for (int round = 0; round < 2; ++round)
        for (std::uint16_t port = 1; port <= 40; ++port)
            CHECK(many[port - 1U]->in_turn() == list{{a.address, port}});
}

TEST_CASE("backend address: threads see a change, and what another has found out", "[io]")
{
    backend_address where{{a, b}};
    CHECK(where.in_turn() == list{a, b});
    std::thread{[&] {
        CHECK(where.in_turn() == list{a, b});
        where.note_answer(b);
    }}.join();
    CHECK(where.in_turn() == list{b, a});
    std::thread{[&] { where.set({c, a}); }}.join();
    CHECK(where.in_turn() == list{c, a});
}

TEST_CASE("backend address: many threads read while one changes it", "[io]")
{
    backend_address where{{a, b}};
    std::atomic<bool> is_done{false};
    std::atomic<int> torn{0};
    std::vector<std::thread> readers;
    for (int n = 0; n < 3; ++n)
        readers.emplace_back([&] {
            while (!is_done.load()) {
                const auto seen = where.in_turn();
                const bool is_whole = seen == list{a, b} || seen == list{b, a} ||
                                      seen == list{b, c} || seen == list{c, b};
                if (!is_whole) torn.fetch_add(1);
                where.note_answer(seen.back());
            }
        });
    for (int turn = 0; turn < 2000; ++turn)
        where.set(turn % 2 == 0 ? list{b, c} : list{a, b});
    is_done.store(true);
    for (auto& reader : readers)
        reader.join();
    CHECK(torn.load() == 0);
}
