// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/screen/screener.hpp"
#include "fendmail/core/smtp/dialog.hpp"

/// How our own dialog meets a client, by what its tests have found.
///
/// Memory: as smtp::dialog_terms.
/// Errors: none.
namespace fendmail::screen {

/// What the terms depend on besides the tests.
struct dialog_setting {
    ip_address client;
    ip_address local;                ///< what the client connected to
    bool was_teased = false;         ///< it got "220-"
    bool relays_after_tests = false; ///< deep.after
    const smtp::own_names& own_names;
};

/// Begins the dialog of `tests`; what only the shell knows, texts and offers, is left for it.
[[nodiscard]] smtp::dialog_terms begin_dialog(screener& tests, const dialog_setting& setting);

} // namespace fendmail::screen
