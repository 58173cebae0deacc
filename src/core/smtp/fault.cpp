// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/fault.hpp"

namespace fendmail::smtp {

namespace {

constexpr const char* own_helo_text = "Service unavailable; HELO name is not yours";

} // namespace

reply refusal_of(fault f)
{
    switch (f) {
    case fault::own_helo: return make_reply(550, "5.7.1", own_helo_text);
    case fault::bare_newline:
    case fault::non_smtp_command:
    case fault::pipelining: break; // one text: a bot need not learn what gave it away
    }
    return make_reply(550, "5.5.1", "Protocol error");
}

reply last_words_of(fault f)
{
    switch (f) {
    case fault::non_smtp_command:
        return make_reply(521, "5.7.0", "Error: I can break rules, too. Goodbye.");
    case fault::own_helo: return make_reply(521, "5.7.1", own_helo_text);
    case fault::bare_newline:
    case fault::pipelining: break;
    }
    return make_reply(521, "5.5.1", "Protocol error");
}

std::string_view to_string(fault f) noexcept
{
    switch (f) {
    case fault::bare_newline: return "bare_newline";
    case fault::non_smtp_command: return "non_smtp_command";
    case fault::pipelining: return "pipelining";
    case fault::own_helo: return "own_helo";
    }
    return "?";
}

std::string_view to_string(on_fault o) noexcept
{
    switch (o) {
    case on_fault::unwatched: return "unwatched";
    case on_fault::tell: return "tell";
    case on_fault::refuse: return "refuse";
    case on_fault::end: return "end";
    }
    return "?";
}

} // namespace fendmail::smtp
