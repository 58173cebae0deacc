// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/client_memory.hpp"
#include "fendmail/app/worker.hpp"
#include "fendmail/core/screen/screener.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/io/relay.hpp"
#include "fendmail/io/stream_group.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// The inside of session.hpp: one client from accept to end. Its parts are in session.cpp (course
/// and ends), session_early.cpp (greet wait and lists), session_dialog.cpp (our own SMTP side) and
/// session_handoff.cpp (to the backend).
namespace fendmail::app {

namespace asio = boost::asio;
using io::wait_end;

/// For a reply that ends the session without a dialog.
inline constexpr milliseconds last_reply_time{10000};
/// Why a client was sent away at an orderly stop.
inline constexpr std::string_view stopping_reason = "stopping";

[[nodiscard]] inline milliseconds between(tick from, tick to)
{
    return std::chrono::duration_cast<milliseconds>(to - from);
}

class session {
public:
    session(worker& where, std::shared_ptr<const service> what, io::unique_fd connected,
            const endpoint& client, const endpoint& local);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    /// Decides what can be decided at once, and begins what comes then. Whoever waits holds the
    /// session: its wait in the event loop, or its coroutine.
    static void begin(std::unique_ptr<session> self);

private:
    [[nodiscard]] const runtime_config& config() const noexcept { return service_->config; }
    /// EHLO keywords that this client is not offered, by us or the backend.
    [[nodiscard]] std::span<const std::string> hidden_keywords() const noexcept
    {
        return config().hide_ehlo_from.of(client_.address).value_or(config().dialog.hide_ehlo);
    }
    void emit(const any_event& what) noexcept { worker_.events().on(what); }

    [[nodiscard]] client_memory memory() noexcept
    {
        return {worker_.store(), config(), client_.address};
    }

    [[nodiscard]] std::optional<event::connect_refusal> refused_at_connect() noexcept;
    [[nodiscard]] screen::step consult_access_list();
    /// The client is one of a known sender.
    [[nodiscard]] screen::step greet_sender(std::string_view domain);
    [[nodiscard]] screen::step consult_store();
    [[nodiscard]] bool is_screening_full() noexcept;
    [[nodiscard]] bool is_vetoed() const noexcept;
    static void run_early_tests(std::unique_ptr<session> self);
    static void wait_on(std::unique_ptr<session> self, screen::step step);
    static void on_wait_end(std::unique_ptr<session> self, wait_end end);
    [[nodiscard]] bool say_teaser();
    [[nodiscard]] milliseconds early_limit() const noexcept;
    [[nodiscard]] std::optional<screen::step> look_at_client();
    /// Whose lookups of lists are counted together with those of this client.
    [[nodiscard]] network neighbours() const noexcept;
    void tell_score(const dnsbl::score& score, const dnsbl::name_finding* found);
    void tell_own_helo(const smtp::fault_seen& seen);

    static void decide(std::unique_ptr<session> self, screen::step step);
    static io::awaitable<void> follow(std::unique_ptr<session> self, screen::step step);
    static io::awaitable<void> refuse(std::unique_ptr<session> self, event::connect_refusal why);
    io::awaitable<void> refuse_connection(event::connect_refusal why);
    io::awaitable<void> say_and_close(smtp::reply answer);
    [[nodiscard]] std::string footer() const;
    io::awaitable<void> run_dialog();
    io::awaitable<void> talk(smtp::dialog dialog);
    /// @return what the dialog makes of it; nothing when the connection is over
    io::awaitable<std::optional<smtp::step>> hear(smtp::dialog& dialog, io::deadline& limit);
    io::awaitable<bool> start_tls(smtp::dialog& dialog);
    io::awaitable<std::optional<smtp::step>> go_on(smtp::dialog& dialog);
    [[nodiscard]] std::string trouble_of_ours(const io::resume_result& result,
                                              const smtp::dialog& dialog) const;
    io::awaitable<io::resume_result> resume(const smtp::dialog& dialog, io::stream& server);
    io::awaitable<void> relay_rest(const smtp::dialog& dialog, io::stream& server,
                                   bool backend_has_chunking);
    io::awaitable<io::relay_result> relay_as_is(std::string_view held, io::stream& server);
    io::awaitable<void> end_relay(bool client_ended, std::optional<smtp::guard_fault> fault,
                                  std::optional<smtp::reply> last_words);
    void remember();
    void add_reason(std::string_view why);
    [[nodiscard]] tick_span command_time_limit() const noexcept;
    void tell(const smtp::note& what);
    void tell_refusal(const smtp::recipient_refused& what);
    io::awaitable<void> linger();

    void tell_backend_failed(std::string_view reason, smtp::identity about) noexcept;
    void tell_backend_works() noexcept;
    /// @param when it had greeted the client
    void tell_identity_taken(tick when) noexcept;
    io::awaitable<bool> may_use_backend();
    void tell_way_in();
    io::awaitable<void> hand_off();
    io::awaitable<io::hand_off_result> connect_backend();
    io::awaitable<void> defer();
    io::awaitable<void> dismiss();
    io::awaitable<void> dismiss_from_dialog(const smtp::step& last);
    [[nodiscard]] static smtp::reply shutting_down();
    io::awaitable<void> complete_greeting(smtp::reply answer);
    io::awaitable<void> answer_for_backend(const io::hand_off_result& result);
    io::awaitable<void> cut_off(const io::hand_off_result& result);

    void enter(event::phase phase) noexcept;
    void client_gone();

    worker& worker_;
    std::shared_ptr<const service> service_;
    io::stream stream_;
    endpoint client_;
    endpoint local_;
    tick accepted_;
    tick phase_begun_;
    tick decided_{};
    io::stream_group streams_;
    io::stream_group::membership member_;
    registry::ticket ticket_;
    screen::screener screener_;
    class early_tests;
    std::unique_ptr<early_tests> early_; ///< while they run
    bool teaser_sent_ = false;
    bool backend_has_it_ = false;
    bool tls_failed_ = false;
    bool remembered_ = false;

    event::phase phase_ = event::phase::connect;
    event::verdict verdict_ = event::verdict::left;
    event::ended_by ended_by_ = event::ended_by::client;
    int score_ = 0;
    std::shared_ptr<const std::string> listings_; ///< of lists, of which it is made; null for none
    bool score_complete_ = true;
    unsigned score_retries_ = 0;
    bool is_private_ = false; ///< and lists were not asked therefore
    /// No list could be asked, because its network has had too many lookups: it is to come again.
    bool is_withheld_ = false;
    /// What the summary says of a client beyond its wait. Whoever only waits, as most do at any
    /// time, has none.
    struct outcome {
        milliseconds late_wait{0};
        milliseconds hand_off_time{0};
        std::uint64_t octets_in = 0;
        std::uint64_t octets_out = 0;
        std::string reasons;
        std::string_view trouble; ///< a reason of the backend's
        std::string reply;
        std::string helo;
    };
    std::unique_ptr<outcome> outcome_;
};

} // namespace fendmail::app
