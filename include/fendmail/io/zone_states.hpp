// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

/// What the workers tell each other about the lists of one site set: which are suspended, and what
/// of that has been logged.
///
/// Memory: a few octets for each zone.
/// Errors: none.
/// Threads: any; atomics only. Each worker tests the lists by itself, and one that finds a list in
/// trouble suspends it for all of them until it has found it well again.
namespace fendmail::io {

class question_quota;

enum class resolver_trouble : std::uint8_t {
    lies,   ///< it answers for names that do not exist
    silent, ///< none of its servers answers
    loses,  ///< many datagrams are not answered
};

class zone_states {
public:
    explicit zone_states(const dnsbl::site_set& sites);
    ~zone_states();
    zone_states(const zone_states&) = delete;
    zone_states& operator=(const zone_states&) = delete;

    /// Of some worker.
    [[nodiscard]] bool is_suspended(std::size_t zone) const noexcept;

    /// One more worker suspends it.
    void suspend(std::size_t zone) noexcept;
    /// @return true when it was the last one and the suspension has been told
    bool restore(std::size_t zone) noexcept;
    /// @return true for the first call since it was restored: whoever gets it logs it
    bool tell(std::size_t zone) noexcept;

    /// The same for all resolvers of a zone, which zones with the same ones share.
    void enter(resolver_trouble what, std::size_t zone) noexcept;
    bool leave(resolver_trouble what, std::size_t zone) noexcept;
    bool tell(resolver_trouble what, std::size_t zone) noexcept;

    enum class quota_state : std::uint8_t {
        free,    ///< the question may be asked
        nearly,  ///< the same, and somebody should be told: once until it is well below again
        used_up, ///< it may not; whoever sees it first tells
        told,    ///< it may not, and that has been told
    };
    /// One more question to a list with `max_questions` is to be asked.
    [[nodiscard]] quota_state take_question(std::size_t zone, tick now) noexcept;

    /// @return true for the first call
    bool tell_missing_entry(std::size_t zone) noexcept;

private:
    struct shared_trouble {
        std::atomic<unsigned> workers{0};
        std::atomic<bool> told{false};

        bool leave() noexcept;
    };
    struct state {
        shared_trouble trouble;
        std::atomic<bool> told_missing_entry{false};
        std::size_t resolver = 0;
        budget max_questions{};                ///< off = no limit
        std::unique_ptr<question_quota> asked; ///< null without a limit
        std::atomic<int> told_quota{0};        ///< 1 nearly, 2 used up
    };
    [[nodiscard]] shared_trouble& trouble_of(resolver_trouble what, std::size_t zone) noexcept;

    std::vector<state> zones_;
    std::vector<std::array<shared_trouble, 3>> resolvers_;
};

} // namespace fendmail::io
