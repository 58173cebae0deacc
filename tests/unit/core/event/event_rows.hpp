// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"

#include <string>
#include <vector>

namespace fendmail::event {

inline const endpoint client{ip_address::v4({192, 0, 2, 1}), 12345};

/// One event and what the three formats make of it. `fields` is JSON without what all events
/// share; logfmt is derived from `logfmt` in the same way.
struct row {
    any_event what;
    const char* name;
    const char* level;
    std::string phrase;
    std::string fields;
    std::string logfmt;
};

inline constexpr auto from_json = R"("client":"192.0.2.1","client_port":12345)";
inline constexpr auto from_logfmt = "client=192.0.2.1 client_port=12345";

inline std::string json(const char* rest)
{
    return std::string{from_json} + rest;
}

inline std::string logfmt(const char* rest)
{
    return std::string{from_logfmt} + rest;
}

/// Of names of clients.
inline std::vector<row> client_name_rows()
{
    return {
        {client_name_counted{client, "no_ptr", 1, ""}, "client_name_counted", "info",
         "CLIENT NAME no_ptr weight 1 for [192.0.2.1]:12345",
         json(R"(,"signal":"no_ptr","weight":1,"text":"")"),
         logfmt(R"( signal=no_ptr weight=1 text="")")},
        {client_name_counted{client, "own_helo", 2, "mx1\r\n"}, "client_name_counted", "info",
         R"(CLIENT NAME own_helo weight 2 for [192.0.2.1]:12345: mx1\r\n)",
         json(R"(,"signal":"own_helo","weight":2,"text":"mx1\\r\\n")"),
         logfmt(R"( signal=own_helo weight=2 text="mx1\\r\\n")")},
    };
}

/// Of known senders.
inline std::vector<row> sender_rows()
{
    using screen::exemption;
    return {
        {known_sender{client, "gmail.com", exemption::all}, "known_sender", "info",
         "KNOWN SENDER [192.0.2.1]:12345 gmail.com", json(R"(,"domain":"gmail.com","skip":"all")"),
         logfmt(" domain=gmail.com skip=all")},
        {known_sender{client, "gmail.com", exemption::deep}, "known_sender", "info",
         "KNOWN SENDER [192.0.2.1]:12345 gmail.com", json(R"(,"domain":"gmail.com","skip":"deep")"),
         logfmt(" domain=gmail.com skip=deep")},
        {sender_loaded{"gmail.com", 12, seconds{11100}}, "sender_loaded", "info",
         "known sender gmail.com: 12 networks, 3h 5m old",
         R"("domain":"gmail.com","networks":12,"age_seconds":11100)",
         "domain=gmail.com networks=12 age_seconds=11100"},
        {sender_refreshed{"gmail.com", 12, true}, "sender_refreshed", "info",
         "known sender gmail.com: 12 networks, refreshed, changed",
         R"("domain":"gmail.com","networks":12,"changed":true)",
         "domain=gmail.com networks=12 changed=true"},
        {sender_refreshed{"gmail.com", 12, false}, "sender_refreshed", "info",
         "known sender gmail.com: 12 networks, refreshed, unchanged",
         R"("domain":"gmail.com","networks":12,"changed":false)",
         "domain=gmail.com networks=12 changed=false"},
        {sender_not_refreshed{"gmail.com", "TXT of gmail.com: SERVFAIL", 12, seconds{11100}},
         "sender_not_refreshed", "warning",
         "warning: known sender gmail.com not refreshed: TXT of gmail.com: SERVFAIL; its 12 "
         "networks, 3h 5m old, stay in use",
         R"("domain":"gmail.com","reason":"TXT of gmail.com: SERVFAIL","networks":12,)"
         R"("age_seconds":11100)",
         R"(domain=gmail.com reason="TXT of gmail.com: SERVFAIL" networks=12 age_seconds=11100)"},
        {sender_not_refreshed{"a.test", "a.test has no SPF record", 0, seconds{0}},
         "sender_not_refreshed", "warning",
         "warning: known sender a.test not refreshed: a.test has no SPF record; it has no "
         "networks",
         R"("domain":"a.test","reason":"a.test has no SPF record","networks":0,"age_seconds":0)",
         R"(domain=a.test reason="a.test has no SPF record" networks=0 age_seconds=0)"},
        {sender_partial{"a.test", "\"ptr\" of a.test is not expanded"}, "sender_partial", "warning",
         "warning: known sender a.test: a part of its SPF record is not used: \"ptr\" of a.test "
         "is not expanded",
         R"("domain":"a.test","notes":"\"ptr\" of a.test is not expanded")",
         R"(domain=a.test notes="\"ptr\" of a.test is not expanded")"},
        {sender_outdated{"a.test", 3, seconds{15 * 86400}}, "sender_outdated", "warning",
         "warning: known sender a.test: its 3 networks are 15d old and stay in use: check why its "
         "SPF record cannot be had, or take it out of known_senders.spf",
         R"("domain":"a.test","networks":3,"age_seconds":1296000)",
         "domain=a.test networks=3 age_seconds=1296000"},
    };
}

