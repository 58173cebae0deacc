// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/dialog_terms.hpp"
#include "fendmail/core/screen/screener.hpp"
#include "fendmail/core/smtp/dialog.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::screen;
using namespace std::chrono_literals;

namespace {

constexpr instant now{seconds{1'800'000'000}};
const ip_address client = *parse_address("192.0.2.7");

policy rules_with(int grey, int threshold)
{
    policy rules;
    rules.tests[test::dnsbl].enabled = true;
    rules.tests[test::dnsbl].on_failure = action::enforce;
    rules.dnsbl_threshold = threshold;
    rules.grey_threshold = grey;
    return rules;
}

dnsbl::score score_of(int value)
{
    return {value, true, seconds{300}, value > 0 ? "bl.example" : ""};
}

/// A client that waits and has that score in the end.
step tested(screener& s, int score)
{
    (void)s.on_access(std::nullopt);
    (void)s.on_record(std::nullopt, now);
    (void)s.on_score(score_of(score));
    return s.on_greet_wait_elapsed(score_of(score), {score, score});
}

} // namespace

TEST_CASE("suspect: from the one threshold up to the other, and never a clean client", "[grey]")
{
    struct row {
        int grey;
        int score;
        bool is_suspect;
    };
    for (const auto& r : {row{0, 2, false}, row{1, 0, false}, row{1, -1, false}, row{1, 1, true},
                          row{2, 1, false}, row{2, 2, true}, row{1, 3, false}, row{1, 9, false}}) {
        CAPTURE(r.grey, r.score);
        const policy rules = rules_with(r.grey, 3);
        screener s{rules, client};
        const auto what = tested(s, r.score);
        CHECK(s.is_suspect(what) == r.is_suspect);
    }
}

TEST_CASE("suspect: where the lists refuse no client, a high score is one as well", "[grey]")
{
    policy rules = rules_with(1, 3);
    rules.tests[test::dnsbl].on_failure = action::ignore;
    for (const int score : {1, 2, 3, 9}) {
        screener s{rules, client};
        CHECK(s.is_suspect(tested(s, score)));
    }
}

TEST_CASE("suspect: what it passed is not remembered, or it would come in at once", "[grey]")
{
    const policy rules = rules_with(1, 3);
    screener s{rules, client};
    const auto what = tested(s, 1);
    REQUIRE(what == step::hand_off);
    REQUIRE(s.is_suspect(what));
    CHECK(s.on_suspect(5min) == step::run_dialog);
    CHECK_FALSE(s.may_go_on());
    CHECK_FALSE(s.record_to_store(now));
    CHECK_FALSE(s.passed_in_dialog());
    CHECK_FALSE(s.is_rejected());
    CHECK(s.reasons() == "grey");
    CHECK_FALSE(s.is_suspect(step::run_dialog));
}

TEST_CASE("suspect: each recipient hears when to come back", "[grey]")
{
    const policy rules = rules_with(1, 3);
    screener s{rules, client};
    (void)tested(s, 1);
    (void)s.on_suspect(5min);
    const smtp::own_names names;
    auto terms = begin_dialog(s, {client, client, true, true, names});
    CHECK_FALSE(terms.hands_off);
    CHECK_FALSE(terms.refusal);
    const smtp::dialog_options options;
    smtp::dialog dialog{options, std::move(terms)};
    (void)dialog.start();
    (void)dialog.on_octets("EHLO mx.example\r\n");
    (void)dialog.on_octets("MAIL FROM:<a@mx.example>\r\n");
    for (int i = 0; i < 2; ++i)
        CHECK(dialog.on_octets("RCPT TO:<b@example>\r\n").output ==
              "450 4.7.1 Please come back in 5m\r\n");
}

TEST_CASE("suspect: a client that is spared deep tests is known, and none", "[grey]")
{
    policy rules = rules_with(1, 3);
    rules.known_senders = exemption::deep;
    screener s{rules, client};
    REQUIRE(s.on_known_sender() == step::look_up_record);
    (void)s.on_record(std::nullopt, now);
    (void)s.on_score(score_of(1));
    CHECK_FALSE(s.is_suspect(s.on_greet_wait_elapsed(score_of(1), {1, 1})));
}

TEST_CASE("suspect: lists that could make one of it are waited for", "[grey]")
{
    for (const int grey : {0, 1}) {
        policy rules = rules_with(grey, 3);
        rules.tests[test::pregreet].enabled = false;
        screener s{rules, client};
        (void)s.on_access(std::nullopt);
        (void)s.on_record(std::nullopt, now);
        // One list of weight 1 has not answered: it cannot refuse the client.
        const auto what = s.on_partial_score(score_of(0), {0, 1});
        CHECK(what == (grey == 0 ? step::hand_off : step::keep_waiting));
        if (grey == 0) continue;
        CHECK(s.is_suspect(s.on_score(score_of(1))));
    }
}

TEST_CASE("suspect: late lists that could make one of it are waited for", "[grey]")
{
    for (const auto late : {late_lists::wait, late_lists::pass}) {
        policy rules = rules_with(1, 3);
        rules.late = late;
        screener s{rules, client};
        (void)s.on_access(std::nullopt);
        (void)s.on_record(std::nullopt, now);
        const auto what = s.on_greet_wait_elapsed(score_of(0), {0, 1});
        CHECK(what == (late == late_lists::wait ? step::keep_waiting : step::hand_off));
        if (late == late_lists::pass) continue;
        CHECK(s.on_partial_score(score_of(0), {0, 1}) == step::keep_waiting);
        CHECK(s.is_suspect(s.on_partial_score(score_of(1), {1, 1})));
    }
    // Who is refused anyway waits for nothing.
    const policy rules = rules_with(1, 3);
    screener s{rules, client};
    (void)s.on_access(std::nullopt);
    (void)s.on_record(std::nullopt, now);
    (void)s.on_result(test::pregreet, false);
    CHECK(s.on_greet_wait_elapsed(score_of(0), {0, 1}) == step::run_dialog);
}
