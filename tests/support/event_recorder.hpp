// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

/// A sink that keeps events, for tests to look at and to wait for.
///
/// Memory: copies of the texts, since an event's views end with the call.
/// Threads: any.
namespace fendmail::test_support {

/// What is kept of one event: which alternative of `any_event` it was, and its texts and counts in
/// the order of their declaration. Events that no test asks about keep neither.
struct recorded_event {
    std::size_t index = 0;
    std::vector<std::string> texts;
    std::vector<std::size_t> counts;
};

class event_recorder final : public event_sink {
public:
    void on(const any_event& what) noexcept override
    {
        recorded_event kept = std::visit([](const auto& each) { return keep(each); }, what);
        kept.index = what.index();
        {
            const std::lock_guard held{mutex_};
            events_.push_back(std::move(kept));
        }
        arrived_.notify_all();
    }

    /// Waits until `count` events of type `Event` have come; false when `limit` passes first.
    template <class Event>
    [[nodiscard]] bool wait_for(std::size_t count = 1,
                                std::chrono::seconds limit = std::chrono::seconds{20})
    {
        std::unique_lock held{mutex_};
        return arrived_.wait_for(held, limit, [&] { return find<Event>().size() >= count; });
    }

    /// All events of type `Event` so far, oldest first.
    template <class Event>
    [[nodiscard]] std::vector<recorded_event> all() const
    {
        const std::lock_guard held{mutex_};
        return find<Event>();
    }
    template <class Event>
    [[nodiscard]] std::size_t count() const
    {
        return all<Event>().size();
    }
    /// @pre there was one
    template <class Event>
    [[nodiscard]] recorded_event last() const
    {
        return all<Event>().back();
    }
    [[nodiscard]] std::size_t count() const
    {
        const std::lock_guard held{mutex_};
        return events_.size();
    }
    void clear()
    {
        const std::lock_guard held{mutex_};
        events_.clear();
    }

private:
    template <class Event>
    [[nodiscard]] static constexpr std::size_t index_of() noexcept
    {
        return any_event{Event{}}.index();
    }
    template <class Event>
    [[nodiscard]] std::vector<recorded_event> find() const
    {
        std::vector<recorded_event> found;
        for (const auto& each : events_)
            if (each.index == index_of<Event>()) found.push_back(each);
        return found;
    }

    template <class... Texts>
    [[nodiscard]] static recorded_event texts(const Texts&... each)
    {
        return {0, {std::string{each}...}, {}};
    }

    [[nodiscard]] static std::size_t in_seconds(seconds span)
    {
        return static_cast<std::size_t>(span.count());
    }

    template <class Event>
    static recorded_event keep(const Event&)
    {
        return {};
    }
    static recorded_event keep(const event::dnsbl_listed& e) { return texts(e.zone); }
    static recorded_event keep(const event::dnsbl_answer_ignored& e) { return texts(e.zone); }
    static recorded_event keep(const event::dnsbl_failed& e) { return texts(e.zone, e.reason); }
    static recorded_event keep(const event::resolver_unavailable& e) { return texts(e.reason); }
    static recorded_event keep(const event::resolver_available& e) { return texts(e.resolver); }
    static recorded_event keep(const event::resolver_losing& e) { return texts(e.resolver); }
    static recorded_event keep(const event::resolver_steady& e) { return texts(e.resolver); }
    static recorded_event keep(const event::backend_unavailable& e)
    {
        return {
            0, {std::string{e.backend}, std::string{e.reason}}, {e.clients, in_seconds(e.after)}};
    }
    static recorded_event keep(const event::backend_restored& e)
    {
        return {0, {std::string{e.backend}}, {in_seconds(e.after), e.clients}};
    }
    static recorded_event keep(const event::store_unavailable& e)
    {
        return {0, {std::string{e.reason}}, {e.failures, in_seconds(e.after)}};
    }
    static recorded_event keep(const event::store_restored& e)
    {
        return {0, {std::string{e.path}}, {e.records}};
    }
    static recorded_event keep(const event::store_moved_aside& e)
    {
        return texts(e.path, e.to, e.reason);
    }
    static recorded_event keep(const event::store_swept& e)
    {
        return {0, {}, {e.retained, e.dropped}};
    }
    static recorded_event keep(const event::sender_loaded& e)
    {
        return {0, {std::string{e.domain}}, {e.networks, in_seconds(e.age)}};
    }
    static recorded_event keep(const event::sender_refreshed& e)
    {
        return {0, {std::string{e.domain}}, {e.networks, e.changed ? 1U : 0U}};
    }
    static recorded_event keep(const event::sender_not_refreshed& e)
    {
        return {0, {std::string{e.domain}, std::string{e.reason}}, {e.networks, in_seconds(e.age)}};
    }
    static recorded_event keep(const event::sender_partial& e) { return texts(e.domain, e.notes); }
    static recorded_event keep(const event::sender_outdated& e)
    {
        return {0, {std::string{e.domain}}, {e.networks, in_seconds(e.age)}};
    }
    static recorded_event keep(const event::accept_failed& e) { return texts(e.reason); }
    static recorded_event keep(const event::notice& e) { return texts(e.text); }
    static recorded_event keep(const event::caution& e) { return texts(e.text); }
    static recorded_event keep(const event::internal_error& e) { return texts(e.text); }

    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<recorded_event> events_;
};

} // namespace fendmail::test_support
