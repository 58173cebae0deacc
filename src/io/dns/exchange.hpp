// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/dispatcher.hpp"
#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/throttle/pace.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/dns/resolver.hpp"
#include "letter_case.hpp"
#include "ports.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// A dispatcher, the ports to its servers and the clock: the inside of a resolver.
///
/// Units: while questions come fast (core/throttle/pace.hpp), answers are looked at every
/// `gather_interval`, all at once, and more often while questions wait for them. An answer that
/// comes alone is read at once. All of it ends on the grid of deadline_queue, so that both mostly
/// share one wake. Memory: the questions that run. Errors: as resolver. Threads: one worker.
namespace fendmail::io {

class dns_exchange final : dns_port_user {
public:
    /// Answers by TCP are rare, and each holds a descriptor.
    static constexpr std::size_t streams_max = 32;
    static constexpr milliseconds gather_interval{10};
    static constexpr milliseconds gather_interval_busy{2}; ///< while questions wait for the window
    /// In a window of `pace`: 400 a second, or 100 clients that are asked about in four lists.
    static constexpr std::size_t questions_fast = 20;

    /// Told what has become of a question; may be called from within ask().
    using finished = std::function<void(resolver::callback&&, dns::answer&&)>;

    dns_exchange(boost::asio::io_context& context, const std::vector<dns::name_server>& servers,
                 const dns::dispatch_limits& limits, finished on_finished);
    ~dns_exchange();
    dns_exchange(const dns_exchange&) = delete;
    dns_exchange& operator=(const dns_exchange&) = delete;

    /// Asks these from now on, and them anew what the others have not answered.
    void set_servers(const std::vector<dns::name_server>& servers);

    dns::question_id ask(resolver::question what, resolver::callback done);
    /// @return false when it was over
    bool drop(dns::question_id which) noexcept;
    [[nodiscard]] question_progress progress(dns::question_id which) const noexcept;
    /// `changed` is called from the event loop when all servers are gone, and when one is back.
    void watch(std::function<void()> changed) { changed_ = std::move(changed); }
    [[nodiscard]] const dns::dispatcher& asked() const noexcept { return asked_; }
    [[nodiscard]] bool is_backlogged(std::string_view list) const noexcept;
    [[nodiscard]] bool is_answering(std::string_view list) const noexcept;
    [[nodiscard]] resolver_figures figures() const noexcept;

private:
    /// What a question is, by the index of its id.
    struct pending {
        std::string name;
        std::vector<std::uint8_t> message;
        std::string_view failure{}; // of a server that had no use
        dns::record_type type = dns::record_type::a;
        tick asked{};
        resolver::callback done{};
    };

    void on_datagram(dns::attempt_id to, std::uint32_t letters,
                     std::span<const std::uint8_t> octets) override;
    void on_refused(std::size_t server) override;
    void on_readable(std::size_t server) override;
    [[nodiscard]] bool is_awaited(dns::attempt_id which) const noexcept override;

    [[nodiscard]] dns::group_index group_of(std::string_view list);
    void open_ports();
    void pump_later();
    /// All that there is to do now.
    void pump();
    void read_all();
    void transmit(const dns::send& one);
    void on_answer(dns::attempt_id to, const pending& question,
                   std::span<const std::uint8_t> octets);
    void ask_by_stream(dns::question_id which, std::size_t server);
    void finish(dns::question_id which, dns::answer&& answer);
    void look_for_change();
    void end(const dns::ended& over);
    void gather_later();
    void arm_timer();

    boost::asio::io_context& context_;
    std::vector<dns::name_server> servers_;
    finished on_finished_;
    dns::dispatcher asked_;
    dns::due_work due_;
    std::vector<std::unique_ptr<dns_ports>> ports_;
    std::vector<letter_case> letters_; ///< of each server
    std::vector<std::size_t> refused_; ///< servers, within a pump
    std::vector<pending> questions_;
    std::function<void()> changed_;
    bool was_unreachable_ = false;
    std::map<std::string, dns::group_index, std::less<>> groups_;
    dns::group_index names_;
    pace pace_{questions_fast};
    steady_timer timer_;
    tick armed_for_ = tick::max();
    steady_timer gather_timer_;
    bool is_gathering_ = false;
    bool is_pump_posted_ = false;
    std::vector<dns::question_id> streams_; ///< questions over TCP
    std::uint64_t strays_ = 0;
    resolver_figures former_{};           ///< of servers that are asked no more
    std::shared_ptr<dns_exchange*> self_; ///< a callback may find us gone
};

} // namespace fendmail::io
