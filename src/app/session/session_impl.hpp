// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/abuse_watch.hpp"
#include "fendmail/app/session/client_memory.hpp"
#include "fendmail/app/session/environment.hpp"
#include "fendmail/app/session/lingering_close.hpp"
#include "fendmail/app/session/session.hpp"
#include "fendmail/core/screen/connect.hpp"
#include "fendmail/core/screen/screener.hpp"
#include "fendmail/core/screen/verdict.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/core/smtp/early_speech.hpp"
#include "fendmail/core/smtp/open_dialog.hpp"
#include "fendmail/core/smtp/reply_watch.hpp"
#include "fendmail/io/backend/connector.hpp"
#include "fendmail/io/backend/relay_session.hpp"
#include "fendmail/io/backend/replay.hpp"
#include "fendmail/io/net/stream_group.hpp"
#include "summary.hpp"

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// The inside of session.hpp: one client from accept to end. Its parts are in session.cpp (course
/// and ends), early_tests.cpp (greet wait and lists), dialog_runner.cpp (our own SMTP side),
/// handoff.cpp (to the backend), abuse.cpp (rates and bans), grey.cpp (suspects), refusal.cpp (in
/// which words) and summary.hpp (what is told in the end).
namespace fendmail::app {

namespace asio = boost::asio;
using io::wait_end;

/// Why a client was sent away at an orderly stop.
inline constexpr std::string_view stopping_reason = "stopping";

[[nodiscard]] inline milliseconds between(tick from, tick to)
{
    return std::chrono::duration_cast<milliseconds>(to - from);
}

class session {
public:
    session(environment& env, incoming connection);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    /// Decides what can be decided at once, and begins what comes then. What waits holds the
    /// session: its wait in the event loop, or its coroutine.
    static void begin(std::unique_ptr<session> self);

private:
    [[nodiscard]] const runtime_config& config() const noexcept { return snapshot_->config; }
    /// EHLO keywords that this client is not offered, by us or the backend.
    [[nodiscard]] std::span<const std::string> hidden_keywords() const noexcept
    {
        return config().hide_ehlo_from.of(client_.address).value_or(config().dialog.hide_ehlo);
    }
    [[nodiscard]] screen::action action_of(screen::test t) const noexcept
    {
        return config().screening.tests[t].on_failure;
    }
    /// All events of a session have its number.
    template <std::derived_from<event::of_client> Event>
    void emit(Event what) noexcept
    {
        what.session = admission_.id();
        env_.events.on(what);
    }

    [[nodiscard]] client_memory memory() noexcept
    {
        return {env_.store, config(), client_.address};
    }

    [[nodiscard]] screen::connect_limits limits() const noexcept;
    [[nodiscard]] screen::connect_load load() const noexcept;
    [[nodiscard]] screen::step consult_access_list();
    /// The client is one of a known sender.
    [[nodiscard]] screen::step greet_sender(std::string_view domain);
    /// The client is a host that takes our mail.
    [[nodiscard]] screen::step greet_recipient(std::string_view host);
    [[nodiscard]] screen::step consult_store();
    // Rates, bans and what leads to them.
    [[nodiscard]] bool is_spared() const noexcept;
    [[nodiscard]] std::optional<screen::step> consult_bans(bool of_networks);
    [[nodiscard]] screen::step consult_rates(screen::step step);
    [[nodiscard]] bool is_sent_away_for(const abuse_watch::excess& why);
    [[nodiscard]] bool is_too_much(const smtp::step& last);
    static io::awaitable<void> send_away(std::unique_ptr<session> self);
    io::awaitable<void> send_away_from_dialog();
    // Suspects.
    io::awaitable<std::optional<abuse::grey_list::found>> ask_grey(network who);
    io::awaitable<screen::step> judge_suspect(screen::step step);
    void note_offence(screen::test failed) noexcept;
    void note_relayed(const smtp::reply_watch& seen) noexcept;
    void report_client() noexcept;
    [[nodiscard]] std::string reasons() const;
    static void run_early_tests(std::unique_ptr<session> self);
    static void wait_on(std::unique_ptr<session> self, screen::step step);
    static void on_wait_end(std::unique_ptr<session> self, wait_end end);
    [[nodiscard]] bool say_teaser();
    [[nodiscard]] std::optional<screen::step> look_at_client();
    void tell_score(const dnsbl::score& score, const dnsbl::name_finding* found);
    void tell_own_helo(const smtp::fault_seen& seen);

