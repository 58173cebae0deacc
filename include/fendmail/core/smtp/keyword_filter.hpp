// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

/// Takes out of a backend's EHLO replies, while they are relayed, what a client behind a front end
/// must not be offered: PIPECONNECT (Exim 4.93 and later, also as X_PIPE_CONNECT), since a client
/// that has seen it once talks before the greeting from then on, and would fail our greet wait; and
/// what the admin hides. It hides only: a client that uses an extension that was not offered
/// is the backend's to answer, as behind postscreen.
///
/// Source: RFC 5321 §4.1.1.1 (ehlo-line), §4.2 (reply syntax); Exim's early pipelining.
/// Units: octets.
/// Memory: one reply line of at most limits::reply_line_octets while the filter works.
/// Errors: none; from the first octet on that is no SMTP reply, everything passes as it is.
/// Threads: one of these belongs to one session.
///
/// It works from the greeting on, up to the first reply that is followed by something else than
/// commands (DATA's, AUTH's, STARTTLS's): a client says EHLO before it says one of these. What the
/// admin hides must not come to light by a second EHLO; then only STARTTLS's 220 ends it. A last
/// line is never held back, so no client waits for octets that are there.
namespace fendmail::smtp {

class keyword_filter {
public:
    keyword_filter() noexcept = default;
    /// @param hidden keywords besides PIPECONNECT, upper case; they must outlive the filter
    explicit keyword_filter(std::span<const std::string> hidden) noexcept
        : hidden_{hidden}
    {
    }

    /// Everything passes from now on.
    [[nodiscard]] bool is_done() const noexcept { return done_; }
    /// @return what to send on
    [[nodiscard]] std::string on_backend(std::string_view octets);

private:
    [[nodiscard]] bool is_hidden(std::string_view line) const noexcept;
    [[nodiscard]] bool ends_the_commands(std::string_view line) const noexcept;
    void end_line(std::string& out);
    void stop(std::string& out);

    std::span<const std::string> hidden_;
    std::string line_;          ///< the one under way
    std::string held_;          ///< "250-KEYWORD": it may become the last one
    bool is_first_line_ = true; ///< of its reply: a name and no keyword
    bool done_ = false;
};

} // namespace fendmail::smtp
