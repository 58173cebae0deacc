// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// A sink that keeps events, for tests to look at and to wait for.
///
/// Memory: copies of the texts, since an event's views end with the call.
/// Threads: any.
namespace fendmail::test_support {

/// What is kept of one event: which alternative of `any_event` it was, the session it is of, and
/// its texts and its numbers (flags as 0 and 1, no ports) in the order of its fields.
struct recorded_event {
    std::size_t index = 0;
    std::uint64_t session = 0;
    std::vector<std::string> texts;
    std::vector<std::size_t> counts;

    void word(std::string_view, std::string_view text) { texts.emplace_back(text); }
    void own_text(std::string_view, std::string_view text) { texts.emplace_back(text); }
    void client_text(std::string_view, std::string_view text) { texts.emplace_back(text); }
    void flag(std::string_view, bool value) { counts.push_back(value ? 1 : 0); }
    void number(std::string_view name, std::integral auto value)
    {
        if (name == "session")
            session = static_cast<std::uint64_t>(value);
        else
            counts.push_back(static_cast<std::size_t>(value));
    }
    void address(std::string_view, const ip_address&) {}
    void where(std::string_view, std::string_view, const endpoint&) {}
    void duration(std::string_view, milliseconds) {}
};

class event_recorder final : public event_sink {
public:
    void on(const any_event& what) noexcept override
    {
        recorded_event kept;
        kept.index = what.index();
        std::visit([&kept](const auto& each) { each.fields(kept); }, what);
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

    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<recorded_event> events_;
};

} // namespace fendmail::test_support
