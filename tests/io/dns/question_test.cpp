// SPDX-License-Identifier: Apache-2.0
#include "../src/io/dns/letter_case.hpp"
#include "../src/io/dns/question.hpp"
#include "../src/io/dnsbl/question_quota.hpp"

#include "support/catch.hpp"

#include <cctype>
#include <string>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using io::question_match;

namespace {

std::vector<std::uint8_t> sent(const io::dns_question& question, std::uint32_t letters)
{
    std::vector<std::uint8_t> out;
    io::append_question(question.message, 0x1234, letters, out);
    return out;
}

std::vector<std::uint8_t> answer_to(std::vector<std::uint8_t> question)
{
    question[2] |= 0x80;
    return question;
}

} // namespace

TEST_CASE("dns question: only letters of the name change, each by its bit", "[dns]")
{
    const auto question = io::make_question("2.0.0.127.zen-1.test", dns::record_type::a);
    REQUIRE(question.reason.empty());
    const auto plain = sent(question, 0);
    const auto mixed = sent(question, 0b1000101);
    REQUIRE(plain.size() == mixed.size());
    CHECK((plain[0] == 0x12 && plain[1] == 0x34));
    std::string name;
    for (std::size_t i = 13; i < mixed.size() - 5; ++i)
        name += static_cast<char>(mixed[i] < 10 ? '.' : mixed[i]);
    CHECK(name == "2.0.0.127.ZeN-1.tesT");
    CHECK(io::raised_letters(question.message, 0b1000101) == 3);
}

TEST_CASE("dns question: an answer is ours by all octets, and by the case of letters", "[dns]")
{
    const auto question = io::make_question("2.0.0.127.zen.test", dns::record_type::a);
    const std::uint32_t letters = 0b0101101;
    const auto right = answer_to(sent(question, letters));
    CHECK((io::match_question(question.message, letters, right) == question_match::exact));
    CHECK((io::match_question(question.message, ~letters, right) == question_match::other_case));
    // Any single octet of the question that is wrong.
    for (std::size_t at = 12; at < right.size(); ++at) {
        auto wrong = right;
        wrong[at] ^= 0x20;
        const bool is_letter = std::isalpha(right[at]) != 0 && at < right.size() - 5;
        const auto want = is_letter ? question_match::other_case : question_match::none;
        CAPTURE(at);
        CHECK((io::match_question(question.message, letters, wrong) == want));
        wrong[at] = right[at] ^ 0x01;
        CHECK((io::match_question(question.message, letters, wrong) == question_match::none));
    }
    // Cut off anywhere, and what is no answer at all.
    for (std::size_t size = 0; size < right.size(); ++size)
        CHECK((io::match_question(question.message, letters, {right.data(), size}) ==
               question_match::none));
    CHECK((io::match_question(question.message, letters, sent(question, letters)) ==
           question_match::none));
}

TEST_CASE("dns question: an error need not repeat the question", "[dns]")
{
    const auto question = io::make_question("a.test", dns::record_type::a);
    std::vector<std::uint8_t> refused{0x12, 0x34, 0x80, 0x05, 0, 0, 0, 0, 0, 0, 0, 0};
    CHECK((io::match_question(question.message, 0, refused) == question_match::not_repeated));
    refused[3] = 0x03; // that a name does not exist is an answer, and must say which
    CHECK((io::match_question(question.message, 0, refused) == question_match::none));
}

TEST_CASE("dns question: names that cannot be asked say why", "[dns]")
{
    const std::string long_label(64, 'a');
    CHECK_FALSE(io::make_question(long_label, dns::record_type::a).reason.empty());
    std::string long_name{"test"};
    for (int i = 0; i < 60; ++i)
        long_name.insert(0, "abcde.");
    CHECK_FALSE(io::make_question(long_name, dns::record_type::a).reason.empty());
}

TEST_CASE("letter case: a server that never keeps it is asked without", "[dns]")
{
    io::letter_case letters;
    CHECK(letters.is_used());
    CHECK(letters.on_other_case());
    CHECK_FALSE(letters.is_used());
}

TEST_CASE("letter case: from a server that keeps it, other letters are forged", "[dns]")
{
    io::letter_case letters;
    for (int i = 0; i < 10; ++i)
        letters.on_exact(8);
    for (int i = 0; i < 1000; ++i) {
        CHECK_FALSE(letters.on_other_case());
        if (i % 20 == 19) letters.on_exact(8);
    }
    CHECK(letters.is_used());
}

TEST_CASE("letter case: a server that is replaced by one that does not keep it is believed again",
          "[dns]")
{
    io::letter_case letters;
    for (int i = 0; i < 10; ++i)
        letters.on_exact(8);
    int refused = 0;
    while (!letters.on_other_case())
        REQUIRE(++refused < 100);
    CHECK(refused >= 49);
    CHECK_FALSE(letters.is_used());
}

TEST_CASE("question quota: in no window of its length there are more", "[dnsbl]")
{
    io::question_quota quota;
    const budget allowed{100, 1min};
    tick now = tick{} + 10h;
    std::vector<tick> taken;
    for (int step = 0; step < 4000; ++step) {
        now += 100ms * (step % 7);
        for (int i = 0; i < step % 5; ++i)
            if (quota.take(allowed, now)) taken.push_back(now);
    }
    REQUIRE(taken.size() > 1000);
    // What it reckons of the window before is a mean, so a little more may pass than it says.
    for (std::size_t i = 0; i + 115 < taken.size(); ++i)
        CHECK((taken[i + 115] - taken[i] > 1min - 1ms));
}

TEST_CASE("question quota: what is used up is free again later", "[dnsbl]")
{
    io::question_quota quota;
    const budget allowed{10, 1s};
    tick now = tick{} + 10h;
    int taken = 0;
    for (int i = 0; i < 1000; ++i)
        taken += quota.take(allowed, now) ? 1 : 0;
    CHECK(taken == 10);
    CHECK(quota.used() >= 10);
    CHECK(quota.take(allowed, now + 2s));
}
