// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/screen/client_key.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/net/stream.hpp"
#include "fendmail/io/net/stream_group.hpp"

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
/// Threads: `process_counters` is shared by all workers and holds only atomics; each worker has a
/// `registry` of its own. The kernel steers every connection of one client to the same worker
/// (io/net/steering), and whom a balancer brings goes to that worker as well (app/server/intake),
/// so that a worker's own count of a client is the whole count and needs no lock.
namespace fendmail::app {

struct process_counters {
    /// @param limit how many descriptors the process may have
    explicit process_counters(std::size_t limit = 1 << 20) noexcept;
    /// @param own how many of them are not for clients and backends; half of all at most
    void keep_back(std::size_t own) noexcept;

    std::atomic<std::size_t> sessions{0};
    std::atomic<std::size_t> screening{0};   ///< sessions not yet on their way to the backend
    std::atomic<std::size_t> dialogs{0};     ///< of them, in our own SMTP dialog
    std::atomic<std::size_t> handing_off{0}; ///< sockets in transit to a `pass` service
    std::atomic<std::uint64_t> last_id{0};   ///< see id_before_first()
    std::atomic<std::size_t> lingering{0};   ///< refused, and given time to read why
    std::atomic<std::size_t> arrivals{0};    ///< connections whose client is not known yet
    std::atomic<bool> stress{false};

    /// Sockets of clients and backends. Some descriptors are kept back for what already has
    /// clients waiting: without one for DNS every list would seem to know no client, and a bot
    /// would pass for a clean client; without one for a backend a clean client would be deferred.
    std::atomic<std::size_t> descriptors{0};
    std::size_t descriptors_max;
    std::atomic<std::size_t> descriptors_for_all{0};     ///< beyond it no backend is connected
    std::atomic<std::size_t> descriptors_for_clients{0}; ///< beyond it no client is accepted

    [[nodiscard]] bool has_room_for_client() const noexcept
    {
        return descriptors.load() < descriptors_for_clients;
    }
    [[nodiscard]] bool has_room_for_backend() const noexcept
    {
        return descriptors.load() < descriptors_for_all;
    }
};

/// Numbers of sessions are those that a sender who complains is found by, so the log of days, and
/// of a process after the other, must not have one twice: they begin with the milliseconds since
/// 2020 at the start, and three digits behind these. That leaves a process a million sessions a
/// second, and a number is exact in readers of JSON that have nothing but doubles, for 285 years.
/// @param since_1970 when the process started; a clock that was never set counts as 2020
[[nodiscard]] std::uint64_t id_before_first(milliseconds since_1970) noexcept;

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
    registry(process_counters& shared, event_sink& events) noexcept
        : counters_{&shared}
        , events_{&events}
    {
    }
    registry(const registry&) = delete;
    registry& operator=(const registry&) = delete;

    /// The sessions of each client. An entry stays where it is while it exists.
    struct network_hash {
        std::size_t operator()(const network& of) const noexcept
        {
            return std::hash<ip_address>{}(of.address) ^ of.prefix_length;
        }
    };
    using client_counts = std::unordered_map<network, std::size_t, network_hash>;
    using client_count = client_counts::value_type;

    /// What an orderly stop does to a session.
    enum class at_stop : std::uint8_t {
        wake,  ///< the client is still with us, and is told to come again
        close, ///< it is still with us, and nothing can be said to it just now
        stay,  ///< the backend has it, or will: it may finish
    };

    /// One session's place, and its descriptor; returned by its destructor.
    class admission : public boost::intrusive::list_base_hook<> {
    public:
        /// @param client the address, or the network whose addresses count as one client
        /// @param screening_limit 0 = no limit; stress begins at 90 % of it, ends at 70 %
        admission(registry& where, const screen::client_key& client, io::stream_group& streams,
                  std::size_t screening_limit);
        admission(const admission&) = delete;
        admission& operator=(const admission&) = delete;
        ~admission();

        [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
        /// Sessions of this client, this one included.
        [[nodiscard]] std::size_t of_client() const noexcept { return client_->second; }
        /// The client is on its way to the backend and no longer counts as being screened.
        void leave_screening() noexcept;
        void set_at_stop(at_stop what) noexcept { at_stop_ = what; }

    private:
        friend class registry;
        registry* registry_;
        client_count* client_;
        io::stream_group* streams_;
        std::size_t screening_limit_;
        std::uint64_t id_;
        bool screening_ = true;
        at_stop at_stop_ = at_stop::wake;
    };

    /// A balancer's connection while its client is not known yet. It holds a descriptor and
    /// no client's place.
    class arrival : public boost::intrusive::list_base_hook<> {
    public:
        arrival(registry& where, io::stream& connection);
        arrival(const arrival&) = delete;
        arrival& operator=(const arrival&) = delete;
        ~arrival();

        /// It is refused and only has to read why: no longer one of process_counters::arrivals.
        void leave() noexcept { arrival_.reset(); }

    private:
        friend class registry;
        registry* registry_;
        io::stream* connection_;
        counted descriptor_;
        std::optional<counted> arrival_;
    };

    [[nodiscard]] bool is_stressed() const noexcept { return counters_->stress.load(); }
    [[nodiscard]] process_counters& shared() noexcept { return *counters_; }
    [[nodiscard]] bool is_empty() const noexcept { return live_.empty() && arrivals_.empty(); }

    /// Wakes all arrivals: a connection whose client is not known by now does not become a session.
    void turn_away() noexcept;
    [[nodiscard]] bool turns_away() const noexcept { return turns_away_; }
    /// Sends away all sessions that the backend does not have. They are woken once; a session that
    /// begins to wait asks dismisses() first.
    void dismiss() noexcept;
    [[nodiscard]] bool dismisses() const noexcept { return dismisses_; }
    /// Calls `when_empty` as soon as no session and no arrival is left, maybe at once.
    /// @pre no more can come, from other workers neither
    void drain(std::function<void()> when_empty);
    /// Ends every session and arrival by closing its streams.
    void kill_all() noexcept;

private:
    void watch_stress(std::size_t screening, std::size_t limit) noexcept;
    void tell_if_empty();

    process_counters* counters_;
    event_sink* events_;
    boost::intrusive::list<admission> live_;
    boost::intrusive::list<arrival> arrivals_;
    client_counts of_client_;
    std::function<void()> when_empty_;
    bool turns_away_ = false;
    bool dismisses_ = false;
};

} // namespace fendmail::app
