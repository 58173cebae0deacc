// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/flow.hpp"
#include "fendmail/core/dns/question_table.hpp"
#include "fendmail/core/dns/silence.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

/// Decides when each question is sent, to which server, and when it is sent again. Pure: questions,
/// answers and the time come in, datagrams to send come out.
///
///     dispatcher d{limits, servers, seed};
///     const auto q = d.ask({.group = zone, .deadline = now + 10s}, now);
///     d.run(now, due);          // for each of due.sends: send it, and keep what it was sent as
///     d.on_answer(attempt, answer_kind::useful, now);
///     …                         // d.run() again, at the latest at d.next_wake()
///
/// Questions belong to groups: those to one list are one group, because a list answers as fast and
/// as reliably as its own servers do, however good the resolver is. Each pair of server and group
/// is a flow with a window, a retransmission time and a queue of its own, so that a slow or dead
/// list neither uses up the window of the others nor spoils their retransmission time.
///
/// A question is tried again when its retransmission time is over, doubled for each further try and
/// spread, so that what was lost together does not come again together. An answer to an earlier try
/// counts. With several servers the next try goes to another one; a try that takes longer than most
/// goes to another one as well (hedging), for at most one question in `hedges` of those asked.
///
/// Source: RFC 6298 (retransmission time), RFC 8085 §3.1.1 (UDP senders and congestion).
/// Units: steady time; spans in milliseconds.
/// Memory: about 100 octets for each question that is not answered yet and 40 for each try.
/// Errors: none; a question without an answer is one of `ended`.
/// Threads: one owner.
namespace fendmail::dns {

using group_index = std::uint16_t;
using server_index = std::uint8_t;

struct dispatch_limits {
    round_trip_limits times{};
    silence_limits silence{};
    window_limits lists{};                                       ///< of each list
    window_limits names{.first = 64, .least = 64, .most = 1024}; ///< of all names together
    milliseconds longest_name_time{400}; ///< retransmission time of names, some of which are dead
    milliseconds longest_backoff{400};   ///< or one retransmission time, where that is more
    unsigned tries_max = 64;
    unsigned hedges = 20; ///< one question in so many may go to a second server early
    static constexpr std::size_t servers_max = 8;
};

enum class urgency : std::uint8_t {
    first, ///< tests and confirmations: ahead of the queue, and whatever the window says
    normal,
    last, ///< only when nothing else waits in its group: its answer can decide nothing
};
inline constexpr std::size_t urgencies = 3;

struct order {
    group_index group = 0;
    urgency how = urgency::normal;
    tick deadline = tick::max(); ///< without an answer by then it is one of `ended`
};

enum class answer_kind : std::uint8_t {
    useful, ///< the question is over
    no_use, ///< SERVFAIL and the like: another server may know more
};

enum class end_reason : std::uint8_t {
    timeout,     ///< asked in vain, or not asked in time
    unreachable, ///< no server answers anything
};

struct send {
    attempt_id attempt;
    question_id question; ///< none of a probe, which may ask anything
    server_index server = 0;
};

struct ended {
    question_id question;
    end_reason why = end_reason::timeout;
    bool was_sent = false; ///< if not, this says nothing about the list
};

/// What run() has found to do. Used again and again, so that it need not allocate.
struct due_work {
    std::vector<send> sends;
    std::vector<ended> over;

    void clear() noexcept
    {
        sends.clear();
        over.clear();
    }
};

/// Of one server, since it began.
struct server_figures {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    /// Not answered in the retransmission time; without those of a list that answers nothing.
    std::uint64_t lost = 0;
    std::uint64_t hedged = 0;
};

enum class group_kind : std::uint8_t {
    list,  ///< questions to one list
    names, ///< names of all kinds, some of which no server answers for: not held back by loss
};

class dispatcher {
public:
    /// @pre 0 < servers <= dispatch_limits::servers_max
    dispatcher(const dispatch_limits& limits, std::size_t servers, std::uint32_t seed);

    group_index add_group(group_kind kind);
    /// Other servers from now on, of which nothing is known yet. Questions that are not over keep
    /// their ids and are asked anew there; what was sent is forgotten, and its answers with it.
    /// Figures begin anew.
    /// @pre as of the constructor; not within run()
    void replace_servers(std::size_t servers);
    [[nodiscard]] std::size_t groups() const noexcept { return queues_.size(); }

    [[nodiscard]] question_id ask(const order& what, tick now);
    /// The answer is not wanted any more. What waits in a queue leaves it unasked.
    void drop(question_id which) noexcept;
    /// False when it was never sent, or is over.
    [[nodiscard]] bool was_sent(question_id which) const noexcept;
    /// Datagrams until now.
    [[nodiscard]] unsigned tries(question_id which) const noexcept;

