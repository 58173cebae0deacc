// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/screen/client_record.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/time.hpp"

#include <optional>

/// Which tests a client has to take now: those that are on and that it has not passed, or whose
/// pass has expired.
namespace fendmail::screen {

struct plan {
    by_test<bool> todo{};

    [[nodiscard]] bool is_empty() const noexcept;
    [[nodiscard]] bool has_early() const noexcept;
    [[nodiscard]] bool has_deep() const noexcept;
    friend bool operator==(const plan&, const plan&) = default;
};

/// @param known what the store says; nothing = a new client, or a store that cannot be read
[[nodiscard]] plan make_plan(const policy& rules, const std::optional<client_record>& known,
                             instant now) noexcept;

} // namespace fendmail::screen
