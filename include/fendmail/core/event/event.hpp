// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/screen/test.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

/// Everything that happens and is worth telling: a closed list, one struct each. Log lines and
/// metrics are made from these and from nothing else, so they cannot disagree.
///
/// Units: octets and counts as named; durations in milliseconds; TTLs in seconds.
/// Memory: views, no copies. An event lives only as long as the call of `sink::on`.
/// Client text is raw here; the renderers escape and cut it, and nothing else does.
namespace fendmail::event {

// ── one client ────────────────────────────────────────────────────────────────────────────────

struct connected {
    endpoint client;
    endpoint local;
};
/// The access list says permit.
struct allowlisted {
    endpoint client;
    std::string_view rule;
};
/// The access list says reject.
struct denylisted {
    endpoint client;
    std::string_view rule;
};
/// No rule matches, and the SPF record of this domain names the client.
struct known_sender {
    endpoint client;
    std::string_view domain;
    screen::exemption skip = screen::exemption::all;
};
/// The client is new, and the address it connected to does not let it earn a pass.
struct vetoed {
    endpoint client;
    endpoint local;
};
struct passed {
    endpoint client;
    bool is_new = false;
};
struct pregreeted {
    endpoint client;
    std::size_t octets = 0; ///< how many were there, at most limits::pregreet_octets
    milliseconds after{0};
    std::string_view text;
};
/// The score reached the threshold.
struct dnsbl_scored {
    endpoint client;
    int score = 0;
    std::string_view reply_name;
};

/// A deep test failed.
struct protocol_fault {
    endpoint client;
    screen::test test = screen::test::pipelining;
    std::string_view after; ///< the verb before the fault; "" for a bare newline
    std::string_view text;  ///< what the client sent
};

enum class phase : std::uint8_t {
    connect,  ///< accepted, nothing decided
    early,    ///< before the final 220: greet wait, DNSBL
    dialog,   ///< our own SMTP side
    hand_off, ///< connecting the backend or in transit to it
    relay,    ///< between client and backend
};
/// A name of the client adds to its score.
struct client_name_counted {
    endpoint client;
    std::string_view signal; ///< "no_ptr", "unconfirmed_ptr", "own_helo"
    int weight = 0;
    std::string_view text; ///< the name: of its address, or from HELO; "" when there is none
};
struct hung_up {
    endpoint client;
    milliseconds after{0};
    event::phase phase = phase::early;
};
struct disconnected {
    endpoint client;
};

struct recipient_refused {
    endpoint client;
    std::string_view reply; ///< code, enhanced code, text; without footer
    std::string_view from;
    std::string_view to;
    std::string_view helo;
    bool esmtp = false;
};
enum class connect_refusal : std::uint8_t {
    too_many_connections,
    all_screening_ports_busy,
    all_server_ports_busy,
    network_asked_too_much, ///< its neighbours have had all lookups of lists that a network may
                            ///< have
};
struct connect_refused {
    endpoint client;
    connect_refusal why = connect_refusal::too_many_connections;
};
struct mail_without_recipient {
    endpoint client;
    std::string_view verb;
};
enum class command_limit : std::uint8_t { count, length, time };
struct command_limit_exceeded {
    endpoint client;
    command_limit which = command_limit::count;
    std::string_view after;
};

/// Somebody put plain text behind STARTTLS; the session ended.
struct plaintext_injected {
    endpoint client;
    std::string_view text;
};
/// What client or backend sent in a relayed session is not forwarded, and the session ended: see
/// smtp::data_guard.
struct relay_stopped {
    endpoint client;
    std::string_view fault; ///< "bare_lf"
    std::string_view place; ///< "command", "message" or "reply"
    std::uint64_t offset = 0;
};
struct tls_started {
    endpoint client;
    std::string_view summary; ///< "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256 bits)"
};
/// The handshake, or a record behind it, failed; or it took too long. The session ended.
struct tls_failed {
    endpoint client;
    std::string_view reason;
};
/// A balancer that is trusted to say who its clients are did not say it.
struct proxy_header_refused {
    endpoint balancer;
    endpoint local;
    std::string_view reason;
    std::string_view text;  ///< what it sent instead, its beginning
    std::size_t untold = 0; ///< others since the last such event, which may come in floods
};

enum class ended_by : std::uint8_t { client, fendmail, backend };
enum class verdict : std::uint8_t {
    allowlisted, ///< handed off by the access list
    pass_old,    ///< handed off, known client
    pass_new,    ///< handed off after its tests
    passed,      ///< handed off although an ignored test failed; nothing was remembered of it
    rejected,    ///< refused with a reply
    dropped,     ///< refused at once by a test whose action is drop
    deferred,    ///< trouble of ours or a limit: 4xx
    left,        ///< the client went away before a verdict
};
/// The last event of every session.
struct session_ended {
    std::uint64_t session = 0; ///< counts up from 1 in one process
    endpoint client;
    endpoint local;
    event::verdict verdict = verdict::left;
    event::ended_by ended_by = ended_by::client;
    event::phase phase = phase::connect; ///< in which it ended
    std::string_view reasons; ///< comma separated: "pregreet", "dnsbl", "access_list", …; "" none
    int dnsbl_score = 0;
    bool dnsbl_complete = true;
    /// The lists that made the score, each with the answers that counted and their weight:
    /// "zen.example:127.0.0.2*3,swl.example:127.0.0.4*-2"; the names are those for replies.
    std::string_view dnsbl_lists;
    std::string_view dnsbl_skipped{}; ///< why lists were not asked: "private_address"; "" they were
    std::string_view reply;           ///< the refusal, "" for none
    std::string_view helo;
    milliseconds screening{0};    ///< accept to verdict
    unsigned dnsbl_retries = 0;   ///< questions to lists that had to be asked again
    milliseconds late_wait{0};    ///< of it, what lists took beyond the greet wait
    milliseconds hand_off{0};     ///< verdict to backend greeting or fd taken; 0 = none
    milliseconds total{0};        ///< accept to end
    std::uint64_t octets_in = 0;  ///< relayed, client to backend
    std::uint64_t octets_out = 0; ///< relayed, backend to client
};

// ── DNS ───────────────────────────────────────────────────────────────────────────────────────

struct dnsbl_listed {
    ip_address client;
    std::string_view zone;
    ip_address answer;
};
/// An answer that is not a listing: an error code of the list, or what no list answers.
struct dnsbl_answer_ignored {
    ip_address client;
    std::string_view zone;
    ip_address answer;
    bool error_code = false;
};
struct dnsbl_failed {
    ip_address client;
    std::string_view zone;
    std::string_view reason;
};
/// Of a resolver in some seconds: datagrams, and how long it is waited for before one is lost.
struct resolver_traffic {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint64_t lost = 0;
    milliseconds retransmission{0};
    std::size_t window = 0; ///< datagrams that the slowest list may have on their way
};
/// None of its servers answers anything.
struct resolver_unavailable {
    std::string_view resolver;
    std::string_view reason;
    resolver_traffic traffic{};
};
struct resolver_available {
    std::string_view resolver;
    seconds after{0};
};
/// It answers, but much is lost and has to be asked again.
struct resolver_losing {
    std::string_view resolver;
    resolver_traffic traffic{};
};
struct resolver_steady {
    std::string_view resolver;
    seconds after{0};
    resolver_traffic traffic{};
};
/// A list counts for nothing until its test succeeds.
struct list_suspended {
    std::string_view zone;
    std::string_view trouble; ///< one word of dnsbl::zone_trouble
    std::string_view reason;  ///< the same as a sentence
    std::string_view advice;
};
struct list_restored {
    std::string_view zone;
    seconds after{0};
};
/// All lists behind it are suspended: it answers for names that do not exist.
struct resolver_distrusted {
    std::string_view resolver;
};
struct resolver_restored {
    std::string_view resolver;
    seconds after{0};
};

// ── known senders ─────────────────────────────────────────────────────────────────────────────

/// The networks of a domain as they were kept.
struct sender_loaded {
    std::string_view domain;
    std::size_t networks = 0;
    seconds age{0};
};
/// What the SPF record of a domain says now.
struct sender_refreshed {
    std::string_view domain;
    std::size_t networks = 0;
    bool changed = false;
};
/// The networks of the last time stay.
struct sender_not_refreshed {
    std::string_view domain;
    std::string_view reason;
    std::size_t networks = 0;
    seconds age{0};
};
/// A part of the record is left out.
struct sender_partial {
    std::string_view domain;
    std::string_view notes;
};
/// Older than `known_senders.max_age`.
struct sender_outdated {
    std::string_view domain;
    std::size_t networks = 0;
    seconds age{0};
};

// ── backend, store ────────────────────────────────────────────────────────────────────────────

/// Told when it begins, and now and then while it lasts.
struct backend_unavailable {
    endpoint client;
    std::string_view backend;
    std::string_view reason;
    std::size_t clients = 1; ///< that could not be handed over since it began
    seconds after{0};        ///< since it began
};
struct backend_restored {
    std::string_view backend;
    seconds after{0};
    std::size_t clients = 0; ///< that could not be handed over meanwhile
};
/// There is proof that it does not take the addresses of clients: none goes there until it does.
struct backend_suspended {
    std::string_view backend;
    std::string_view reason;
    std::string_view advice;
};
struct backend_proven {
    std::string_view backend;
    seconds after{0};
    std::size_t clients = 0; ///< that were told to come again
};
/// Told when it begins, and now and then while it lasts.
struct store_unavailable {
    std::string_view reason;
    std::size_t failures = 1; ///< since it began
    seconds after{0};         ///< since it began
};
struct store_restored {
    std::string_view path;
    seconds after{0};
    std::size_t records = 0; ///< that waited in memory and go to the file now
};
struct store_moved_aside {
    std::string_view path;
    std::string_view to;
    std::string_view reason;
};
struct store_swept {
    std::size_t retained = 0;
    std::size_t dropped = 0;
};

// ── the process ───────────────────────────────────────────────────────────────────────────────

struct started {
    std::string_view version;
    std::string_view config;
};
struct listening {
    std::string_view address;
    unsigned workers = 0;
};
struct privileges_dropped {
    std::string_view user;
};
struct accept_failed {
    std::string_view reason;
};
struct stress_changed {
    bool entered = false;
    std::size_t sessions = 0;
};
struct reloaded {
    std::string_view config;
};
struct reload_rejected {
    std::string_view errors;
};
/// A part of a reload that needs a restart.
struct reload_incomplete {
    std::string_view keys;
};
struct stopping {
    std::size_t sessions = 0;
    seconds deadline{0};
};
struct stopped {
    std::size_t sessions_cut = 0;
};
/// What is logged meanwhile goes to stderr.
struct log_unavailable {
    std::string_view target;
    std::string_view reason;
};
struct log_restored {
    std::string_view target;
    seconds after{0};
};
struct log_lines_lost {
    std::size_t lines = 0;
    std::string_view since; ///< RFC 3339; no line before it is missing …
    std::string_view until; ///< … and none behind it
    std::string_view reason;
};
/// Worth knowing, nothing to do.
struct notice {
    std::string_view text;
};
/// An admin should look at it.
struct caution {
    std::string_view text;
};
/// Our own bug.
struct internal_error {
    std::string_view text;
};

} // namespace fendmail::event