/// Of resolvers in trouble.
inline std::vector<row> resolver_rows()
{
    return {
        {resolver_unavailable{"192.0.2.53", "nobody answers", {40, 1, 39, milliseconds{50}, 16}},
         "resolver_unavailable", "warning",
         "warning: resolver 192.0.2.53 unavailable: nobody answers (40 questions sent, 1 answered, "
         "39 lost, asked again after 50 ms, 16 at a time); clients count as not listed until it "
         "answers: check "
         "the configured resolvers",
         R"("resolver":"192.0.2.53","reason":"nobody answers","sent":40,"answered":1)"
         R"(,"lost":39,"retransmission":0.050,"window":16)",
         R"(resolver=192.0.2.53 reason="nobody answers" sent=40 answered=1)"
         R"( lost=39 retransmission=0.050 window=16)"},
        {resolver_available{"192.0.2.53", seconds{60}}, "resolver_available", "info",
         "resolver 192.0.2.53 answers again after 60 s",
         R"("resolver":"192.0.2.53","after_seconds":60)",
         R"(resolver=192.0.2.53 after_seconds=60)"},
        {resolver_losing{"192.0.2.53", {400, 200, 200, milliseconds{1200}, 16}}, "resolver_losing",
         "warning",
         "warning: resolver 192.0.2.53 loses much: 400 questions sent, 200 answered, 200 lost, "
         "asked again after 1200 ms, 16 at a time; clients wait longer: look at its load, its "
         "receive buffer and "
         "the way to it",
         R"("resolver":"192.0.2.53","sent":400,"answered":200)"
         R"(,"lost":200,"retransmission":1.200,"window":16)",
         R"(resolver=192.0.2.53 sent=400 answered=200 lost=200 retransmission=1.200 window=16)"},
        {resolver_steady{"192.0.2.53", seconds{30}, {400, 399, 1, milliseconds{50}, 16}},
         "resolver_steady", "info",
         "resolver 192.0.2.53 loses little again after 30 s: 400 questions sent, 399 answered, 1 "
         "lost, asked again after 50 ms, 16 at a time",
         R"("resolver":"192.0.2.53","after_seconds":30,"sent":400,"answered":399)"
         R"(,"lost":1,"retransmission":0.050,"window":16)",
         R"(resolver=192.0.2.53 after_seconds=30 sent=400 answered=399)"
         R"( lost=1 retransmission=0.050 window=16)"},
    };
}

