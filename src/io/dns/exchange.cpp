// SPDX-License-Identifier: Apache-2.0
#include "exchange.hpp"

#include "fendmail/core/time_grid.hpp"
#include "fendmail/io/os/clock.hpp"
#include "question.hpp"
#include "stream_query.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <utility>

namespace fendmail::io {
namespace {

constexpr milliseconds stream_limit{5000};
/// Zones of configurations long gone must not pile up from reload to reload.
constexpr std::size_t groups_max = 512;

constexpr std::string_view nobody_answers = "no answer from any server";

dns::answer failed(std::string_view reason, bool reached, bool asked)
{
    dns::answer answer;
    answer.reason = reason;
    answer.reached = reached;
    answer.asked = asked;
    return answer;
}

milliseconds since(tick begun) noexcept
{
    return std::chrono::duration_cast<milliseconds>(steady_now() - begun);
}

} // namespace

dns_exchange::dns_exchange(asio::io_context& context, const std::vector<dns::name_server>& servers,
                           const dns::dispatch_limits& limits, finished on_finished)
    : context_{context}
    , servers_{servers}
    , on_finished_{std::move(on_finished)}
    , asked_{limits, servers.size(), arc4random()}
    , letters_(servers.size())
    , names_{asked_.add_group(dns::group_kind::names)}
    , timer_{context.get_executor()}
    , gather_timer_{context.get_executor()}
    , self_{std::make_shared<dns_exchange*>(this)}
{
    open_ports();
}

dns_exchange::~dns_exchange()
{
    *self_ = nullptr;
}

void dns_exchange::open_ports()
{
    dns_port_user& user = *this;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        ports_.push_back(std::make_unique<dns_ports>(context_, servers_[i], i, user));
        if (is_gathering_) ports_.back()->watch(false);
    }
}

void dns_exchange::set_servers(const std::vector<dns::name_server>& servers)
{
    former_ = figures();
    ports_.clear();
    servers_ = servers;
    letters_.assign(servers_.size(), letter_case{});
    refused_.clear();
    asked_.replace_servers(servers_.size());
    for (auto& question : questions_)
        question.failure = {};
    open_ports();
    pump_later();
}

// ── questions ─────────────────────────────────────────────────────────────────────────────────

dns::group_index dns_exchange::group_of(std::string_view list)
{
    if (list.empty()) return names_;
    const auto found = groups_.find(list);
    if (found != groups_.end()) return found->second;
    if (groups_.size() >= groups_max) return names_;
    const auto fresh = asked_.add_group(dns::group_kind::list);
    groups_.emplace(list, fresh);
    return fresh;
}

bool dns_exchange::is_backlogged(std::string_view list) const noexcept
{
    const auto found = groups_.find(list);
    return found != groups_.end() && asked_.is_backlogged(found->second);
}

bool dns_exchange::is_answering(std::string_view list) const noexcept
{
    const auto found = groups_.find(list);
    return found != groups_.end() && asked_.is_answering(found->second);
}

dns::question_id dns_exchange::ask(resolver::question what, resolver::callback done)
{
    auto made = make_question(what.name, what.type);
    if (made.message.empty()) {
        on_finished_(std::move(done), failed(made.reason, false, false));
        return {};
    }
    const tick now = steady_now();
    const auto which =
        asked_.ask({.group = group_of(what.list), .how = what.how, .deadline = what.deadline}, now);
    if (questions_.size() <= which.index) questions_.resize(which.index + 1);
    questions_[which.index] = {.name = std::move(what.name),
                               .message = std::move(made.message),
                               .type = what.type,
                               .asked = now,
                               .done = std::move(done)};
    pace_.on_event(now);
    if (!is_gathering_ && pace_.is_fast(now)) {
        is_gathering_ = true;
        for (const auto& one : ports_)
            one->watch(false);
        gather_later();
    }
    pump_later();
    return which;
}

bool dns_exchange::drop(dns::question_id which) noexcept
{
    if (!asked_.has(which)) return false;
    asked_.drop(which);
    questions_[which.index] = {};
    return true;
}

