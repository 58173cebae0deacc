// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/io/stream_group.hpp"

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

/// Who is here: live sessions, how many a client has, and whether there are too many.
///
/// Units: counts of sessions.
/// Memory: one entry a client that is connected.
/// Threads: `totals` is shared by all workers and holds only atomics; each worker has a
/// `registry` of its own. The kernel steers every connection of one address to the same worker
/// (io/listener), so that a worker's own count of a client is the whole count and needs no lock.
namespace fendmail::app {

struct totals {
    /// @param descriptors_max what the process may have
    explicit totals(std::size_t descriptors_max = 1 << 20) noexcept;

    std::atomic<std::size_t> sessions{0};
    std::atomic<std::size_t> screening{0};   ///< sessions not yet on their way to the backend
    std::atomic<std::size_t> handing_off{0}; ///< sockets in transit to a `pass` service
    std::atomic<std::uint64_t> last_id{0};
    std::atomic<std::size_t> lingering{0}; ///< refused, and given time to read why
    std::atomic<bool> stress{false};

    /// Sockets of clients and backends. Some descriptors are kept back for what already has
    /// clients waiting: without one for DNS every list would seem to know nobody, and a bot would
    /// pass for a clean client; without one for a backend a clean client would be deferred.
    std::atomic<std::size_t> descriptors{0};
    std::size_t descriptors_for_all;         ///< beyond it no backend is connected
    std::size_t descriptors_for_clients = 0; ///< beyond it nobody is accepted

    [[nodiscard]] bool has_room_for_client() const noexcept
    {
        return descriptors.load() < descriptors_for_clients;
    }
    [[nodiscard]] bool has_room_for_backend() const noexcept
    {
        return descriptors.load() < descriptors_for_all;
    }
};

/// Counts something while it lives.
class counted {
public:
    explicit counted(std::atomic<std::size_t>& what) noexcept
        : what_{&what}
    {
        what_->fetch_add(1);
    }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { what_->fetch_sub(1); }

private:
    std::atomic<std::size_t>* what_;
};

class registry {
public:
    registry(totals& shared, event_sink& events) noexcept
        : totals_{&shared}
        , events_{&events}
    {
    }
    registry(const registry&) = delete;
    registry& operator=(const registry&) = delete;

    /// One session's place; returned by its destructor.
    class ticket : public boost::intrusive::list_base_hook<> {
    public:
        /// @param screening_limit 0 = no limit; stress begins at 90 % of it, ends at 70 %
        ticket(registry& where, const ip_address& client, io::stream_group& streams,
               std::size_t screening_limit);
        ticket(const ticket&) = delete;
        ticket& operator=(const ticket&) = delete;
        ~ticket();

        [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
        /// Sessions of this client, this one included.
        [[nodiscard]] std::size_t of_client() const noexcept;
        /// The client is on its way to the backend and no longer counts as being screened.
        void leave_screening() noexcept;

    private:
        friend class registry;
        registry* registry_;
        ip_address client_;
        io::stream_group* streams_;
        std::size_t screening_limit_;
        std::uint64_t id_;
        counted descriptor_;
        bool screening_ = true;
    };

    [[nodiscard]] bool is_stressed() const noexcept { return totals_->stress.load(); }
    [[nodiscard]] totals& shared() noexcept { return *totals_; }
    [[nodiscard]] std::size_t sessions() const noexcept { return live_.size(); }

    /// Calls `when_empty` as soon as no session is left, maybe at once.
    void drain(std::function<void()> when_empty);
    /// Ends every session by closing its streams.
    void kill_all() noexcept;

private:
    void watch_stress(std::size_t screening, std::size_t limit) noexcept;

    totals* totals_;
    event_sink* events_;
    boost::intrusive::list<ticket> live_;
    std::unordered_map<ip_address, std::size_t> of_client_;
    std::function<void()> when_empty_;
};

} // namespace fendmail::app