/// Of the process.
inline std::vector<row> process_rows()
{
    return {
        {started{"0.1.0", "/etc/f.toml"}, "started", "info",
         "started version 0.1.0 with configuration /etc/f.toml",
         R"("version":"0.1.0","config":"/etc/f.toml")", "version=0.1.0 config=/etc/f.toml"},
        {listening{"[::]:25", 2}, "listening", "info", "listening on [::]:25 with 2 workers",
         R"("address":"[::]:25","workers":2)", "address=[::]:25 workers=2"},
        {listening{"[::]:25", 1}, "listening", "info", "listening on [::]:25 with 1 worker",
         R"("address":"[::]:25","workers":1)", "address=[::]:25 workers=1"},
        {privileges_dropped{"fendmail"}, "privileges_dropped", "info",
         "privileges dropped, running as user fendmail", R"("user":"fendmail")", "user=fendmail"},
        {accept_failed{"too many open files"}, "accept_failed", "warning",
         "warning: cannot accept connections: too many open files; new clients wait: if this "
         "lasts, raise the limit of open files (LimitNOFILE)",
         R"("reason":"too many open files")", R"(reason="too many open files")"},
        {stress_changed{true, 900}, "stress_changed", "info",
         "entering STRESS mode with 900 connections", R"("entered":true,"sessions":900)",
         "entered=true sessions=900"},
        {stress_changed{false, 690}, "stress_changed", "info",
         "leaving STRESS mode with 690 connections", R"("entered":false,"sessions":690)",
         "entered=false sessions=690"},
        {reloaded{"/etc/f.toml"}, "reloaded", "info", "reloaded configuration /etc/f.toml",
         R"("config":"/etc/f.toml")", "config=/etc/f.toml"},
        {reload_rejected{"f.toml:1:2: no \"a\"\nf.toml:3:4: b\n"}, "reload_rejected", "error",
         "error: configuration not reloaded, the old one stays in use: f.toml:1:2: no \"a\"; "
         "f.toml:3:4: b",
         R"("errors":"f.toml:1:2: no \"a\"; f.toml:3:4: b")",
         R"(errors="f.toml:1:2: no \"a\"; f.toml:3:4: b")"},
        {reload_incomplete{"listen, workers"}, "reload_incomplete", "warning",
         "warning: restart needed before these changes take effect: listen, workers",
         R"("keys":"listen, workers")", R"(keys="listen, workers")"},
        {stopping{1, seconds{30}}, "stopping", "info", "stopping: 1 session may finish within 30 s",
         R"("sessions":1,"deadline_seconds":30)", "sessions=1 deadline_seconds=30"},
        {stopped{2}, "stopped", "info", "stopped, 2 sessions cut off", R"("sessions_cut":2)",
         "sessions_cut=2"},
        {log_unavailable{"syslog", "/dev/log: No such file or directory"}, "log_unavailable",
         "warning",
         "warning: cannot write the log to syslog: /dev/log: No such file or directory; until that "
         "works, it goes to stderr",
         R"("target":"syslog","reason":"/dev/log: No such file or directory")",
         R"(target=syslog reason="/dev/log: No such file or directory")"},
        {log_restored{"syslog", seconds{12}}, "log_restored", "info",
         "the log goes to syslog again after 12 s", R"("target":"syslog","after_seconds":12)",
         "target=syslog after_seconds=12"},
        {log_lines_lost{5, "2026-01-02T03:04:05.678Z", "2026-01-02T03:05:00.000Z", "too slow"},
         "log_lines_lost", "warning",
         "warning: 5 log lines lost between 2026-01-02T03:04:05.678Z and 2026-01-02T03:05:00.000Z: "
         "too slow",
         R"("lines":5,"since":"2026-01-02T03:04:05.678Z","until":"2026-01-02T03:05:00.000Z",)"
         R"("reason":"too slow")",
         R"(lines=5 since=2026-01-02T03:04:05.678Z until=2026-01-02T03:05:00.000Z )"
         R"(reason="too slow")"},
        {notice{"workers: 2"}, "notice", "info", "workers: 2", R"("text":"workers: 2")",
         R"(text="workers: 2")"},
        {caution{"an open door"}, "caution", "warning", "warning: an open door",
         R"("text":"an open door")", R"(text="an open door")"},
        {internal_error{"session 3: bad_alloc"}, "internal_error", "error",
         "error: internal error: session 3: bad_alloc; please report it",
         R"("text":"session 3: bad_alloc")", R"(text="session 3: bad_alloc")"},
    };
}

