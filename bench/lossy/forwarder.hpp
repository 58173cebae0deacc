// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lossy/impairment.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

/// Stands between a resolver and a name server, and treats each datagram as `impairment` says.
///
/// Source: RFC 1035 §4.1.1 (the id, which is ours on the way to the server).
/// Memory: 65,536 askers at some 32 octets, and the datagrams under way.
/// Errors: what is too short for an id is lost. What the kernel does not take is lost as well.
/// Threads: the loop's.
namespace fendmail::lossy {

struct counts {
    std::uint64_t questions = 0;  ///< that came
    std::uint64_t about_ipv6 = 0; ///< of them, judging by their length
    std::uint64_t questions_lost = 0;
    std::uint64_t over_rate = 0;
    std::uint64_t answers = 0; ///< that came from the server
    std::uint64_t answers_lost = 0;
    std::uint64_t duplicates = 0; ///< of both
};

class forwarder {
public:
    using udp = boost::asio::ip::udp;

    forwarder(boost::asio::io_context& context, const udp::endpoint& listen,
              const udp::endpoint& server, const conditions& wanted, std::uint32_t seed);

    void start();
    [[nodiscard]] const lossy::counts& counts() const noexcept { return counts_; }

private:
    /// Under which id of ours whose question went to the server.
    struct asker {
        udp::endpoint from;
        std::uint16_t id = 0;
    };
    struct datagram {
        bool is_question = false;
        udp::endpoint to; ///< of an answer
        std::vector<std::uint8_t> octets;
    };

    void wait_for_questions();
    void wait_for_answers();
    void take_questions();
    void take_answers();
    void carry(const fate& what, datagram&& of);
    void send(const datagram& what);
    void wait_for_late();

    udp::socket asked_;
    udp::socket asking_;
    boost::asio::steady_timer timer_;
    impairment impairment_;
    lossy::counts counts_;
    std::vector<asker> askers_{65'536};
    std::uint16_t next_id_ = 0;
    std::multimap<clock::time_point, datagram> late_;
    std::array<std::uint8_t, 4096> input_{};
};

} // namespace fendmail::lossy
