// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The last texts that many threads wrote, for one that reads them now and then: a writer never
/// waits, a reader that is too slow misses the oldest.
///
/// Each place has a sequence number (a "seqlock"): odd while it is written. All words are atomic,
/// so a reader that looks in between sees a number that does not fit, and no race.
/// Units: octets; longer texts are not kept, nor is one whose place another thread is still writing
/// (it was overtaken by a whole round): both are counted as lost.
/// Memory: `places` × (`text_octets` + 16), from the start.
/// Errors: none.
/// Threads: push() and read() from any thread.
namespace fendmail::app {

class text_ring {
public:
    /// @param places a power of two
    text_ring(std::size_t places, std::size_t text_octets);

    void push(std::string_view text) noexcept;
    /// The number that the next text will have; the first one has 0.
    [[nodiscard]] std::uint64_t next() const noexcept { return next_.load(); }
    [[nodiscard]] std::size_t places() const noexcept { return mask_ + 1; }
    /// @return nothing when it has been overwritten, is being written, or was lost
    [[nodiscard]] std::optional<std::string> read(std::uint64_t number) const;
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }

private:
    using word = std::uint64_t;
    struct place {
        std::atomic<std::uint64_t> sequence{0}; ///< 2 × (number + 1), one less while it is written
        std::atomic<std::uint32_t> octets{0};
    };
    [[nodiscard]] const std::atomic<word>* words_of(std::size_t at) const noexcept
    {
        return &words_[at * words_each_];
    }

    std::size_t mask_;
    std::size_t words_each_;
    std::vector<place> places_;
    std::vector<std::atomic<word>> words_;
    std::atomic<std::uint64_t> next_{0};
    std::atomic<std::uint64_t> lost_{0};
};

} // namespace fendmail::app