question_progress dns_exchange::progress(dns::question_id which) const noexcept
{
    if (asked_.has(which))
        return asked_.was_sent(which) ? question_progress::sent : question_progress::waiting;
    const bool is_stream = std::ranges::find(streams_, which) != streams_.end();
    return is_stream ? question_progress::sent : question_progress::over;
}

resolver_figures dns_exchange::figures() const noexcept
{
    resolver_figures all;
    all.sent = former_.sent;
    all.answered = former_.answered;
    all.lost = former_.lost;
    all.dropped = former_.dropped;
    all.strays = strays_;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        const auto& one = asked_.figures(i);
        all.sent += one.sent;
        all.answered += one.answered;
        all.lost += one.lost;
        all.dropped += ports_[i]->dropped();
        for (std::size_t group = 0; group < asked_.groups(); ++group) {
            const auto& way = asked_.flow_of(static_cast<dns::server_index>(i),
                                             static_cast<dns::group_index>(group));
            if (group != names_ && way.times.is_known())
                all.window = std::min(all.window, way.window.size());
            if (way.times.is_known())
                all.retransmission =
                    std::max(all.retransmission,
                             std::chrono::duration_cast<milliseconds>(way.times.timeout()));
        }
    }
    return all;
}

// ── the loop ──────────────────────────────────────────────────────────────────────────────────

/// Together with what else is asked until then: mostly all lists about one client.
void dns_exchange::pump_later()
{
    if (is_pump_posted_) return;
    asio::post(context_, [self = self_] {
        if (*self == nullptr) return;
        (*self)->is_pump_posted_ = false;
        (*self)->pump();
    });
    is_pump_posted_ = true; // not when there was no memory for it
}

void dns_exchange::pump()
{
    const tick now = steady_now();
    // A loop that was busy finds answers and time-outs at once: answers go first.
    if (asked_.next_wake() <= now) read_all();
    due_.clear();
    asked_.run(now, due_);
    for (const auto& one : due_.sends)
        transmit(one);
    for (const auto& one : ports_)
        one->flush();
    for (const std::size_t server : std::exchange(refused_, {}))
        asked_.on_refused(static_cast<dns::server_index>(server), now);
    for (const auto& over : due_.over)
        end(over);
    look_for_change();
    arm_timer();
}

void dns_exchange::read_all()
{
    for (const auto& one : ports_)
        one->read();
}

void dns_exchange::transmit(const dns::send& one)
{
    const std::uint32_t letters = letters_[one.server].is_used() ? arc4random() : 0;
    // Of a probe any answer will do: it asks for a name that cannot exist (RFC 6761 §6.5).
    static const auto probe = make_question("fendmail.example", dns::record_type::a);
    const auto& message = one.question ? questions_[one.question.index].message : probe.message;
    ports_[one.server]->send(message, letters, one.attempt);
}

void dns_exchange::arm_timer()
{
    const tick next = asked_.next_wake();
    if (next == tick::max()) return;
    const tick rings = next_on_grid(std::max(next, steady_now()), gather_interval);
    if (rings >= armed_for_) return;
    armed_for_ = rings;
    timer_.expires_at(rings);
    timer_.async_wait([self = self_](const error_code& error) {
        if (error || *self == nullptr) return;
        (*self)->armed_for_ = tick::max();
        (*self)->pump();
    });
}

void dns_exchange::gather_later()
{
    const auto interval = asked_.is_backlogged() ? gather_interval_busy : gather_interval;
    gather_timer_.expires_at(next_on_grid(steady_now() + tick_span{1}, interval));
    gather_timer_.async_wait([self = self_](const error_code& error) {
        if (error || *self == nullptr) return;
        dns_exchange& all = **self;
        all.read_all();
        all.pump();
        if (all.pace_.is_fast(steady_now()) || all.asked_.is_backlogged()) {
            all.gather_later();
            return;
        }
        all.is_gathering_ = false;
        for (const auto& one : all.ports_)
            one->watch(true);
    });
}

// ── answers ───────────────────────────────────────────────────────────────────────────────────

bool dns_exchange::is_awaited(dns::attempt_id which) const noexcept
{
    return asked_.is_live(which);
}

void dns_exchange::on_readable(std::size_t)
{
    pump();
}

void dns_exchange::on_refused(std::size_t server)
{
    if (std::ranges::find(refused_, server) == refused_.end()) refused_.push_back(server);
    pump_later();
}