inline std::vector<row> backend_and_store_rows()
{
    return {
        {backend_unavailable{client, "127.0.0.1:10025", "connection refused"},
         "backend_unavailable", "warning",
         "warning: backend 127.0.0.1:10025 unavailable for [192.0.2.1]:12345: connection refused",
         json(R"(,"backend":"127.0.0.1:10025","reason":"connection refused")"
              R"(,"clients":1,"after_seconds":0)"),
         logfmt(R"( backend=127.0.0.1:10025 reason="connection refused" clients=1)"
                " after_seconds=0")},
        {backend_unavailable{client, "127.0.0.1:10025", "connection refused", 12, seconds{600}},
         "backend_unavailable", "warning",
         "warning: backend 127.0.0.1:10025 unavailable for [192.0.2.1]:12345: connection refused; "
         "for 600 s now, 12 clients could not be handed over",
         json(R"(,"backend":"127.0.0.1:10025","reason":"connection refused")"
              R"(,"clients":12,"after_seconds":600)"),
         logfmt(R"( backend=127.0.0.1:10025 reason="connection refused" clients=12)"
                " after_seconds=600")},
        {backend_restored{"127.0.0.1:10025", seconds{75}, 1}, "backend_restored", "info",
         "backend 127.0.0.1:10025 takes clients again after 75 s; 1 client could not be handed "
         "over meanwhile",
         R"("backend":"127.0.0.1:10025","after_seconds":75,"clients":1)",
         "backend=127.0.0.1:10025 after_seconds=75 clients=1"},
        {backend_suspended{"127.0.0.1:10025", "it answered the header with 500", "mend it"},
         "backend_suspended", "warning",
         "warning: backend 127.0.0.1:10025 suspended: it does not take the address of the client: "
         "it answered the header with 500; clients are told to come again until it does: mend it",
         R"("backend":"127.0.0.1:10025","reason":"it answered the header with 500",)"
         R"("advice":"mend it")",
         R"(backend=127.0.0.1:10025 reason="it answered the header with 500" advice="mend it")"},
        {backend_proven{"127.0.0.1:10025", seconds{75}, 12}, "backend_proven", "info",
         "backend 127.0.0.1:10025 is in use again after 75 s: it takes the address of the client; "
         "12 clients were told to come again meanwhile",
         R"("backend":"127.0.0.1:10025","after_seconds":75,"clients":12)",
         "backend=127.0.0.1:10025 after_seconds=75 clients=12"},
        {store_unavailable{"disk full"}, "store_unavailable", "warning",
         "warning: client store unavailable: disk full; until it works, clients that pass are "
         "remembered in memory: check its file and disk",
         R"("reason":"disk full","failures":1,"after_seconds":0)",
         R"(reason="disk full" failures=1 after_seconds=0)"},
        {store_unavailable{"disk full", 7, seconds{60}}, "store_unavailable", "warning",
         "warning: client store unavailable: disk full; for 60 s now, tried 7 times; until it "
         "works, clients that pass are remembered in memory: check its file and disk",
         R"("reason":"disk full","failures":7,"after_seconds":60)",
         R"(reason="disk full" failures=7 after_seconds=60)"},
        {store_restored{"/var/a", seconds{61}, 1}, "store_restored", "info",
         "client store /var/a works again after 61 s; 1 record waited in memory for it",
         R"("path":"/var/a","after_seconds":61,"records":1)",
         "path=/var/a after_seconds=61 records=1"},
        {store_moved_aside{"/var/a", "/var/a.bad", "wrong version"}, "store_moved_aside", "warning",
         "warning: client store /var/a is unusable (wrong version): moved to /var/a.bad and "
         "started empty; delete that file when nobody needs it",
         R"("path":"/var/a","to":"/var/a.bad","reason":"wrong version")",
         R"(path=/var/a to=/var/a.bad reason="wrong version")"},
        {store_swept{12, 3}, "store_swept", "info",
         "cache clients full cleanup: retained=12 dropped=3 entries",
         R"("retained":12,"dropped":3)", "retained=12 dropped=3"},
    };
}

} // namespace fendmail::event
