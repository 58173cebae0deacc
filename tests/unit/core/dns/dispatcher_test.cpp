// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/dispatcher.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using dns::answer_kind;
using dns::dispatcher;
using dns::group_kind;

namespace {

struct fixture {
    explicit fixture(std::size_t servers = 1, dns::dispatch_limits limits = {})
        : asked{limits, servers, 1}
        , list{asked.add_group(group_kind::list)}
    {
    }
    dns::question_id ask(dns::urgency how = dns::urgency::normal, tick_span within = 10s)
    {
        return asked.ask({.group = list, .how = how, .deadline = now + within}, now);
    }
    /// What is sent and over by now.
    const dns::due_work& run()
    {
        due.clear();
        asked.run(now, due);
        return due;
    }
    /// Runs at each wake until `end`. @return all that was sent
    std::vector<dns::send> run_until(tick end)
    {
        std::vector<dns::send> all;
        while (now < end) {
            for (const auto& one : run().sends)
                all.push_back(one);
            over.insert(over.end(), due.over.begin(), due.over.end());
            now = std::min(end, std::max(now + 1ms, asked.next_wake()));
        }
        return all;
    }

    dispatcher asked;
    dns::group_index list;
    tick now = tick{} + 1h;
    dns::due_work due;
    std::vector<dns::ended> over;
};

} // namespace

