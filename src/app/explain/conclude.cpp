// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/explain/explanation.hpp"
#include "fendmail/core/dnsbl/extra_score.hpp"
#include "fendmail/core/screen/screener.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/core/units.hpp"

#include <fmt/format.h>

namespace fendmail::app {

namespace {

std::vector<pass_state> passes_of(const screen::client_record& record, const runtime_config& config,
                                  instant now)
{
    std::vector<pass_state> out;
    for (const auto t : screen::all_tests) {
        pass_state one{to_string(t), config.screening.tests[t].enabled, record.is_passed(t, now),
                       std::nullopt};
        if (record.expires_at[t] > screen::client_record::was_disabled)
            one.until = record.expires_at[t];
        out.push_back(one);
    }
    return out;
}

/// As for a client that waits its turn: what it would say too early cannot be known.
screen::step tested(screen::screener& screener, const dnsbl::score& score)
{
    auto step = screen::step::keep_waiting;
    if (screener.tests_to_run().todo[screen::test::dnsbl]) step = screener.on_score(score);
    if (step == screen::step::keep_waiting)
        step = screener.on_greet_wait_elapsed(score, {score.value, score.value});
    if (step == screen::step::keep_waiting) step = screener.on_lists_overdue(score);
    return step;
}

std::string score_words(const explanation& about, const runtime_config& config)
{
    return fmt::format("its score is {} and the threshold {}", about.score.value,
                       config.screening.dnsbl_threshold);
}

void say(explanation& about, std::string_view verdict, std::string words)
{
    about.verdict = verdict;
    about.words = std::move(words);
}

void conclude_hand_off(explanation& about, const screen::screener& screener,
                       const runtime_config& config)
{
    const auto wait = to_text(config.screening.greet_wait);
    switch (screener.how()) {
    case screen::way_in::allowlisted:
        if (!about.sender.empty() && about.rule.empty())
            return say(
                about, "allowlisted",
                fmt::format("goes to the backend at once: a known sender, {}", about.sender));
        if (about.recipient && about.rule.empty())
            return say(about, "allowlisted",
                       fmt::format("goes to the backend at once: it takes our mail, as {}",
                                   *about.recipient));
        return say(
            about, "allowlisted",
            fmt::format("goes to the backend at once: permitted by the rule \"{}\"", about.rule));
    case screen::way_in::known:
        return say(about, "pass_old",
                   "goes to the backend at once: it has passed all tests lately");
    case screen::way_in::tolerated:
        return say(about, "passed",
                   fmt::format("is screened, up to {}, and then goes to the backend although it "
                               "fails: {}, whose action is ignore",
                               wait, screener.reasons()));
    case screen::way_in::tested:
    case screen::way_in::none: break;
    }
    say(about, screener.is_new_client() ? "pass_new" : "pass_old",
        fmt::format("is screened, up to {}, and goes to the backend if it waits its turn: {}", wait,
                    score_words(about, config)));
}

std::string refusal_words(const explanation& about, const screen::screener& screener,
                          const runtime_config& config)
{
    const auto reply =
        screener.refusal() == nullptr ? std::string{} : smtp::to_log(*screener.refusal());
    std::string why = fmt::format("it fails: {}", screener.reasons());
    if (!about.rule.empty() && !about.is_permitted)
        why = fmt::format("the rule \"{}\" rejects it", about.rule);
    else if (about.score.value >= config.screening.dnsbl_threshold)
        why = score_words(about, config);
    return fmt::format("{}: {}", reply, why);
}

} // namespace

void conclude(explanation& about, const runtime_config& config, instant now)
{
    if (about.record) {
        *about.record =
            screen::without_impossible(*about.record, config.screening.longest_passes(), now);
        about.passes = passes_of(*about.record, config, now);
    }
    dnsbl::extra_score of_feeds{0, about.feed_name};
    for (const auto& each : about.feeds)
        of_feeds.value += each.weight;
    about.score = dnsbl::with_extra(about.score, of_feeds);
    screen::screener screener{config.screening, about.client};
    std::optional<acl::match> found;
    if (!about.rule.empty())
        found = acl::match{about.is_permitted ? acl::decision::permit : acl::decision::reject,
                           about.rule};
    auto step = found                   ? screener.on_access(found)
                : !about.sender.empty() ? screener.on_known_sender()
                : about.recipient       ? screener.on_known_recipient()
                                        : screener.on_access(found);
    if (step == screen::step::look_up_record)
        step = screener.on_record(screener.may_use_record() ? about.record : std::nullopt, now);
    if (step == screen::step::run_early_tests) step = tested(screener, about.score);
    step = screener.last_step(step, about.score.withheld);
    if (screener.is_suspect(step))
        return say(about, "deferred",
                   fmt::format("is a suspect, and is told to come back after {} (450) unless a "
                               "client of its network has: {}",
                               to_text(config.grey.delay), score_words(about, config)));
    switch (step) {
    case screen::step::hand_off: return conclude_hand_off(about, screener, config);
    case screen::step::drop:
        return say(about, "dropped", "is cut off with " + refusal_words(about, screener, config));
    case screen::step::run_dialog:
        if (screener.refusal() != nullptr)
            return say(about, "rejected",
                       "has every recipient refused with " +
                           refusal_words(about, screener, config));
        return say(about, "pass_new",
                   fmt::format("is screened, up to {}, and takes the deep tests in our dialog: {}",
                               to_text(config.screening.greet_wait), score_words(about, config)));
    case screen::step::keep_waiting:
    case screen::step::defer:
    case screen::step::look_up_record:
    case screen::step::run_early_tests: break;
    }
    say(about, "deferred", "is told to come again (421)");
}

} // namespace fendmail::app
