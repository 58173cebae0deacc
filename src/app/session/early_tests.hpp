// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/feeds/feed_set.hpp"
#include "fendmail/core/dnsbl/extra_score.hpp"
#include "fendmail/core/screen/score_wait.hpp"
#include "fendmail/io/dnsbl/name_lookup.hpp"
#include "session_impl.hpp"

#include <memory>
#include <optional>
#include <string>

/// What a session has only while it waits: the greet wait, and what makes the score.
namespace fendmail::app {

/// What makes the score: the lists, the name of the client, and feeds.
struct score_sources {
    explicit score_sources(const dnsbl::name_weights& of_names) noexcept
        : weights{of_names}
    {
    }

    [[nodiscard]] bool are_done() const noexcept { return lists.done() && (!name || name->done()); }
    [[nodiscard]] dnsbl::score score() const noexcept
    {
        const auto of_lists = lists.score();
        return dnsbl::with_extra(
            name ? dnsbl::with_name(of_lists, any_list, name->finding(), weights) : of_lists,
            of_feeds);
    }
    [[nodiscard]] dnsbl::score_bounds bounds() const noexcept
    {
        const auto of_lists = lists.bounds();
        return dnsbl::with_extra(name ? dnsbl::with_name(of_lists, finding(), weights) : of_lists,
                                 of_feeds);
    }
    /// Null while there is none.
    [[nodiscard]] const dnsbl::name_finding* finding() const noexcept
    {
        return name && name->done() ? &name->finding() : nullptr;
    }

    const dnsbl::name_weights& weights;
    io::dnsbl_lookup::subscription lists;
    bool any_list = false;
    std::optional<io::name_lookup> name;
    std::shared_ptr<const feed_set> feeds; ///< which has the name in `of_feeds`
    dnsbl::extra_score of_feeds{};
    std::string feed_listings;
};

/// The greet wait and the lists, side by side. Woken by its time limit and its sources; the client
/// is watched by the session.
class session::early_tests final : public io::waiter {
public:
    explicit early_tests(session& of)
        : of_{of}
        , sources_{of.config().screening.names}
        , is_scored_{!of.screener_.tests_to_run().todo[screen::test::dnsbl]}
        , time_is_up_{of.env_.deadlines, *this}
    {
        if (!is_scored_) ask();
        time_is_up_.set(of.phase_begun_ + screen::early_limit(of.config().screening,
                                                              of.env_.sessions.is_stressed(),
                                                              of.config().dnsbl.timeout));
    }

    /// What is to be done now that something has happened, all of it looked at.
    /// @param step what the client has brought about
    [[nodiscard]] screen::step next(screen::step step);
    /// How long the client has stayed for lists beyond its greet wait.
    [[nodiscard]] milliseconds late_wait(tick now) const noexcept
    {
        return late_since_ == tick{} ? milliseconds{0} : between(late_since_, now);
    }
    [[nodiscard]] bool is_decided() const noexcept { return found_ != screen::step::keep_waiting; }
    /// Most of what arrives changes nothing, and then the wait for the client goes on untouched.
    void wake() noexcept override;

    bool client_spoke = false; ///< unread octets wait in the socket

private:
    void ask();
    void look_at_feeds();
    [[nodiscard]] std::shared_ptr<const std::string> listings() const;
    [[nodiscard]] io::dnsbl_lookup::subscription join(const dnsbl::score_limits& limits);
    /// @param step what is to be done if the score says nothing
    [[nodiscard]] screen::step look_at_score(screen::step step);
    [[nodiscard]] bool is_late() const noexcept { return late_since_ != tick{}; }
    /// The greet wait, or the time that lists have beyond it, is over.
    [[nodiscard]] screen::step on_time_is_up();
    [[nodiscard]] bool wait_for_late_lists();
    void note_score(const dnsbl::score& score);

    session& of_;
    score_sources sources_;
    bool is_scored_;
    /// What a wake has found, until the session takes it.
    screen::step found_ = screen::step::keep_waiting;
    tick late_since_{}; ///< when the greet wait ended and lists were still to come
    io::deadline time_is_up_;
};

} // namespace fendmail::app
