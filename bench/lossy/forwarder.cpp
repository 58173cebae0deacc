// SPDX-License-Identifier: Apache-2.0
#include "lossy/forwarder.hpp"

#include <boost/asio/buffer.hpp>
#include <sys/socket.h>
#include <utility>

namespace fendmail::lossy {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t id_octets = 2;
// Header, 32 nibbles with their lengths (RFC 5782 §2.4), type and class; of IPv4 it is far less.
constexpr std::size_t ipv6_octets = 12 + 2 * 32 + 4;
constexpr int buffer_octets = 8 << 20;

std::uint16_t id_of(const std::uint8_t* message)
{
    return static_cast<std::uint16_t>(message[0] << 8 | message[1]);
}

void set_id(std::vector<std::uint8_t>& message, std::uint16_t id)
{
    message[0] = static_cast<std::uint8_t>(id >> 8);
    message[1] = static_cast<std::uint8_t>(id);
}

/// What is lost here must be lost on purpose: root may go beyond net.core.rmem_max.
void enlarge(forwarder::udp::socket& socket)
{
    if (setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_octets,
                   sizeof buffer_octets) == 0)
        return;
    error_code ignored;
    static_cast<void>(
        socket.set_option(asio::socket_base::receive_buffer_size{buffer_octets}, ignored));
}

} // namespace

forwarder::forwarder(asio::io_context& context, const udp::endpoint& listen,
                     const udp::endpoint& server, const conditions& wanted, std::uint32_t seed)
    : asked_{context, listen}
    , asking_{context, udp::v4()}
    , timer_{context}
    , impairment_{wanted, seed}
{
    asking_.connect(server);
    for (auto* socket : {&asked_, &asking_}) {
        socket->non_blocking(true);
        enlarge(*socket);
    }
}

void forwarder::start()
{
    wait_for_questions();
    wait_for_answers();
}

void forwarder::wait_for_questions()
{
    asked_.async_wait(udp::socket::wait_read, [this](const error_code& error) {
        if (error) return;
        take_questions();
        wait_for_questions();
    });
}

void forwarder::wait_for_answers()
{
    asking_.async_wait(udp::socket::wait_read, [this](const error_code& error) {
        if (error) return;
        take_answers();
        wait_for_answers();
    });
}

void forwarder::take_questions()
{
    for (;;) {
        error_code error;
        udp::endpoint from;
        const auto octets = asked_.receive_from(asio::buffer(input_), from, 0, error);
        if (error) return;
        if (octets < id_octets) continue;
        ++counts_.questions;
        counts_.about_ipv6 += octets >= ipv6_octets ? 1 : 0;
        const auto what = impairment_.of_question(clock::now());
        counts_.over_rate += what.was_over_rate ? 1 : 0;
        counts_.questions_lost += what.copies == 0 && !what.was_over_rate ? 1 : 0;
        if (what.copies == 0) continue;
        datagram question{
            .is_question = true, .to = {}, .octets = {input_.data(), input_.data() + octets}};
        askers_[next_id_] = {from, id_of(input_.data())};
        set_id(question.octets, next_id_++);
        carry(what, std::move(question));
    }
}

void forwarder::take_answers()
{
    for (;;) {
        error_code error;
        const auto octets = asking_.receive(asio::buffer(input_), 0, error);
        if (error == asio::error::would_block) return;
        if (error || octets < id_octets) return; // a server that is not there
        ++counts_.answers;
        const auto& whose = askers_[id_of(input_.data())];
        const auto what = impairment_.of_answer();
        counts_.answers_lost += what.copies == 0 ? 1 : 0;
        if (what.copies == 0) continue;
        datagram answer{.is_question = false,
                        .to = whose.from,
                        .octets = {input_.data(), input_.data() + octets}};
        set_id(answer.octets, whose.id);
        carry(what, std::move(answer));
    }
}

void forwarder::carry(const fate& what, datagram&& of)
{
    counts_.duplicates += what.copies - 1;
    for (std::size_t n = 0; n < what.copies; ++n) {
        if (what.delays[n].count() == 0) {
            send(of);
            continue;
        }
        const auto due = clock::now() + what.delays[n];
        const bool is_first = late_.empty() || due < late_.begin()->first;
        late_.emplace(due, of);
        if (is_first) wait_for_late();
    }
}

void forwarder::send(const datagram& what)
{
    error_code ignored; // what is lost is lost
    if (what.is_question)
        static_cast<void>(asking_.send(asio::buffer(what.octets), 0, ignored));
    else
        static_cast<void>(asked_.send_to(asio::buffer(what.octets), what.to, 0, ignored));
}

void forwarder::wait_for_late()
{
    timer_.expires_at(late_.begin()->first);
    timer_.async_wait([this](const error_code& error) {
        if (error) return;
        while (!late_.empty() && late_.begin()->first <= clock::now()) {
            send(late_.begin()->second);
            late_.erase(late_.begin());
        }
        if (!late_.empty()) wait_for_late();
    });
}

} // namespace fendmail::lossy
