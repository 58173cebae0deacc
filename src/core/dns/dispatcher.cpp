// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/dispatcher.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::dns {
namespace {

constexpr server_index no_server = UINT8_MAX;
constexpr std::uint8_t in_no_queue = UINT8_MAX;

// Queues of a group, in the order in which they are served. A question that was lost is older than
// one that was never sent.
constexpr std::size_t first_queue = 0;
constexpr std::size_t retry_queue = 1;
constexpr std::size_t normal_queue = 2;
constexpr std::size_t last_queue = 3;

/// Later answers than this do not matter between two servers.
constexpr std::chrono::duration<double> same_time{0.020};
constexpr milliseconds shortest_hedge{10};
/// Both together are no chance, even where three of four are lost.
constexpr std::size_t silent_after = 24;
constexpr milliseconds silent_for{1000};
constexpr milliseconds look_spacing{1000};
constexpr unsigned hedge_credit_max = 200;

std::size_t queue_of(std::uint8_t how) noexcept
{
    switch (static_cast<urgency>(how)) {
    case urgency::first: return first_queue;
    case urgency::normal: return normal_queue;
    case urgency::last: break;
    }
    return last_queue;
}

std::size_t queue_of_retry(std::uint8_t how) noexcept
{
    return static_cast<urgency>(how) == urgency::first ? first_queue : retry_queue;
}

} // namespace

dispatcher::dispatcher(const dispatch_limits& limits, std::size_t servers, std::uint32_t seed)
    : limits_{limits}
    , random_{seed | 1}
{
    FENDMAIL_ASSERT(servers > 0 && servers <= dispatch_limits::servers_max);
    servers_.resize(servers, server_state{silence{limits.silence}, {}, {}});
}

group_index dispatcher::add_group(group_kind kind)
{
    const auto index = static_cast<group_index>(queues_.size());
    queues_.emplace_back();
    kinds_.push_back(kind);
    add_flows(kind);
    return index;
}

void dispatcher::add_flows(group_kind kind)
{
    auto times = limits_.times;
    if (kind == group_kind::names) times.longest = limits_.longest_name_time;
    const auto& window = kind == group_kind::names ? limits_.names : limits_.lists;
    for (std::size_t server = 0; server < servers_.size(); ++server)
        flows_.emplace_back(times, window);
}

void dispatcher::replace_servers(std::size_t servers)
{
    FENDMAIL_ASSERT(servers > 0 && servers <= dispatch_limits::servers_max && sends_ == nullptr);
    for (std::uint32_t index = 0; index < attempts_.places(); ++index)
        if (const auto which = attempts_.id_at(index)) attempts_.remove(which);
    servers_.assign(servers, server_state{silence{limits_.silence}, {}, {}});
    flows_.clear();
    for (const auto kind : kinds_)
        add_flows(kind);
    for (std::uint32_t index = 0; index < questions_.places(); ++index) {
        const auto which = questions_.id_at(index);
        if (!which) continue;
        question_state& q = questions_[which];
        q.attempts = no_index;
        q.flying = q.failed = 0;
        q.latest_server = no_server;
        q.tries = std::min<std::uint8_t>(q.tries, 1); // it still counts as sent
        if (q.queue == in_no_queue) enqueue(which, queue_of_retry(q.how));
    }
}

// ── questions come and go ─────────────────────────────────────────────────────────────────────

question_id dispatcher::ask(const order& what, tick now)
{
    now_ = now;
    FENDMAIL_ASSERT(what.group < queues_.size());
    question_state q;
    q.deadline = what.deadline;
    q.group = what.group;
    q.how = static_cast<std::uint8_t>(what.how);
    const auto which = questions_.add(q);
    enqueue(which, queue_of(q.how));
    hedge_credit_ = std::min(hedge_credit_ + 1, hedge_credit_max);
    return which;
}

void dispatcher::drop(question_id which) noexcept
{
    if (questions_.has(which)) forget(which);
}

bool dispatcher::was_sent(question_id which) const noexcept
{
    return questions_.has(which) && questions_[which].tries > 0;
}

unsigned dispatcher::tries(question_id which) const noexcept
{
    return questions_.has(which) ? questions_[which].tries : 0U;
}

void dispatcher::enqueue(question_id which, std::size_t queue) noexcept
{
    question_state& q = questions_[which];
    queues_[q.group][queue].push_back(questions_, which.index);
    q.queue = static_cast<std::uint8_t>(queue);
}