TEST_CASE("dispatcher: an answer to any try counts, and only once", "[dns]")
{
    // Every order in which the answers to three tries may come.
    std::array<std::size_t, 3> order{0, 1, 2};
    do {
        fixture f;
        const auto question = f.ask();
        const auto tries = f.run_until(f.now + 1500ms);
        REQUIRE(tries.size() >= 3);
        int over = 0;
        for (const auto i : order)
            over += f.asked.on_answer(tries[i].attempt, answer_kind::useful, f.now) == question;
        CHECK(over == 1);
        CHECK(f.asked.questions() == 0);
        CHECK(f.run().over.empty());
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("dispatcher: a question without an answer ends at its deadline", "[dns]")
{
    fixture f;
    const auto other = f.asked.add_group(group_kind::list);
    const auto question = f.ask(dns::urgency::normal, 900ms);
    // The server answers another question, or it would be gone.
    const tick begun = f.now;
    while (f.over.empty()) {
        (void)f.asked.ask({.group = other, .deadline = f.now + 1s}, f.now);
        for (const auto& one : f.run().sends)
            if (one.question != question)
                (void)f.asked.on_answer(one.attempt, answer_kind::useful, f.now);
        f.over = f.due.over;
        f.now += 10ms;
        REQUIRE(f.now < begun + 5s);
    }
    CHECK(f.over.front().question == question);
    CHECK((f.over.front().why == dns::end_reason::timeout));
    CHECK(f.over.front().was_sent);
    CHECK((f.now - begun < 1s));
}

TEST_CASE("dispatcher: what leaves the queue is never sent", "[dns]")
{
    fixture f;
    std::vector<dns::question_id> questions;
    for (int i = 0; i < 100; ++i)
        questions.push_back(f.ask());
    const auto first = f.run().sends;
    REQUIRE(first.size() == 16); // the window
    for (const auto question : questions)
        if (!f.asked.was_sent(question)) f.asked.drop(question);
    CHECK(f.asked.questions() == 16);
    for (const auto& one : first)
        (void)f.asked.on_answer(one.attempt, answer_kind::useful, f.now);
    CHECK(f.run().sends.empty());
}

TEST_CASE("dispatcher: a question that is dropped is not sent again, and its answer does no harm",
          "[dns]")
{
    fixture f;
    const auto question = f.ask();
    const auto sent = f.run().sends;
    REQUIRE(sent.size() == 1);
    f.asked.drop(question);
    const auto next = f.ask(); // takes its place in the table
    CHECK_FALSE(f.asked.has(question));
    CHECK_FALSE(f.asked.on_answer(sent.front().attempt, answer_kind::useful, f.now));
    CHECK(f.asked.has(next));
}

TEST_CASE("dispatcher: tests go first, whatever the window says", "[dns]")
{
    fixture f;
    for (int i = 0; i < 100; ++i)
        (void)f.ask();
    (void)f.run();
    const auto test = f.ask(dns::urgency::first);
    const auto& due = f.run();
    REQUIRE(due.sends.size() == 1);
    CHECK(due.sends.front().question == test);
}

TEST_CASE("dispatcher: what decides nothing waits for all that does", "[dns]")
{
    fixture f;
    const auto idle = f.ask(dns::urgency::last);
    for (int i = 0; i < 16; ++i)
        (void)f.ask();
    const auto& due = f.run();
    CHECK(std::ranges::none_of(due.sends, [&](const auto& s) { return s.question == idle; }));
}

TEST_CASE("dispatcher: an answer of no use sends the question to each other server once", "[dns]")
{
    fixture f{3};
    const auto question = f.ask();
    std::vector<dns::server_index> seen;
    for (int i = 0; i < 3; ++i) {
        const auto sent = f.run().sends;
        REQUIRE(sent.size() == 1);
        seen.push_back(sent.front().server);
        const auto over = f.asked.on_answer(sent.front().attempt, answer_kind::no_use, f.now);
        CHECK((over == question) == (i == 2));
    }
    std::ranges::sort(seen);
    CHECK(seen == std::vector<dns::server_index>{0, 1, 2});
}

TEST_CASE("dispatcher: a try that takes longer than most goes to another server too, but rarely",
          "[dns]")
{
    fixture f{2};
    // Both are known to answer within 20 ms.
    int hedged = 0;
    for (int i = 0; i < 400; ++i) {
        const auto question = f.ask();
        const auto sent = f.run().sends;
        REQUIRE(!sent.empty());
        f.now += 20ms;
        if (i % 2 == 1) { // late
            f.now += 25ms;
            hedged += static_cast<int>(f.run().sends.size());
        }
        (void)f.asked.on_answer(sent.front().attempt, answer_kind::useful, f.now);
        (void)question;
    }
    CHECK(hedged >= 5);
    CHECK(hedged <= 400 / 20 + 10); // one in twenty, and what was saved up
}

TEST_CASE("dispatcher: where nobody listens, the question goes on elsewhere at once", "[dns]")
{
    fixture f{2};
    const auto question = f.ask();
    const auto first = f.run().sends;
    REQUIRE(first.size() == 1);
    f.asked.on_refused(first.front().server, f.now);
    const auto next = f.run().sends;
    const auto again = std::ranges::find(next, question, &dns::send::question);
    REQUIRE(again != next.end()); // beside a probe of the one that is not there
    CHECK(again->server != first.front().server);
}

TEST_CASE("dispatcher: where nobody listens anywhere, it is not asked to and fro", "[dns]")
{
    fixture f{2};
    (void)f.ask();
    std::size_t sent = 0;
    const tick end = f.now + 900ms;
    while (f.now < end) {
        const auto sends = f.run().sends;
        sent += sends.size();
        for (const auto& one : sends)
            f.asked.on_refused(one.server, f.now);
        f.now += 1ms;
    }
    CHECK(sent < 20);
    CHECK(f.asked.questions() == 1); // they may only be starting
}

TEST_CASE("dispatcher: a thousand questions that come and go leave nothing behind", "[dns]")
{
    fixture f{2};
    std::uint32_t random = 1;
    std::vector<dns::question_id> questions;
    std::vector<dns::send> sent;
    for (int step = 0; step < 20'000; ++step) {
        random = random * 1664525 + 1013904223;
        switch (random >> 28) {
        case 0:
        case 1:
        case 2:
        case 3: questions.push_back(f.ask(static_cast<dns::urgency>(random >> 20 & 1))); break;
        case 4:
            if (!questions.empty()) f.asked.drop(questions[random % questions.size()]);
            break;
        case 5:
        case 6:
        case 7:
        case 8:
            if (!sent.empty())
                (void)f.asked.on_answer(sent[random % sent.size()].attempt,
                                        random & 64 ? answer_kind::useful : answer_kind::no_use,
                                        f.now);
            break;
        case 9: f.asked.on_refused(random & 1, f.now); break;
        default:
            f.now += milliseconds{random >> 16 & 63};
            for (const auto& one : f.run().sends)
                sent.push_back(one);
            break;
        }
    }
    (void)f.run_until(f.now + 30s);
    CHECK(f.asked.questions() == 0);
    CHECK(f.asked.flow_of(0, f.list).in_flight == 0);
    CHECK(f.asked.flow_of(1, f.list).in_flight == 0);
}

TEST_CASE("dispatcher: with other servers all that is not answered is asked anew", "[dns]")
{
    fixture f;
    const auto sent = f.ask();
    const auto first = f.run_until(f.now + 1ms);
    REQUIRE(first.size() == 1);
    const auto waiting = f.ask();
    f.asked.replace_servers(2);
    CHECK(f.asked.was_sent(sent));
    CHECK_FALSE(f.asked.was_sent(waiting));
    CHECK_FALSE(f.asked.is_live(first[0].attempt));
    CHECK_FALSE(f.asked.on_answer(first[0].attempt, answer_kind::useful, f.now));
    const auto again = f.run().sends;
    REQUIRE(again.size() == 2);
    for (const auto& one : again)
        CHECK((one.question == sent || one.question == waiting));
    CHECK((f.asked.on_answer(again[0].attempt, answer_kind::useful, f.now) == again[0].question));
    CHECK(f.asked.questions() == 1);
    f.run_until(f.now + 11s);
    CHECK(f.asked.questions() == 0);
}

TEST_CASE("dispatcher: that all servers were gone says nothing about others", "[dns]")
{
    fixture f;
    f.ask();
    f.run_until(f.now + 30s);
    REQUIRE(f.asked.is_unreachable());
    f.asked.replace_servers(1);
    CHECK_FALSE(f.asked.is_unreachable());
    f.over.clear();
    const auto question = f.ask();
    const auto sends = f.run_until(f.now + 5ms);
    REQUIRE(sends.size() == 1);
    CHECK((f.asked.on_answer(sends[0].attempt, answer_kind::useful, f.now) == question));
    CHECK(f.over.empty());
}

TEST_CASE("dispatcher: a list counts as silent only after a second without any answer", "[dns]")
{
    const bool answers_now_and_then = GENERATE(true, false);
    fixture f;
    const auto other = f.asked.add_group(group_kind::list);
    (void)f.ask();
    (void)f.asked.on_answer(f.run().sends.front().attempt, answer_kind::useful, f.now);
    const tick begun = f.now;
    std::size_t lost = 0;
    tick answered = f.now;
    for (int i = 0; i < 400; ++i)
        (void)f.ask(dns::urgency::normal, 20s);
    while (f.now < begun + 4s) {
        // The server is there, and answers about the other list.
        (void)f.asked.ask({.group = other, .deadline = f.now + 1s}, f.now);
        for (const auto& one : f.run().sends) {
            const bool is_other = f.asked.group_of(one.attempt) == other;
            const bool is_due = answers_now_and_then && f.now - answered > 700ms;
            if (!is_other && !is_due) {
                ++lost;
                continue;
            }
            if (!is_other) answered = f.now;
            (void)f.asked.on_answer(one.attempt, answer_kind::useful, f.now);
        }
        const auto quiet = f.now - answered;
        if (f.now - begun > 10ms && quiet < 990ms) CHECK(f.asked.is_backlogged(f.list));
        f.now += 5ms;
    }
    CHECK(lost > 50);
    CHECK(f.asked.is_backlogged(f.list) == answers_now_and_then);
}
