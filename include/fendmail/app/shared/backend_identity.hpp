// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string_view>

/// Whether the backend takes the addresses of clients, as probes and clients' own sessions have
/// shown. While there is proof that it does not, no client is sent there: mail would be taken from
/// all of them, or each client cut without a word. One line when that begins and one when it is
/// over.
///
/// Units: clients that were told to come again are counted.
/// Memory: constant.
/// Errors: none.
/// Threads: any; while all is well it is one atomic read for each client.
namespace fendmail::app {

class backend_identity {
public:
    /// Without proof against it for this long, it is told to be well. Where both proofs come in
    /// turn (one of several servers behind the same address is wrong) the time doubles with each
    /// turn.
    static constexpr milliseconds calm_min{2000};
    static constexpr milliseconds calm_max{300000};
    /// After this long a new trouble is one of its own.
    static constexpr milliseconds memory{600000};

    /// Proof that it does not take them, by a client's session or a probe. The first one is told.
    /// @param turned_away a client was told to come again for it
    void on_mistaken(event_sink& events, std::string_view backend, std::string_view reason,
                     std::string_view advice, bool turned_away, tick now) noexcept;
    /// Proof that it does.
    /// @param when it was found; what is older than the last proof of the contrary says nothing
    void on_taken(event_sink& events, std::string_view backend, tick when) noexcept;
    /// A probe could find out nothing, and clients may try.
    void on_undecided() noexcept;
    /// A client was told to come again, because is_mistaken().
    void on_turned_away() noexcept { clients_.fetch_add(1); }
    /// It did something that speaks neither for nor against it.
    void want_probe() noexcept { is_probe_wanted_.store(true); }

    [[nodiscard]] bool is_mistaken() const noexcept { return word_.load() == word::mistaken; }
    /// It has not been found out yet.
    [[nodiscard]] bool is_unknown() const noexcept { return word_.load() == word::unknown; }

    // For the prober.
    [[nodiscard]] bool take_wish() noexcept { return is_probe_wanted_.exchange(false); }
    /// It was told to be in trouble: when another proof of the contrary would end that.
    [[nodiscard]] bool is_told() const noexcept { return is_told_.load(); }
    [[nodiscard]] tick calm_at() noexcept;

private:
    enum class word : std::uint8_t { unknown, undecided, taken, mistaken };

    std::atomic<word> word_{word::unknown};
    std::atomic<bool> is_told_{false};
    std::atomic<bool> is_probe_wanted_{false};
    std::atomic<std::size_t> clients_{0};
    std::mutex mutex_;
    tick since_{};
    tick last_proof_{}; ///< against it
    tick restored_{};
    bool was_restored_ = false;
    milliseconds calm_ = calm_min;
};

} // namespace fendmail::app
