// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/dispatcher.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <vector>

/// Name servers and the way to them, in a time that the test moves: what a dispatcher sends is
/// lost, delayed, dropped or answered.
namespace fendmail::test {

struct link_model {
    double loss = 0;                ///< of each datagram, there and back
    milliseconds delay{0};          ///< of an answer
    milliseconds jitter{0};         ///< so much more at random, which reorders
    std::size_t buffer = 1'000'000; ///< questions that wait at the server; what is more is dropped
    double per_second = 1e6;        ///< questions that it answers
    double taken = 1e9; ///< more than so many a second are dropped (and a tenth at once)
    bool is_dead = false;
};

/// Plays `dispatcher` against links until nothing is left to do or the time is up.
class dns_world {
public:
    explicit dns_world(std::vector<link_model> links, const dns::dispatch_limits& limits = {},
                       unsigned seed = 7)
        : links_(links.size())
        , random_{seed}
        , asked{limits, links.size(), 1}
    {
        for (std::size_t i = 0; i < links.size(); ++i)
            links_[i].model = links[i];
    }

    link_model& link(std::size_t server) { return links_[server].model; }

    /// Runs until `until`, in steps of `grain` as a loop under load would.
    template <class OnOver, class OnAnswer>
    void run_until(tick until, OnOver on_over, OnAnswer on_answer,
                   milliseconds grain = milliseconds{2})
    {
        while (now < until) {
            deliver(on_answer);
            due.clear();
            asked.run(now, due);
            for (const auto& over : due.over)
                on_over(over);
            for (const auto& one : due.sends)
                transmit(one);
            now += grain;
        }
    }

    tick now = tick{} + seconds{100};
    std::size_t sent = 0;
    dns::group_index silent_group = UINT16_MAX; ///< never answered

private:
    struct arriving {
        dns::attempt_id to;
    };
    struct far_end {
        link_model model;
        std::deque<dns::attempt_id> waiting;
        double credit = 0;
        double tokens = 0;
        tick latest{};
    };

    bool is_lost(const link_model& model) { return chance_(random_) < model.loss; }

    void transmit(const dns::send& one)
    {
        ++sent;
        far_end& at = links_[one.server];
        refill(at);
        if (at.model.is_dead || is_lost(at.model)) return;
        if (asked.group_of(one.attempt) == silent_group) return;
        if (at.tokens < 1) return;
        at.tokens -= 1;
        if (at.waiting.size() < at.model.buffer) at.waiting.push_back(one.attempt);
    }

    void refill(far_end& at)
    {
        if (at.latest == tick{})
            at.tokens = at.model.taken / 10;
        else {
            const double span = std::chrono::duration<double>(now - at.latest).count();
            at.tokens = std::min(at.model.taken / 10, at.tokens + span * at.model.taken);
            at.credit = std::min(at.model.per_second, at.credit + span * at.model.per_second);
        }
        at.latest = now;
    }

    template <class OnAnswer>
    void deliver(OnAnswer on_answer)
    {
        for (std::size_t i = 0; i < links_.size(); ++i) {
            far_end& at = links_[i];
            refill(at);
            while (!at.waiting.empty() && at.credit >= 1) {
                at.credit -= 1;
                if (!is_lost(at.model)) {
                    auto late = at.model.delay;
                    if (at.model.jitter > milliseconds{0})
                        late += milliseconds{random_() %
                                             static_cast<unsigned>(at.model.jitter.count())};
                    arriving_.emplace(now + late, arriving{at.waiting.front()});
                }
                at.waiting.pop_front();
            }
            if (at.waiting.empty()) at.credit = std::min(at.credit, 1.0);
        }
        while (!arriving_.empty() && arriving_.begin()->first <= now) {
            const auto one = arriving_.begin()->second;
            arriving_.erase(arriving_.begin());
            if (!asked.is_live(one.to)) continue;
            const auto over = asked.on_answer(one.to, dns::answer_kind::useful, now);
            if (over) on_answer(over);
        }
    }

    std::vector<far_end> links_;
    std::multimap<tick, arriving> arriving_;
    std::mt19937 random_;
    std::uniform_real_distribution<> chance_{0, 1};

public:
    dns::dispatcher asked;
    dns::due_work due;
};

} // namespace fendmail::test
