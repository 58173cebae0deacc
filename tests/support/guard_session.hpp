// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/data_guard.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A relayed session around a data_guard, without sockets: what each side gets to see. Scripts of
/// such sessions, which are run with every split of what is said.
namespace fendmail::smtp {

inline std::ostream& operator<<(std::ostream& out, guard_next n)
{
    return out << to_string(n);
}

inline std::ostream& operator<<(std::ostream& out, const guard_fault& f)
{
    return out << to_string(f.kind) << " in " << to_string(f.place) << " at " << f.offset;
}

} // namespace fendmail::smtp

namespace fendmail::test {

/// All that can be seen of a session.
struct guarded {
    std::string to_backend = {};
    std::string to_client = {};
    std::string left = {}; ///< of the client's octets
    std::optional<smtp::guard_fault> fault = {};
    bool has_ended = false; ///< the backend said 421
    bool waits = false;
    std::uint64_t awaited = 0;

    friend bool operator==(const guarded&, const guarded&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const guarded& g)
{
    const auto quoted = [](std::string_view text) {
        std::string made = "\"";
        for (const char c : text) {
            if (c == '\r')
                made += "\\r";
            else if (c == '\n')
                made += "\\n";
            else if (c == '\0')
                made += "\\0";
            else
                made += c;
        }
        return made + '"';
    };
    out << "\n  to_backend " << quoted(g.to_backend) << "\n  to_client  " << quoted(g.to_client)
        << "\n  left       " << quoted(g.left) << "\n  awaited " << g.awaited
        << (g.waits ? ", waits" : "") << (g.has_ended ? ", ended" : "");
    if (g.fault) out << ", " << *g.fault;
    return out;
}

class guard_session {
public:
    explicit guard_session(const smtp::guard_options& options = {})
        : guard_{options}
    {
    }

    void client(std::string_view octets)
    {
        seen_.left += octets;
        pass();
    }

    void backend(std::string_view octets)
    {
        const smtp::guard_step step = guard_.on_backend(octets);
        seen_.to_client += step.forward;
        note(step.then);
        pass();
    }

    [[nodiscard]] guarded seen() const
    {
        guarded out = seen_;
        out.fault = guard_.fault();
        out.waits = guard_.client_waits();
        out.awaited = guard_.replies_awaited();
        return out;
    }
    [[nodiscard]] const std::string& to_backend() const { return seen_.to_backend; }
    [[nodiscard]] bool is_over() const { return seen_.has_ended || guard_.fault(); }
    [[nodiscard]] const smtp::data_guard& guard() const { return guard_; }
    /// For octets that are too many to be kept.
    [[nodiscard]] smtp::data_guard& guard_for_bulk() { return guard_; }

private:
    void pass()
    {
        for (bool is_inserted = true; is_inserted;) {
            const smtp::guard_step step = guard_.on_client(seen_.left);
            seen_.to_backend += step.forward;
            seen_.to_backend += step.insert;
            seen_.left.erase(0, step.forward.size());
            is_inserted = !step.insert.empty();
            note(step.then);
        }
    }
    void note(smtp::guard_next then)
    {
        seen_.has_ended = seen_.has_ended || then == smtp::guard_next::ended;
    }

    smtp::data_guard guard_;
    guarded seen_;
};

enum class from { client, backend };

struct turn {
    from side;
    std::string octets;
};

inline turn C(std::string octets)
{
    return {from::client, std::move(octets)};
}

inline turn S(std::string octets)
{
    return {from::backend, std::move(octets)};
}

struct script {
    std::vector<turn> turns;
    smtp::guard_options options = {};
};

inline void say(guard_session& session, from side, std::string_view octets)
{
    if (side == from::client)
        session.client(octets);
    else
        session.backend(octets);
}

inline guarded run(const script& s)
{
    guard_session session{s.options};
    for (const turn& t : s.turns)
        say(session, t.side, t.octets);
    return session.seen();
}

inline guarded run_octet_by_octet(const script& s)
{
    guard_session session{s.options};
    for (const turn& t : s.turns)
        for (std::size_t i = 0; i < t.octets.size(); ++i)
            say(session, t.side, std::string_view{t.octets}.substr(i, 1));
    return session.seen();
}

/// What comes of it, which must not depend on the pieces in which the octets come.
inline guarded course_of(const script& s)
{
    const guarded want = run(s);
    CHECK(run_octet_by_octet(s) == want);
    for (std::size_t which = 0; which < s.turns.size(); ++which) {
        for (std::size_t cut = 1; cut < s.turns[which].octets.size(); ++cut) {
            CAPTURE(which, cut);
            script pieces = s;
            const turn whole = s.turns[which];
            pieces.turns[which].octets.resize(cut);
            pieces.turns.insert(pieces.turns.begin() + static_cast<std::ptrdiff_t>(which) + 1,
                                {whole.side, whole.octets.substr(cut)});
            CHECK(run(pieces) == want);
        }
    }
    return want;
}

inline std::string all_of(const script& s, from side)
{
    std::string out;
    for (const turn& t : s.turns)
        if (t.side == side) out += t.octets;
    return out;
}

/// Everything has passed, and nothing is left to wait for.
inline void check_passes(const script& s)
{
    const guarded got = course_of(s);
    CHECK(got ==
          guarded{.to_backend = all_of(s, from::client), .to_client = all_of(s, from::backend)});
}

/// `passes` of the client's octets reach the backend, all of the backend's the client.
inline void check_faults(const script& s, const std::string& passes, const smtp::guard_fault& want)
{
    const guarded got = course_of(s);
    CHECK(got.to_backend == passes);
    CHECK(got.to_backend + got.left == all_of(s, from::client));
    CHECK(got.to_client == all_of(s, from::backend));
    REQUIRE(got.fault);
    CHECK(*got.fault == want);
}

inline const turn to_message = C("DATA\r\n");
inline const turn go_ahead = S("354 go\r\n");
inline constexpr smtp::guard_options with_chunking{.has_chunking = true};

inline script in_message(const std::string& octets)
{
    return {{to_message, go_ahead, C(octets)}};
}

} // namespace fendmail::test
