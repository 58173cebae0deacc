// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/grey_rules.hpp"
#include "fendmail/core/abuse/recent_clients.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Suspects that were asked to come back, and those that did. A network is asked once: senders
/// with many hosts come back from another one of them.
///
/// Units: wall time.
/// A clock that jumps: who came first in what is now the future begins anew, so a jump costs one
/// delay at most, and lets nothing through.
/// Memory: that of recent_clients, twice. When more wait than there are places for, and none of
/// them could have come back yet, further ones pass: a flood costs no sender its mail.
/// Errors: std::bad_alloc while it grows; it is consistent then.
/// Threads: one owner.
namespace fendmail::abuse {

class grey_list {
public:
    enum class answer : std::uint8_t {
        wait,  ///< it is to come back
        back,  ///< it has come back now
        known, ///< it came back once
    };
    struct found {
        answer what = answer::known;
        seconds span{0}; ///< until it may come; or how long it was away
    };
    explicit grey_list(std::size_t places = recent_clients::default_places)
        : waiting_{places}
        , back_{places}
    {
    }
    void configure(const grey_rules& rules) noexcept;

    /// One of the network has come. @param line gets what should be written down, or stays ""
    [[nodiscard]] found ask(const network& who, instant now, std::string& line);
    /// @return false when it is no line of ours
    bool restore(std::string_view line, instant now);
    /// Drops what no longer counts.
    void forget(instant now);

    /// All that should be in the file, line by line.
    template <class See>
    void for_each_line(See see) const
    {
        waiting_.for_each([&](const auto& one) { see(line_of(waits, one.who, one.last)); });
        back_.for_each([&](const auto& one) { see(line_of(came_back, one.who, one.last)); });
    }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
    [[nodiscard]] std::size_t back() const noexcept { return back_.size(); }

private:
    static constexpr std::string_view waits = "waits";
    static constexpr std::string_view came_back = "back";
    [[nodiscard]] static std::string line_of(std::string_view verb, const network& who,
                                             instant when);

    grey_rules rules_;
    recent_clients waiting_; ///< when each came first
    recent_clients back_;    ///< when each came last
};

} // namespace fendmail::abuse
