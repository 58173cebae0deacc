// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/render.hpp"
#include "fields.hpp"

#include <concepts>
#include <fmt/format.h>
#include <string_view>

/// What the line of an event in postscreen's format is written with (`phrase(out)`,
/// core/event/base.hpp). Private to the renderers.
///
/// The phrases in capitals, "NOQUEUE: …", "addr … listed by domain …", "… STRESS mode …" and
/// "cache … cleanup: …" are postscreen's and must stay as they are: fail2ban, pflogsumm and
/// exporters parse them.
/// Units: durations are seconds; with two significant digits in postscreen's own phrases (delay),
/// with three decimals elsewhere (pair).
/// Memory: one buffer for escaped text, used again for all parts of a line.
/// Errors: none.
/// Threads: one writer belongs to one call.
namespace fendmail::event {

class phrase_writer {
public:
    phrase_writer(fmt::memory_buffer& out, log_words words) noexcept
        : out_{out}
        , words_{words}
    {
    }

    template <class... Args>
    void say(fmt::format_string<const Args&...> format, const Args&... args)
    {
        fmt::format_to(fmt::appender(out_), format, args...);
    }
    /// Octets as they are, for what every connection logs and where there is nothing to format:
    /// fmt reads a format string anew each time, which costs more than all else here.
    void say(std::string_view text) { out_.append(text.data(), text.data() + text.size()); }

    /// Text of ours: a reason, a path, a reply.
    void own(std::string_view text) { append_own_text(out_, text); }
    /// Text that a client sent.
    void client_text(std::string_view text) { append_client_text(out_, text); }
    /// The same between < and >.
    void bracketed(std::string_view text) { append_bracketed(out_, text); }
    void delay(milliseconds span) { append_delay(out_, span); }

    // " name=value"; nothing for an empty text.
    void pair(std::string_view name, std::string_view word);
    void pair(std::string_view name, milliseconds span);
    void pair(std::string_view name, std::integral auto number)
    {
        const fmt::format_int digits{number};
        pair(name, {digits.data(), digits.size()});
    }
    void own_pair(std::string_view name, std::string_view text);
    void client_pair(std::string_view name, std::string_view text);
    /// As own_pair(), with quotes in any case.
    void quoted_pair(std::string_view name, std::string_view text);

    /// How access lists are called: "ALLOW" or "WHITE", "DENY" or "BLACK"; "LISTED" follows.
    [[nodiscard]] std::string_view allow() const noexcept
    {
        return words_ == log_words::respectful ? "ALLOW" : "WHITE";
    }
    [[nodiscard]] std::string_view deny() const noexcept
    {
        return words_ == log_words::respectful ? "DENY" : "BLACK";
    }

private:
    void put_name(std::string_view name);

    fmt::memory_buffer& out_;
    log_words words_;
    fmt::memory_buffer scratch_;
};

} // namespace fendmail::event