    /// @return the question that is over by it; none when it was over before, or goes on elsewhere
    question_id on_answer(attempt_id to, answer_kind what, tick now);
    /// The kernel says that no program listens there: all that is on its way to it is lost.
    void on_refused(server_index server, tick now);

    /// An answer to it is still of use, if only to know what is lost.
    [[nodiscard]] bool is_live(attempt_id which) const noexcept { return attempts_.has(which); }
    /// @pre is_live(which)
    [[nodiscard]] server_index server_of(attempt_id which) const noexcept
    {
        return attempts_[which].server;
    }
    [[nodiscard]] group_index group_of(attempt_id which) const noexcept
    {
        return attempts_[which].group;
    }
    [[nodiscard]] bool has(question_id which) const noexcept { return questions_.has(which); }
    /// None when that is over.
    [[nodiscard]] question_id question_of(attempt_id which) const noexcept;

    /// Looks what is due, and adds it to `due`.
    /// @pre all answers that have come in were told before, or they would be taken for lost
    void run(tick now, due_work& due);
    [[nodiscard]] tick next_wake() const noexcept;

    /// The list has answered, and answers still, be it now and then. It no longer does when it has
    /// said nothing for a second, though asked often enough. (Where three of four are lost, two
    /// dozen losses in a row are no rare thing, and code that took that for silence would ask all
    /// other lists as well, of a resolver that has too much to do already.)
    [[nodiscard]] bool is_answering(group_index group) const noexcept;
    /// One more question of this group would have to wait for the window, and it is worth it: the
    /// list is answering.
    [[nodiscard]] bool is_backlogged(group_index group) const noexcept;
    /// Some question waits.
    [[nodiscard]] bool is_backlogged() const noexcept;
    /// No server answers anything: questions end at once, probes go on.
    [[nodiscard]] bool is_unreachable() const noexcept;
    [[nodiscard]] const silence& server(std::size_t which) const noexcept
    {
        return servers_[which].quiet;
    }
    [[nodiscard]] const server_figures& figures(std::size_t which) const noexcept
    {
        return servers_[which].figures;
    }
    [[nodiscard]] const flow& flow_of(server_index server, group_index group) const noexcept
    {
        return flows_[flow_index(server, group)];
    }
    [[nodiscard]] std::size_t servers() const noexcept { return servers_.size(); }
    /// Questions that are not over.
    [[nodiscard]] std::size_t questions() const noexcept { return questions_.used(); }

private:
    struct server_state {
        silence quiet;
        server_figures figures;
        tick next_look{}; ///< at a server that is avoided
    };
    struct timer {
        enum class what : std::uint8_t { loss, hedge, retry };
        tick due{};
        std::uint32_t index = 0; ///< of a question for `retry`, else of a try
        std::uint32_t generation = 0;
        what kind = what::loss;
        friend bool operator>(const timer& a, const timer& b) noexcept { return a.due > b.due; }
    };
    using queue_set = std::array<question_list, 4>;

    [[nodiscard]] std::size_t flow_index(server_index server, group_index group) const noexcept
    {
        return static_cast<std::size_t>(group) * servers_.size() + server;
    }
    [[nodiscard]] flow& flow_at(server_index server, group_index group) noexcept
    {
        return flows_[flow_index(server, group)];
    }
    void ring(const timer& t, tick now);
    void on_loss(attempt_id which, tick now, bool elsewhere);
    void retry_later(question_id which, const attempt& last, tick now);
    void hedge(attempt_id which, tick now);
    void look_at_servers(tick now);
    void send_waiting(tick now);
    void send_queue(std::size_t group, std::size_t queue, tick now);
    void send_to(question_id which, server_index server, tick now);
    void explore(question_id which, server_index chosen, tick now);
    void add_flows(group_kind kind);
    [[nodiscard]] server_index best_server(const question_state& q, bool bounded,
                                           server_index except) const noexcept;
    void enqueue(question_id which, std::size_t queue) noexcept;
    void leave_queue(question_id which) noexcept;
    void end(question_id which, end_reason why);
    void end_all();
    void forget(question_id which) noexcept;
    void release(attempt_id which) noexcept;
    [[nodiscard]] tick_span spread(tick_span span) noexcept;

    dispatch_limits limits_;
    std::vector<server_state> servers_;
    std::vector<flow> flows_; ///< of each group those of all servers
    std::vector<queue_set> queues_;
    std::vector<group_kind> kinds_;
    question_table questions_;
    attempt_table attempts_;
    std::priority_queue<timer, std::vector<timer>, std::greater<>> timers_;
    std::vector<send>* sends_ = nullptr; ///< while run() runs
    std::vector<ended> over_;
    std::size_t first_group_ = 0;
    tick now_{}; ///< of the latest call that said it
    unsigned hedge_credit_ = 0;
    std::uint32_t random_;
};

} // namespace fendmail::dns
