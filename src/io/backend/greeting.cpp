// SPDX-License-Identifier: Apache-2.0
#include "greeting.hpp"

#include <array>

namespace fendmail::io {

awaitable<opened> read_greeting(stream& server, smtp::handoff_dialog& dialog, deadline& limit)
{
    opened result;
    std::array<char, 4096> buffer;
    smtp::handoff_step step;
    while (step.then == smtp::handoff_next::read) {
        if (!step.output.empty() && co_await server.write(step.output, &limit) != wait_end::ready) {
            result.reason = "it closed the connection before its greeting";
            co_return result;
        }
        const auto got = co_await server.read_some(asio::buffer(buffer), &limit);
        switch (got.end) {
        case wait_end::ready: step = dialog.on_octets({buffer.data(), got.octets}); break;
        case wait_end::timed_out: step = dialog.on_time_limit(); break;
        case wait_end::closed:
        case wait_end::failed:
        case wait_end::woken: step = dialog.on_eof(); break;
        }
    }
    if (step.then == smtp::handoff_next::ready) {
        result.end = open_end::greeted;
        result.greeting = dialog.greeting_raw();
    } else {
        result.reason = dialog.failure_text();
        result.refusal = dialog.backend_reply();
        result.about = dialog.about();
    }
    co_return result;
}

} // namespace fendmail::io
