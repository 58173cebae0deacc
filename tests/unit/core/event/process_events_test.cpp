// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/process_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
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

std::vector<any_event> with_text(std::string_view text)
{
    return {started{text, text},
            listening{text, 1},
            privileges_dropped{text},
            accept_failed{text},
            reloaded{text},
            reload_rejected{text},
            reload_incomplete{text},
            log_unavailable{text, text},
            log_restored{text, {}},
            log_lines_lost{1, "", "", text},
            notice{text},
            caution{text},
            internal_error{text}};
}

} // namespace

TEST_CASE("process events: each has its exact line in every format", "[event]")
{
    check_rows(process_events{}, rows());
}

TEST_CASE("process events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event