void dispatcher::leave_queue(question_id which) noexcept
{
    question_state& q = questions_[which];
    if (q.queue == in_no_queue) return;
    queues_[q.group][q.queue].remove(questions_, which.index);
    q.queue = in_no_queue;
}

void dispatcher::end(question_id which, end_reason why)
{
    over_.push_back({which, why, questions_[which].tries > 0});
    forget(which);
}

/// Its tries are still of interest: whether they are answered says how much is lost.
void dispatcher::forget(question_id which) noexcept
{
    leave_queue(which);
    std::uint32_t index = questions_[which].attempts;
    while (index != no_index) {
        attempt& one = attempts_.at(index);
        const std::uint32_t next = one.next;
        one.question = {};
        one.next = no_index;
        if (one.is_late) attempts_.remove(attempts_.id_at(index));
        index = next;
    }
    questions_.remove(which);
}

question_id dispatcher::question_of(attempt_id which) const noexcept
{
    return attempts_.has(which) ? attempts_[which].question : question_id{};
}

// ── answers ───────────────────────────────────────────────────────────────────────────────────

question_id dispatcher::on_answer(attempt_id to, answer_kind what, tick now)
{
    now_ = now;
    if (!attempts_.has(to)) return {};
    const attempt one = attempts_[to];
    server_state& server = servers_[one.server];
    server.quiet.on_heard(now);
    if (!one.is_probe) {
        flow& way = flow_at(one.server, one.group);
        way.times.on_sample(now - one.sent);
        way.last_answer = now;
        ++server.figures.answered;
        way.note_loss(false);
        server.figures.lost += std::exchange(way.unexplained, 0);
        if (one.is_late) {
            --server.figures.lost;
            way.window.on_late_answer();
        } else {
            --way.in_flight;
            way.window.on_answer(way.times, now);
        }
    }
    const auto which = one.question;
    release(to);
    if (!questions_.has(which)) return {};
    question_state& q = questions_[which];
    if (what == answer_kind::no_use) {
        q.failed |= static_cast<std::uint8_t>(1U << one.server);
        if (q.flying > 0) return {}; // another server may know more
        if (best_server(q, false, no_server) != no_server && q.tries < limits_.tries_max) {
            leave_queue(which);
            enqueue(which, queue_of_retry(q.how));
            return {};
        }
    }
    forget(which);
    return which;
}

void dispatcher::on_refused(server_index server, tick now)
{
    servers_[server].quiet.on_refused(now);
    // Or two that both are not there would send the question to and fro.
    const bool elsewhere =
        std::ranges::any_of(servers_, [](const auto& one) { return !one.quiet.is_suspect(); });
    for (std::uint32_t index = 0; index < attempts_.places(); ++index) {
        const auto which = attempts_.id_at(index);
        if (!which || attempts_[which].server != server) continue;
        if (!attempts_[which].is_late) on_loss(which, now, elsewhere);
    }
}

void dispatcher::release(attempt_id which) noexcept
{
    const attempt& one = attempts_[which];
    if (questions_.has(one.question)) {
        question_state& q = questions_[one.question];
        if (!one.is_late) --q.flying;
        std::uint32_t* link = &q.attempts;
        while (*link != which.index)
            link = &attempts_.at(*link).next;
        *link = one.next;
    }
    attempts_.remove(which);
}

// ── time ──────────────────────────────────────────────────────────────────────────────────────

void dispatcher::run(tick now, due_work& due)
{
    sends_ = &due.sends;
    now_ = now;
    while (!timers_.empty() && timers_.top().due <= now) {
        const timer next = timers_.top();
        timers_.pop();
        ring(next, now);
    }
    look_at_servers(now);
    if (is_unreachable())
        end_all();
    else
        send_waiting(now);
    due.over.insert(due.over.end(), over_.begin(), over_.end());
    over_.clear();
    sends_ = nullptr;
}

void dispatcher::ring(const timer& t, tick now)
{
    switch (t.kind) {
    case timer::what::loss: {
        const attempt_id which{t.index, t.generation};
        if (attempts_.has(which) && !attempts_[which].is_late) on_loss(which, now, false);
        return;
    }
    case timer::what::hedge: {
        const attempt_id which{t.index, t.generation};
        if (attempts_.has(which) && !attempts_[which].is_late) hedge(which, now);
        return;
    }
    case timer::what::retry: {
        const question_id which{t.index, t.generation};
        if (!questions_.has(which)) return;
        const question_state& q = questions_[which];
        if (now >= q.deadline) return end(which, end_reason::timeout);
        if (q.flying > 0 || q.queue != in_no_queue) return;
        if (q.tries >= limits_.tries_max) return end(which, end_reason::timeout);
        return enqueue(which, queue_of_retry(q.how));
    }
    }
}

