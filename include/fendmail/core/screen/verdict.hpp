// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/reply.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

/// What became of a client, in one word for its summary.
///
/// Memory: one octet.
/// Errors: none.
/// Threads: one judgement belongs to one session.
namespace fendmail::screen {

/// How a client that is handed off got there.
enum class way_in : std::uint8_t {
    none,        ///< it was not handed off
    allowlisted, ///< by the access list
    known,       ///< its record holds; no test was run
    tested,      ///< it passed all tests it had to take
    tolerated,   ///< an early test failed whose action is ignore
};

/// Whether tests were run in this session, so that its record may have become better meanwhile.
[[nodiscard]] bool was_tested(way_in w) noexcept;

enum class verdict : std::uint8_t {
    allowlisted, ///< handed off by the access list
    pass_old,    ///< handed off, known client
    pass_new,    ///< handed off after its tests
    passed,      ///< handed off although an ignored early test failed, which is not remembered
    rejected,    ///< refused with a reply
    dropped,     ///< refused at once by a test whose action is drop
    deferred,    ///< trouble of ours or a limit: 4xx
    left,        ///< the client went away before a verdict
};

/// Whether a client with this verdict is told of as one that passed, and then whether as a new one.
[[nodiscard]] std::optional<bool> passes_as_new(verdict v) noexcept;

/// The verdict so far; each call says what happened.
class judgement {
public:
    [[nodiscard]] verdict value() const noexcept { return value_; }

    /// A test failed whose action is drop.
    void on_drop() noexcept { value_ = verdict::dropped; }
    /// A limit, the backend or an attack on the session stands in the way: the client is to come
    /// again, whatever its tests have said.
    void on_deferral() noexcept { value_ = verdict::deferred; }
    /// An orderly stop. A client that is refused already stays refused.
    void on_stop() noexcept;
    /// Our dialog begins.
    /// @param is_refused every recipient will be refused for good
    void on_dialog(bool is_refused) noexcept;
    /// @param is_rejected the client itself is, see screener::is_rejected()
    /// @param answer as sent; a permanent one is either ours or the backend's own
    void on_recipient_refused(bool is_rejected, const smtp::reply& answer) noexcept;
    /// @pre `how` is not `none`
    void on_hand_off(way_in how, bool is_new) noexcept;
    /// The client goes on to the backend from our dialog.
    /// @param has_passed see screener::passed_in_dialog()
    void on_relay(bool has_passed, bool is_new) noexcept;

private:
    verdict value_ = verdict::left;
};

[[nodiscard]] std::string_view to_string(verdict v) noexcept;
[[nodiscard]] std::string_view to_string(way_in w) noexcept;

} // namespace fendmail::screen