void dns_exchange::on_datagram(dns::attempt_id to, std::uint32_t letters,
                               std::span<const std::uint8_t> octets)
{
    if (!asked_.is_live(to)) return; // a second answer
    const auto server = asked_.server_of(to);
    const auto which = asked_.question_of(to);
    if (!which) { // of a probe, or of a question that is over: it only says that the server lives
        (void)asked_.on_answer(to, dns::answer_kind::useful, steady_now());
        return;
    }
    const pending& question = questions_[which.index];
    switch (match_question(question.message, letters, octets)) {
    case question_match::none: ++strays_; return;
    case question_match::not_repeated: break;
    case question_match::exact:
        letters_[server].on_exact(raised_letters(question.message, letters));
        break;
    case question_match::other_case:
        if (letters_[server].on_other_case()) break;
        ++strays_;
        return;
    }
    on_answer(to, question, octets);
}

void dns_exchange::on_answer(dns::attempt_id to, const pending& question,
                             std::span<const std::uint8_t> octets)
{
    const tick now = steady_now();
    const auto server = asked_.server_of(to);
    if (is_truncated(octets)) {
        const auto over = asked_.on_answer(to, dns::answer_kind::useful, now);
        if (over) ask_by_stream(over, server);
        return;
    }
    auto answer = parse_dns_answer(octets, question.name, question.type);
    const bool no_use = answer.what == dns::outcome::failed;
    const auto which = asked_.question_of(to);
    answer.tries = static_cast<std::uint8_t>(asked_.tries(which));
    if (no_use) questions_[which.index].failure = answer.reason;
    const auto over =
        asked_.on_answer(to, no_use ? dns::answer_kind::no_use : dns::answer_kind::useful, now);
    if (over)
        finish(over, std::move(answer));
    else
        pump_later(); // another server is to be asked
}

void dns_exchange::ask_by_stream(dns::question_id which, std::size_t server)
{
    if (streams_.size() >= streams_max)
        return finish(which, failed("too many answers over TCP", true, true));
    streams_.push_back(which);
    auto of = std::make_shared<pending>(std::exchange(questions_[which.index], {}));
    std::vector<std::uint8_t> message;
    append_question(of->message, static_cast<std::uint16_t>(arc4random()), 0, message);
    query_by_stream(context_, servers_[server], message, steady_now() + stream_limit,
                    [self = self_, message, of, which](std::span<const std::uint8_t> octets) {
                        if (*self == nullptr) return;
                        std::erase((*self)->streams_, which);
                        const bool is_ours =
                            message_id(octets) == message_id(message) &&
                            match_question(message, 0, octets) != question_match::none;
                        auto answer = is_ours ? parse_dns_answer(octets, of->name, of->type)
                                              : failed("no answer over TCP", true, true);
                        answer.took = since(of->asked);
                        (*self)->on_finished_(std::move(of->done), std::move(answer));
                    });
}

void dns_exchange::end(const dns::ended& over)
{
    const auto& failure = questions_[over.question.index].failure;
    if (!failure.empty()) return finish(over.question, failed(failure, true, true));
    switch (over.why) {
    case dns::end_reason::unreachable:
        return finish(over.question, failed(nobody_answers, false, over.was_sent));
    case dns::end_reason::timeout: break;
    }
    bool nobody_listens = true;
    for (std::size_t i = 0; i < asked_.servers(); ++i)
        nobody_listens = nobody_listens && asked_.server(i).was_refused();
    std::string_view why = over.was_sent ? "timeout" : "not asked in time";
    if (nobody_listens) why = nobody_answers;
    finish(over.question, failed(why, false, over.was_sent));
}

void dns_exchange::finish(dns::question_id which, dns::answer&& answer)
{
    auto of = std::exchange(questions_[which.index], {});
    answer.took = since(of.asked);
    on_finished_(std::move(of.done), std::move(answer));
}

void dns_exchange::look_for_change()
{
    if (asked_.is_unreachable() == was_unreachable_) return;
    was_unreachable_ = !was_unreachable_;
    if (changed_)
        asio::post(context_, [self = self_] {
            if (*self != nullptr && (*self)->changed_) (*self)->changed_();
        });
}

} // namespace fendmail::io