/// @param elsewhere the question goes on at once, because another server may well be there
void dispatcher::on_loss(attempt_id which, tick now, bool elsewhere)
{
    attempt& one = attempts_[which];
    if (!one.is_probe) {
        flow& way = flow_at(one.server, one.group);
        --way.in_flight;
        ++way.unexplained;
        way.note_loss(true);
        way.window.on_loss(way.times, now);
    }
    one.is_late = true;
    if (!questions_.has(one.question)) return attempts_.remove(which);
    question_state& q = questions_[one.question];
    --q.flying;
    if (q.flying > 0 || q.queue != in_no_queue) return;
    if (elsewhere && q.tries < limits_.tries_max)
        enqueue(one.question, queue_of_retry(q.how));
    else
        retry_later(one.question, one, now);
}

void dispatcher::retry_later(question_id which, const attempt& last, tick now)
{
    const question_state& q = questions_[which];
    const auto timeout = flow_at(last.server, last.group).times.timeout();
    // Tests and confirmations decide about all clients: less patience there.
    const unsigned step = q.how == static_cast<std::uint8_t>(urgency::first) ? 4 : 1;
    const unsigned doublings = std::min((q.tries - 1U) / step, 8U);
    const auto longest = std::max<tick_span>(limits_.longest_backoff, timeout);
    const auto wait = std::min<tick_span>(timeout * (1U << doublings), longest);
    const tick due = std::max(now, last.sent + spread(wait));
    timers_.push({std::min(due, q.deadline), which.index, which.generation, timer::what::retry});
}

void dispatcher::hedge(attempt_id which, tick now)
{
    const attempt& one = attempts_[which];
    if (!questions_.has(one.question)) return;
    const question_state& q = questions_[one.question];
    if (q.flying != 1 || q.queue != in_no_queue || hedge_credit_ < limits_.hedges) return;
    const auto other = best_server(q, true, one.server);
    if (other == no_server || other == one.server) return;
    hedge_credit_ -= limits_.hedges;
    ++servers_[other].figures.hedged;
    send_to(one.question, other, now);
}

/// Three quarters to five quarters of it.
tick_span dispatcher::spread(tick_span span) noexcept
{
    // xorshift32 (Marsaglia): it only has to keep apart what was lost together.
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    return span * (768 + random_ % 512) / 1024;
}

tick dispatcher::next_wake() const noexcept
{
    tick next = timers_.empty() ? tick::max() : timers_.top().due;
    for (const auto& server : servers_)
        next = std::min(next, server.quiet.next_look());
    if (!over_.empty()) next = tick::min();
    return next;
}

// ── servers ───────────────────────────────────────────────────────────────────────────────────

void dispatcher::look_at_servers(tick now)
{
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        auto& server = servers_[i];
        server.quiet.look(now);
        if (!server.quiet.take_probe(now)) continue;
        attempt probe;
        probe.sent = now;
        probe.server = static_cast<server_index>(i);
        probe.is_probe = true;
        const auto which = attempts_.add(probe);
        sends_->push_back({which, {}, probe.server});
        timers_.push(
            {now + limits_.times.longest, which.index, which.generation, timer::what::loss});
    }
}

bool dispatcher::is_unreachable() const noexcept
{
    return std::ranges::all_of(servers_, [](const auto& one) { return one.quiet.is_gone(); });
}

void dispatcher::end_all()
{
    for (std::uint32_t index = 0; index < questions_.places(); ++index)
        if (const auto which = questions_.id_at(index)) end(which, end_reason::unreachable);
}

/// The first in the configuration that is nearly as good as the best one.
/// @param bounded only one whose window has room
/// @param except only if there is no other
server_index dispatcher::best_server(const question_state& q, bool bounded,
                                     server_index except) const noexcept
{
    const auto cost = [&](std::size_t i) {
        auto expected = flows_[flow_index(static_cast<server_index>(i), q.group)].expected();
        if (servers_[i].quiet.is_suspect()) expected += std::chrono::duration<double>{10};
        if (servers_[i].quiet.is_gone()) expected += std::chrono::duration<double>{100};
        if (i == except) expected += std::chrono::duration<double>{5};
        return expected;
    };
    const auto may = [&](std::size_t i) {
        if ((q.failed & 1U << i) != 0) return false;
        return !bounded || flows_[flow_index(static_cast<server_index>(i), q.group)].has_room();
    };
    auto best = std::chrono::duration<double>::max();
    for (std::size_t i = 0; i < servers_.size(); ++i)
        if (may(i)) best = std::min(best, cost(i));
    for (std::size_t i = 0; i < servers_.size(); ++i)
        if (may(i) && cost(i) <= 2 * best + same_time) return static_cast<server_index>(i);
    return no_server;
}