namespace fendmail {

using any_event =
    std::variant<event::connected, event::allowlisted, event::denylisted, event::known_sender,
                 event::vetoed, event::passed, event::protocol_fault, event::plaintext_injected,
                 event::relay_stopped, event::tls_started, event::tls_failed, event::pregreeted,
                 event::dnsbl_scored, event::client_name_counted, event::hung_up,
                 event::disconnected, event::recipient_refused, event::connect_refused,
                 event::mail_without_recipient, event::command_limit_exceeded,
                 event::proxy_header_refused, event::session_ended, event::dnsbl_listed,
                 event::dnsbl_answer_ignored, event::dnsbl_failed, event::resolver_unavailable,
                 event::resolver_available, event::resolver_losing, event::resolver_steady,
                 event::list_suspended, event::list_restored, event::resolver_distrusted,
                 event::resolver_restored, event::sender_loaded, event::sender_refreshed,
                 event::sender_not_refreshed, event::sender_partial, event::sender_outdated,
                 event::backend_unavailable, event::backend_restored, event::backend_suspended,
                 event::backend_proven, event::store_unavailable, event::store_restored,
                 event::store_moved_aside, event::store_swept, event::started, event::listening,
                 event::privileges_dropped, event::accept_failed, event::stress_changed,
                 event::reloaded, event::reload_rejected, event::reload_incomplete, event::stopping,
                 event::stopped, event::log_unavailable, event::log_restored, event::log_lines_lost,
                 event::notice, event::caution, event::internal_error>;

/// Where events go. Called from any worker; must not block or throw.
class event_sink {
public:
    event_sink() = default;
    event_sink(const event_sink&) = delete;
    event_sink& operator=(const event_sink&) = delete;
    virtual ~event_sink() = default;
    virtual void on(const any_event& what) noexcept = 0;
};

namespace event {
[[nodiscard]] std::string_view to_string(phase p) noexcept;
[[nodiscard]] std::string_view to_string(ended_by e) noexcept;
[[nodiscard]] std::string_view to_string(verdict v) noexcept;
[[nodiscard]] std::string_view to_string(connect_refusal c) noexcept;
[[nodiscard]] std::string_view to_string(command_limit c) noexcept;
} // namespace event

} // namespace fendmail
