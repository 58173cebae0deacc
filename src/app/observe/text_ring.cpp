// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/text_ring.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fendmail::app {

text_ring::text_ring(std::size_t places, std::size_t text_octets)
    : mask_{places - 1}
    , words_each_{(text_octets + sizeof(word) - 1) / sizeof(word)}
    , places_(places)
    , words_(places * words_each_)
{
    FENDMAIL_ASSERT(std::has_single_bit(places));
}

void text_ring::push(std::string_view text) noexcept
{
    const auto number = next_.fetch_add(1);
    const std::size_t at = number & mask_;
    place& to = places_[at];
    auto before = to.sequence.load(std::memory_order_relaxed);
    const auto done = 2 * (number + 1);
    // Another thread is still at it, or was faster by a round.
    if (text.size() > words_each_ * sizeof(word) || before % 2 != 0 || before >= done ||
        !to.sequence.compare_exchange_strong(before, done - 1)) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    // Each store releases the odd number before it: who sees a new word sees that number as well.
    to.octets.store(static_cast<std::uint32_t>(text.size()), std::memory_order_release);
    std::atomic<word>* const words = &words_[at * words_each_];
    for (std::size_t i = 0; i * sizeof(word) < text.size(); ++i) {
        word value = 0;
        std::memcpy(&value, text.data() + i * sizeof(word),
                    std::min(sizeof(word), text.size() - i * sizeof(word)));
        words[i].store(value, std::memory_order_release);
    }
    to.sequence.store(done, std::memory_order_release);
}

std::optional<std::string> text_ring::read(std::uint64_t number) const
{
    const std::size_t at = number & mask_;
    const place& from = places_[at];
    const auto wanted = 2 * (number + 1);
    if (from.sequence.load(std::memory_order_acquire) != wanted) return std::nullopt;
    const std::size_t octets = std::min<std::size_t>(from.octets.load(std::memory_order_acquire),
                                                     words_each_ * sizeof(word));
    std::string text(octets, '\0');
    const auto* const words = words_of(at);
    for (std::size_t i = 0; i * sizeof(word) < octets; ++i) {
        const word value = words[i].load(std::memory_order_acquire);
        std::memcpy(text.data() + i * sizeof(word), &value,
                    std::min(sizeof(word), octets - i * sizeof(word)));
    }
    if (from.sequence.load(std::memory_order_relaxed) != wanted) return std::nullopt;
    return text;
}

} // namespace fendmail::app
