// SPDX-License-Identifier: Apache-2.0
#include "daemon_line.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::app {

namespace {

constexpr milliseconds try_interval{1000};
constexpr std::size_t read_octets = std::size_t{64} << 10;

} // namespace

void daemon_line::end(std::string_view why)
{
    failure_ = why;
    unread_.clear();
    socket_.reset();
}

void daemon_line::end_with_errno(std::string_view what)
{
    end(fmt::format("{} {}: {}", what, path_, std::generic_category().message(errno)));
}

bool daemon_line::connect(tick now)
{
    if (socket_ || now < next_try_) return false;
    next_try_ = now + try_interval;
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    if (path_.size() >= sizeof where.sun_path) {
        end(fmt::format("the path {} is too long for a socket", path_));
        return false;
    }
    std::ranges::copy(path_, std::begin(where.sun_path));
    socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_ ||
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
        end_with_errno("cannot connect to");
        return false;
    }
    failure_.clear();
    return true;
}

bool daemon_line::read(const reader& see)
{
    std::array<char, read_octets> part; // NOLINT(*-member-init): it is written before it is read
    const auto got = ::read(socket_.get(), part.data(), part.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got < 0) {
        end_with_errno("cannot read from");
        return false;
    }
    if (got == 0) {
        end("fendmail has closed the connection");
        return false;
    }
    unread_.append(part.data(), static_cast<std::size_t>(got));
    std::string_view rest{unread_};
    for (auto at = rest.find('\n'); at != std::string_view::npos; at = rest.find('\n')) {
        const auto order = abuse::parse_kernel_order(rest.substr(0, at));
        if (!order) {
            end("fendmail said what this version does not understand");
            return false;
        }
        see(*order);
        rest.remove_prefix(at + 1);
    }
    unread_.erase(0, unread_.size() - rest.size());
    if (unread_.size() <= abuse::kernel_line_octets) return true;
    end("fendmail said a line that is too long");
    return false;
}

void daemon_line::send(const abuse::kernel_state& what)
{
    if (!socket_) return;
    const auto line = abuse::write_line(what) + '\n';
    // One that does not fit, or not as a whole, is of a fendmail that hangs.
    const auto sent = ::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(line.size())) end_with_errno("cannot write to");
}

} // namespace fendmail::app
