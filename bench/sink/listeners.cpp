// SPDX-License-Identifier: Apache-2.0
#include "sink/listeners.hpp"

#include "sink/session.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fendmail::sink {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int backlog = 4096;
constexpr std::size_t most_attributes = 1024;

/// The socket in the next octet of the channel, -1 when there is none.
int receive_descriptor(int channel)
{
    char octet = 0;
    iovec part{&octet, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
    const cmsghdr* found = CMSG_FIRSTHDR(&message);
    if (found == nullptr || found->cmsg_type != SCM_RIGHTS) return -1;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(found), sizeof descriptor);
    return descriptor;
}

} // namespace

tcp_listener::tcp_listener(asio::io_context& context, const tcp::endpoint& where, bool has_header)
    : acceptor_{context}
    , has_header_{has_header}
{
    acceptor_.open(where.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address{true});
    acceptor_.bind(where);
    acceptor_.listen(backlog);
}

void tcp_listener::accept()
{
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) std::make_shared<session>(std::move(socket), has_header_)->start();
        accept();
    });
}

pass_listener::pass_listener(asio::io_context& context, const std::string& path)
    : acceptor_{context}
{
    static_cast<void>(::unlink(path.c_str()));
    acceptor_.open();
    acceptor_.bind(path);
    if (::chmod(path.c_str(), 0666) != 0)
        throw boost::system::system_error{errno, boost::system::system_category(), path};
    acceptor_.listen(backlog);
}

void pass_listener::accept()
{
    acceptor_.async_accept([this](const error_code& error, protocol::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
            const auto channel = std::make_shared<protocol::socket>(std::move(socket));
            channel->async_wait(protocol::socket::wait_read,
                                [this, channel](const error_code& failed) {
                                    if (!failed) receive(channel);
                                });
        }
        accept();
    });
}

void pass_listener::receive(const std::shared_ptr<protocol::socket>& channel)
{
    const int descriptor = receive_descriptor(channel->native_handle());
    if (descriptor < 0) return;
    auto client = std::make_shared<tcp::socket>(channel->get_executor());
    error_code failed;
    static_cast<void>(client->assign(tcp::v4(), descriptor, failed));
    if (failed) {
        static_cast<void>(::close(descriptor));
        return;
    }
    // The sender waits until we close the channel, as smtpd does when it has read all.
    auto attributes = std::make_shared<std::string>();
    asio::async_read_until(*channel, asio::dynamic_buffer(*attributes, most_attributes),
                           std::string_view{"\0\0", 2},
                           [channel, client, attributes](const error_code& error, std::size_t) {
                               if (error) return;
                               error_code ignored;
                               static_cast<void>(channel->close(ignored));
                               std::make_shared<session>(std::move(*client), false)->start();
                           });
}

} // namespace fendmail::sink
