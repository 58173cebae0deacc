// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl/name_lookup.hpp"

#include <string>
#include <utility>

namespace fendmail::io {

struct name_lookup::state final : waiter, std::enable_shared_from_this<state> {
    state(deadline_queue& deadlines, const std::shared_ptr<resolver>& through,
          const ip_address& client, waiter& waiting)
        : with{through}
        , type{client.is_v4() ? dns::record_type::a : dns::record_type::aaaa}
        , check{client}
        , who{&waiting}
        , time_limit{deadlines, *this}
    {
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() = default;

    void ask(std::string name, dns::record_type what, void (state::*hear)(const dns::answer&))
    {
        const auto through = with.lock();
        if (!through) return finish();
        through->query(std::move(name), what,
                       [weak = weak_from_this(), hear](const dns::answer& answer) {
                           const auto self = weak.lock();
                           if (self && !self->done) ((*self).*hear)(answer);
                       });
    }

    void on_ptr(const dns::answer& answer)
    {
        check.on_ptr(answer.what, answer.texts, answer.ttl);
        if (check.is_done()) return finish();
        for (const std::string& name : check.to_confirm())
            ask(name, type, &state::on_addresses);
    }

    void on_addresses(const dns::answer& answer)
    {
        check.on_addresses(answer.what, answer.addresses, answer.is_cut, answer.ttl);
        if (check.is_done()) finish();
    }

    /// The time is up.
    void wake() noexcept override { finish(); }

    void finish() noexcept
    {
        if (std::exchange(done, true)) return;
        time_limit.clear();
        if (who != nullptr) who->wake();
    }

    std::weak_ptr<resolver> with;
    dns::record_type type;
    dnsbl::name_check check;
    waiter* who; // null once nothing waits
    deadline time_limit;
    bool done = false;
};

name_lookup::name_lookup(deadline_queue& deadlines, const std::shared_ptr<resolver>& with,
                         const ip_address& client, milliseconds timeout, waiter& who)
    : state_{std::make_shared<state>(deadlines, with, client, who)}
{
    if (!with) {
        state_->done = true;
        return;
    }
    state_->time_limit.set_after(timeout);
    state_->ask(state_->check.ptr_name(), dns::record_type::ptr, &state::on_ptr);
}

name_lookup::~name_lookup()
{
    state_->who = nullptr;
}

bool name_lookup::done() const noexcept
{
    return state_->done;
}

const dnsbl::name_finding& name_lookup::finding() const noexcept
{
    return state_->check.finding();
}

} // namespace fendmail::io
