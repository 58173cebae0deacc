// SPDX-License-Identifier: Apache-2.0
#include "storm/client.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <netinet/in.h>
#include <utility>

namespace fendmail::storm {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// The kernel takes a port only at connect(), when it knows the other end, so that each source
/// address has all its ports for each target.
using bind_address_no_port =
    asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>;

} // namespace

std::string_view to_string(failure what) noexcept
{
    switch (what) {
    case failure::none: return "none";
    case failure::socket: return "socket";
    case failure::connect: return "connect";
    case failure::reset: return "reset";
    case failure::closed: return "closed";
    case failure::timeout: return "timeout";
    case failure::stopped: return "stopped";
    }
    return "";
}

client::client(asio::io_context& context, client_owner& owner, const client_plan& plan)
    : owner_{&owner}
    , plan_{plan}
    , socket_{context}
    , dialog_{plan.role}
{
}

bool client::open()
{
    error_code error;
    static_cast<void>(socket_.open(tcp::v4(), error));
    if (!error) static_cast<void>(socket_.set_option(bind_address_no_port{true}, error));
    if (!error) static_cast<void>(socket_.set_option(tcp::no_delay{true}, error));
    if (!error) static_cast<void>(socket_.bind(tcp::endpoint{plan_.source, 0}, error));
    return !error;
}

void client::start()
{
    started_ = clock::now();
    if (!open()) return finish(failure::socket);
    socket_.async_connect(plan_.target, [self = shared_from_this()](const error_code& error) {
        if (self->is_finished_) return;
        if (!error) return self->connected();
        const bool no_port = error == asio::error::make_error_code(
                                          static_cast<asio::error::basic_errors>(EADDRNOTAVAIL));
        self->finish(no_port ? failure::socket : failure::connect);
    });
}

void client::connected()
{
    is_connected_ = true;
    connected_at_ = clock::now();
    owner_->on_connected(*this);
    act(dialog_.on_connect());
    if (!is_finished_) read();
}

void client::read()
{
    socket_.async_read_some(asio::buffer(input_), [self = shared_from_this()](
                                                      const error_code& error, std::size_t octets) {
        if (self->is_finished_) return;
        if (error)
            return self->finish(error == asio::error::eof ? failure::closed : failure::reset);
        self->take({self->input_.data(), octets});
        if (!self->is_finished_) self->read();
    });
}

void client::take(std::string_view octets)
{
    if (!was_heard_) {
        was_heard_ = true;
        heard_at_ = clock::now();
        owner_->on_heard(*this);
    }
    while (const auto line = scanner_.next(octets)) {
        if (!line->is_last) continue;
        const auto what = dialog_.on_reply(line->code);
        const auto now = clock::now();
        if (dialog_.is_greeted() && greeted_ == clock::time_point{}) greeted_ = now;
        if (dialog_.outcome() != outcome::open && decided_ == clock::time_point{}) decided_ = now;
        act(what);
        if (is_finished_) return;
    }
}

void client::act(step what)
{
    switch (what) {
    case step::say: return send(dialog_.text());
    case step::message: return send(plan_.mail);
    // The server closes first, so that it and not we keep the port in TIME_WAIT.
    case step::wait:
    case step::listen: return;
    }
}

void client::send(std::string_view text)
{
    // What is short always fits into the socket's buffer; only a mail may have to wait.
    error_code error;
    const auto done = socket_.write_some(asio::buffer(text), error);
    if (error && error != asio::error::would_block) return; // what the server said is still read
    if (done == text.size()) return;
    asio::async_write(socket_, asio::buffer(text.substr(done)),
                      [self = shared_from_this()](const error_code&, std::size_t) {});
}

void client::stop(storm::failure why)
{
    if (!is_finished_) finish(why);
}

void client::finish(storm::failure why)
{
    const auto self = shared_from_this();
    is_finished_ = true;
    if (dialog_.outcome() == outcome::open) failure_ = why;
    error_code ignored;
    static_cast<void>(socket_.close(ignored));
    owner_->on_finished(*this);
}

} // namespace fendmail::storm
