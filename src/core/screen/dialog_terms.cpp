// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/dialog_terms.hpp"

#include "fendmail/core/units.hpp"

#include <fmt/format.h>

namespace fendmail::screen {

smtp::dialog_terms begin_dialog(screener& tests, const dialog_setting& setting)
{
    smtp::dialog_terms terms;
    // Who spoke too early has its commands answered; a 220 now would answer its EHLO.
    if (setting.was_teased && tests.spoke_too_early()) terms.opening = smtp::opening::silent;
    if (const auto* const refusal = tests.refusal()) terms.refusal = *refusal;
    if (const auto wait = tests.come_back())
        terms.come_back =
            smtp::make_reply(450, "4.7.1", fmt::format("Please come back in {}", age_text(*wait)));
    terms.faults = tests.begin_dialog();
    // This host itself may well use its own name.
    if (setting.client == setting.local || setting.own_names.has_address(setting.client))
        terms.faults[smtp::fault::own_helo] = smtp::on_fault::unwatched;
    terms.local = setting.local;
    terms.hands_off = setting.relays_after_tests && tests.may_go_on();
    return terms;
}

} // namespace fendmail::screen
