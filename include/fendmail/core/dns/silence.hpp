// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>

/// Whether a server is there at all.
///
/// Loss is not death: under a burst, or on a bad line, most datagrams may be lost and the server
/// still answers what reaches it. It counts as gone only when nothing at all has come back for
/// `gone_after`, clients' questions and our own probes alike, of which several go out in that time
/// ahead of everything else. Where the kernel says that no program listens, `refused_after` is
/// enough. The first answer to anything ends it.
///
/// What a client can do to it: ask, and thereby start the clock; only the server's silence runs it
/// down. Forged answers would have to guess port, id and letters.
/// Units: steady time.
/// Memory: a few words.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::dns {

struct silence_limits {
    milliseconds suspect_after{1000};
    milliseconds gone_after{4000};
    milliseconds refused_after{1000};
    milliseconds probe_spacing{250}; ///< while it is suspect
    milliseconds probe_spacing_gone{500};
    std::size_t tries_min = 10; ///< unanswered ones, before it can be gone
    std::size_t refusals_min = 3;
};

class silence {
public:
    explicit silence(const silence_limits& limits = {}) noexcept
        : limits_{limits}
    {
    }

    void on_sent(tick now) noexcept;
    void on_heard(tick now) noexcept;
    /// The kernel says that no program listens there.
    void on_refused(tick now) noexcept;
    /// Call it now and then while something is unanswered.
    void look(tick now) noexcept;

    [[nodiscard]] bool is_suspect() const noexcept { return state_ != state::heard; }
    [[nodiscard]] bool is_gone() const noexcept { return state_ == state::gone; }
    [[nodiscard]] bool was_refused() const noexcept { return refusals_ > 0; }
    /// Since when nothing has come.
    [[nodiscard]] tick since() const noexcept { return since_; }

    /// A probe is to be sent; counts it as sent.
    [[nodiscard]] bool take_probe(tick now) noexcept;
    /// When to look again or to probe; max while nothing is unanswered.
    [[nodiscard]] tick next_look() const noexcept;

private:
    enum class state : std::uint8_t { heard, suspect, gone };

    silence_limits limits_;
    state state_ = state::heard;
    tick since_ = tick::max(); ///< the first try since the last answer
    std::size_t tries_ = 0;
    std::size_t refusals_ = 0;
    tick next_probe_{};
};

} // namespace fendmail::dns
