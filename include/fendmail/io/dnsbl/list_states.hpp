// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dnsbl/list_tally.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
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
    lies,    ///< it answers for names that do not exist
    silent,  ///< none of its servers answers
    loses,   ///< many datagrams are not answered
    filters, ///< it seems to keep answers in 127.0.0.0/8 from us
};

class list_states {
public:
    /// @param before those of the site set that this replaces: what they have counted goes on for
    /// lists that stay; may be null
    explicit list_states(const dnsbl::site_set& sites, const list_states* before = nullptr);
    ~list_states();
    list_states(const list_states&) = delete;
    list_states& operator=(const list_states&) = delete;

    /// Of some worker.
    [[nodiscard]] bool is_suspended(std::size_t zone) const noexcept;

    /// What it has answered. Never null.
    [[nodiscard]] const std::shared_ptr<list_tally>& tally(std::size_t zone) const noexcept
    {
        return zones_[zone].tally;
    }

    /// One more worker suspends it.
    void suspend(std::size_t zone) noexcept;
    /// @return true when it was the last one and the suspension has been told
    bool restore(std::size_t zone) noexcept;
    /// @return true for the first call since it was restored: the caller that gets it logs it
    bool tell(std::size_t zone) noexcept;

    /// The same for all resolvers of a zone, which zones with the same ones share.
    void enter(resolver_trouble what, std::size_t zone) noexcept;
    bool leave(resolver_trouble what, std::size_t zone) noexcept;
    bool tell(resolver_trouble what, std::size_t zone) noexcept;

    enum class quota_state : std::uint8_t {
        free,    ///< the question may be asked
        nearly,  ///< the same, and the log should tell: once until it is well below again
        used_up, ///< it may not; the first that sees it tells
        told,    ///< it may not, and that has been told
    };
    /// One more question to a list with `max_questions` is to be asked.
    [[nodiscard]] quota_state take_question(std::size_t zone, tick now) noexcept;

    enum class entry_verdict : std::uint8_t {
        open,     ///< other lists have not been tested yet
        list,     ///< the list is to blame: others have their test entries, or there are none
        resolver, ///< no list of its resolver has one
    };
    /// What the test of a list said about its test entry, and what is the cause if it has none.
    void note_entry(std::size_t zone, bool is_there) noexcept;
    /// It could not be tested, so others need not wait for it.
    void note_no_test(std::size_t zone) noexcept;
    /// Those that should have test entries and are asked through the same resolvers.
    [[nodiscard]] std::vector<std::size_t> same_resolver(std::size_t zone) const;
    [[nodiscard]] entry_verdict blame(std::size_t zone) const noexcept;
    /// Each has been tested, or could not be.
    [[nodiscard]] bool are_all_tested() const noexcept;
    /// It is one of those that should have a test entry.
    [[nodiscard]] bool has_to_have_entry(std::size_t zone) const noexcept
    {
        return zones_[zone].counts_for_entry;
    }

    /// @return true for the first call
    bool tell_missing_entry(std::size_t zone) noexcept;

private:
    enum class entry_seen : std::uint8_t { unknown, there, missing, none };
    struct shared_trouble {
        std::atomic<unsigned> workers{0};
        std::atomic<bool> told{false};

        bool leave() noexcept;
    };
    struct state {
        std::string zone;
        std::shared_ptr<list_tally> tally;
        shared_trouble trouble;
        std::atomic<bool> told_missing_entry{false};
        std::atomic<entry_seen> entry{entry_seen::unknown};
        bool counts_for_entry = false;
        std::size_t resolver = 0;
        budget max_questions{};                ///< off = no limit
        std::unique_ptr<question_quota> asked; ///< null without a limit
        std::atomic<int> told_quota{0};        ///< 1 nearly, 2 used up
    };
    [[nodiscard]] static std::shared_ptr<list_tally> tally_of(const std::string& zone,
                                                              const list_states* before);
    [[nodiscard]] shared_trouble& trouble_of(resolver_trouble what, std::size_t zone) noexcept;

    std::vector<state> zones_;
    std::vector<std::array<shared_trouble, 4>> resolvers_;
};

} // namespace fendmail::io