// ── sending ───────────────────────────────────────────────────────────────────────────────────

void dispatcher::send_waiting(tick now)
{
    const std::size_t groups = queues_.size();
    for (std::size_t i = 0; i < groups; ++i)
        send_queue(i, first_queue, now);
    // Each time another group begins, or one would always find the socket's buffer full.
    if (groups > 0) first_group_ = (first_group_ + 1) % groups;
    for (const std::size_t queue : {retry_queue, normal_queue, last_queue})
        for (std::size_t i = 0; i < groups; ++i)
            send_queue((first_group_ + i) % groups, queue, now);
}

void dispatcher::send_queue(std::size_t group, std::size_t queue, tick now)
{
    auto& list = queues_[group][queue];
    while (!list.empty()) {
        const auto which = questions_.id_at(list.front());
        const question_state& q = questions_[which];
        if (now >= q.deadline) {
            end(which, end_reason::timeout);
            continue;
        }
        const bool bounded = queue != first_queue;
        const auto server = best_server(q, bounded, q.latest_server);
        if (server == no_server) return;
        leave_queue(which);
        const bool is_hopeless =
            queue == normal_queue && now + flow_at(server, q.group).times.smoothed() > q.deadline;
        if (is_hopeless) { // others can still be helped
            enqueue(which, last_queue);
            continue;
        }
        send_to(which, server, now);
        explore(which, server, now);
    }
}

void dispatcher::send_to(question_id which, server_index server, tick now)
{
    question_state& q = questions_[which];
    flow& way = flow_at(server, q.group);
    attempt one;
    one.question = which;
    one.sent = now;
    one.group = q.group;
    one.server = server;
    one.next = q.attempts;
    const auto as = attempts_.add(one);
    q.attempts = as.index;
    q.latest_server = server;
    ++q.tries;
    ++q.flying;
    ++way.in_flight;
    way.window.on_sent(way.in_flight, now);
    servers_[server].quiet.on_sent(now);
    ++servers_[server].figures.sent;
    sends_->push_back({as, which, server});

    const auto timeout = way.times.timeout();
    timers_.push({now + timeout, as.index, as.generation, timer::what::loss});
    if (q.deadline < now + timeout)
        timers_.push({q.deadline, which.index, which.generation, timer::what::retry});
    const auto usual = std::max<tick_span>(way.times.usual(), shortest_hedge);
    if (servers_.size() > 1 && q.flying == 1 && usual < timeout)
        timers_.push({now + usual, as.index, as.generation, timer::what::hedge});
}

/// A server that is avoided may be well again: now and then it is asked too, but not waited
/// for.
void dispatcher::explore(question_id which, server_index chosen, tick now)
{
    const auto best = flow_at(chosen, questions_[which].group).expected();
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        auto& server = servers_[i];
        if (i == chosen || now < server.next_look || server.quiet.is_suspect()) continue;
        const auto other = static_cast<server_index>(i);
        if (flow_at(other, questions_[which].group).expected() <= 2 * best + same_time) continue;
        server.next_look = now + look_spacing;
        send_to(which, other, now);
    }
}

bool dispatcher::is_answering(group_index group) const noexcept
{
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        const flow& way = flows_[flow_index(static_cast<server_index>(i), group)];
        const bool is_silent =
            way.unexplained >= silent_after && now_ - way.last_answer >= silent_for;
        if (way.times.is_known() && !is_silent) return true;
    }
    return false;
}

bool dispatcher::is_backlogged(group_index group) const noexcept
{
    // Whose answers are not to be expected is not to be waited for.
    if (!is_answering(group)) return false;
    std::size_t room = 0;
    for (std::size_t i = 0; i < servers_.size(); ++i)
        room += flows_[flow_index(static_cast<server_index>(i), group)].room();
    const auto& of_group = queues_[group];
    return of_group[retry_queue].size() + of_group[normal_queue].size() >= room;
}

bool dispatcher::is_backlogged() const noexcept
{
    return std::ranges::any_of(queues_, [](const queue_set& of_group) {
        return !of_group[retry_queue].empty() || !of_group[normal_queue].empty();
    });
}

} // namespace fendmail::dns
