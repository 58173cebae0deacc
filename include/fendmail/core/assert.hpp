// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Invariants of our own code, checked in release builds too: what cannot happen must not go on
/// happening. What a client can cause is a value and never reaches this.
namespace fendmail {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

} // namespace fendmail

#define FENDMAIL_ASSERT(condition)                                                                 \
    (static_cast<bool>(condition) ? static_cast<void>(0)                                           \
                                  : ::fendmail::assertion_failed(#condition, __FILE__, __LINE__))
