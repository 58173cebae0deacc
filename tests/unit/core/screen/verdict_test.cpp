// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/verdict.hpp"

#include "support/catch.hpp"

#include <optional>

using namespace fendmail;
using namespace fendmail::screen;

namespace Catch {
template <>
struct StringMaker<screen::verdict> {
    static std::string convert(screen::verdict v) { return std::string(to_string(v)); }
};
} // namespace Catch

namespace {

const smtp::reply for_now = smtp::make_reply(450, "4.3.2", "Service currently unavailable");
const smtp::reply for_good = smtp::make_reply(550, "5.7.1", "blocked");

} // namespace

TEST_CASE("verdict: who is handed off is told apart by the way in", "[screen]")
{
    struct row {
        way_in how;
        bool is_new;
        verdict expected;
        std::optional<bool> passes_as_new;
    };
    const row rows[] = {
        {way_in::allowlisted, true, verdict::allowlisted, std::nullopt},
        {way_in::allowlisted, false, verdict::allowlisted, std::nullopt},
        {way_in::known, true, verdict::pass_old, false},
        {way_in::known, false, verdict::pass_old, false},
        {way_in::tested, true, verdict::pass_new, true},
        {way_in::tested, false, verdict::pass_old, false},
        {way_in::tolerated, true, verdict::passed, std::nullopt},
        {way_in::tolerated, false, verdict::passed, std::nullopt},
    };
    for (const row& r : rows) {
        CAPTURE(to_string(r.how), r.is_new);
        judgement j;
        j.on_hand_off(r.how, r.is_new);
        CHECK(j.value() == r.expected);
        CHECK(passes_as_new(j.value()) == r.passes_as_new);
    }
}

TEST_CASE("verdict: who goes on from the dialog is new, old, or only let through", "[screen]")
{
    struct row {
        bool has_passed;
        bool is_new;
        verdict expected;
    };
    const row rows[] = {
        {true, true, verdict::pass_new},
        {true, false, verdict::pass_old},
        {false, true, verdict::passed},
        {false, false, verdict::passed},
    };
    for (const row& r : rows) {
        CAPTURE(r.has_passed, r.is_new);
        judgement j;
        j.on_dialog(false);
        j.on_relay(r.has_passed, r.is_new);
        CHECK(j.value() == r.expected);
    }
}

TEST_CASE("verdict: a refused recipient says whether it is for good", "[screen]")
{
    struct row {
        bool is_rejected;
        smtp::reply answer;
        verdict expected;
    };
    const row rows[] = {
        {true, for_good, verdict::rejected},
        {true, for_now, verdict::rejected}, // soft_bounce softens the reply, not the verdict
        {false, for_good, verdict::rejected},
        {false, for_now, verdict::deferred},
    };
    for (const row& r : rows) {
        CAPTURE(r.is_rejected, r.answer.code);
        judgement j;
        j.on_dialog(false);
        j.on_recipient_refused(r.is_rejected, r.answer);
        CHECK(j.value() == r.expected);
    }
}

TEST_CASE("verdict: an orderly stop defers only those about whom nothing is decided", "[screen]")
{
    judgement undecided;
    undecided.on_stop();
    CHECK(undecided.value() == verdict::deferred);

    judgement refused;
    refused.on_dialog(true);
    refused.on_stop();
    CHECK(refused.value() == verdict::rejected);

    judgement dropped;
    dropped.on_drop();
    dropped.on_stop();
    CHECK(dropped.value() == verdict::dropped);
}

TEST_CASE("verdict: the last thing that happens counts", "[screen]")
{
    judgement j;
    CHECK(j.value() == verdict::left);
    j.on_dialog(true);
    CHECK(j.value() == verdict::rejected);
    j.on_recipient_refused(true, for_good);
    j.on_drop();
    CHECK(j.value() == verdict::dropped);

    judgement handed_off;
    handed_off.on_hand_off(way_in::tested, true);
    handed_off.on_deferral();
    CHECK(handed_off.value() == verdict::deferred);
}

TEST_CASE("verdict: only who took tests in this session was tested", "[screen]")
{
    CHECK(was_tested(way_in::tested));
    CHECK(was_tested(way_in::tolerated));
    CHECK_FALSE(was_tested(way_in::none));
    CHECK_FALSE(was_tested(way_in::allowlisted));
    CHECK_FALSE(was_tested(way_in::known));
}