    static void decide(std::unique_ptr<session> self, screen::step step);
    static io::awaitable<void> follow(std::unique_ptr<session> self, screen::step step);
    static io::awaitable<void> refuse(std::unique_ptr<session> self, screen::connect_refusal why);
    io::awaitable<void> refuse_connection(screen::connect_refusal why);
    io::awaitable<void> say_and_close(smtp::reply answer);
    io::awaitable<void> word_refusal();
    io::awaitable<std::string> text_of_list(std::string_view shown);
    [[nodiscard]] std::string footer() const;
    io::awaitable<void> run_dialog();
    io::awaitable<void> talk(smtp::dialog dialog);
    /// @return what the dialog makes of it; nothing when the connection is over
    io::awaitable<std::optional<smtp::step>> hear(smtp::dialog& dialog, io::deadline& limit);
    io::awaitable<bool> start_tls(smtp::dialog& dialog);
    struct backend_link;
    io::awaitable<std::optional<smtp::step>> open_relay_from(smtp::dialog& dialog);
    io::awaitable<void> open_relay(const smtp::dialog& dialog, backend_link& link);
    void tell_open(const smtp::open_step& step, const smtp::open_dialog& of);
    io::awaitable<std::optional<smtp::step>> hand_off_from(smtp::dialog& dialog);
    io::awaitable<io::replay_result> replay(const smtp::dialog& dialog, backend_link& link);
    io::awaitable<io::relay_outcome> relay_rest(const smtp::dialog& dialog, backend_link& link,
                                                bool backend_has_chunking);
    io::awaitable<void> end_relay(io::relay_outcome& done);
    void remember();
    [[nodiscard]] tick_span command_time_limit() const noexcept;
    void tell(const smtp::note& what);
    void tell_refusal(const smtp::recipient_refused& what);

    void tell_backend_failed(std::string_view reason, smtp::identity about) noexcept;
    void tell_backend_works() noexcept;
    /// @param when it had greeted the client
    void tell_identity_taken(tick when) noexcept;
    io::awaitable<bool> may_use_backend();
    void tell_way_in();
    io::awaitable<void> hand_off();
    io::awaitable<io::opened> open_backend(backend_link& link);
    io::awaitable<io::relay_outcome> relay_new(backend_link& link, const io::opened& opened);
    /// @param greeted when the backend had greeted
    /// @param is_taken proof that it takes the address of the client
    io::awaitable<void> end_relay_of_new(io::relay_outcome& done, tick greeted, bool is_taken);
    io::awaitable<void> defer();
    io::awaitable<void> dismiss();
    io::awaitable<void> dismiss_from_dialog(const smtp::step& last);
    io::awaitable<void> complete_greeting(smtp::reply answer);
    io::awaitable<void> answer_for_backend(const io::opened& opened);
    io::awaitable<void> cut_off(const io::relay_outcome& done);

    void enter(event::phase phase) noexcept;
    void client_gone();

    environment& env_;
    std::shared_ptr<const snapshot> snapshot_;
    io::stream stream_;
    endpoint client_;
    endpoint local_;
    tick accepted_;
    tick phase_begun_;
    tick decided_{};
    io::stream_group streams_;
    io::stream_group::membership member_;
    registry::admission admission_;
    screen::screener screener_;
    class early_tests;
    std::unique_ptr<early_tests> early_; ///< while they run
    bool teaser_sent_ = false;
    bool backend_has_it_ = false;
    bool tls_failed_ = false;
    bool remembered_ = false;
    bool is_acquainted_ = false; ///< a known sender, or a host that takes our mail
    bool was_handed_off_ = false;
    bool has_mail_accepted_ = false;
    smtp::speech spoke_ = smtp::speech::unknown; ///< what it said before its turn
    abuse::offence_set offences_;
    /// It is to go; "" = without a word, nothing = it may stay.
    std::optional<std::string> send_away_;

    event::phase phase_ = event::phase::connect;
    screen::judgement verdict_;
    event::ended_by ended_by_ = event::ended_by::client;
    score_summary score_;
    std::unique_ptr<outcome> outcome_;
};

} // namespace fendmail::app
