// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/settings.hpp"

#include <functional>
#include <utility>

/// Where the value of a key goes: a member of the configuration, or of one of several tables.
///
/// Errors: a text that cannot be read as the member's type is told, and the member stays as it is.
/// Threads: constant once made.
namespace fendmail::app {

class value_place {
public:
    value_place() = default;
    value_place(const value_place&) = delete;
    value_place& operator=(const value_place&) = delete;
    virtual ~value_place() = default;

    /// @param into what the place is a part of
    virtual void store(const key& k, const setting& from, void* into,
                       problem_list& problems) const = 0;
    [[nodiscard]] virtual bool is_same(void* a, void* b) const = 0;
};

} // namespace fendmail::app
