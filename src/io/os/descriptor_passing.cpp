// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/descriptor_passing.hpp"

#include "fendmail/core/assert.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/uio.h>

namespace fendmail::io {

namespace {

struct message {
    message() noexcept
    {
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = space.data();
        header.msg_controllen = space.size();
    }

    char octet = 'F';
    iovec part{&octet, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(descriptors_of_message * sizeof(int))> space{};
    msghdr header{};
};

} // namespace

int send_descriptors(int socket, std::span<const unique_fd> descriptors) noexcept
{
    FENDMAIL_ASSERT(!descriptors.empty() && descriptors.size() <= descriptors_of_message);
    message out;
    const std::size_t octets = descriptors.size() * sizeof(int);
    out.header.msg_controllen = CMSG_SPACE(octets);
    cmsghdr* const head = CMSG_FIRSTHDR(&out.header);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(octets);
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
        const int one = descriptors[i].get();
        std::memcpy(CMSG_DATA(head) + i * sizeof(int), &one, sizeof one);
    }
    for (;;) {
        if (::sendmsg(socket, &out.header, MSG_NOSIGNAL) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

int receive_descriptors(int socket, std::vector<unique_fd>& to)
{
    message in;
    ssize_t octets = 0;
    do {
        octets = ::recvmsg(socket, &in.header, MSG_CMSG_CLOEXEC);
    } while (octets < 0 && errno == EINTR);
    if (octets < 0) return errno;
    for (cmsghdr* head = CMSG_FIRSTHDR(&in.header); head != nullptr;
         head = CMSG_NXTHDR(&in.header, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int one = -1;
            std::memcpy(&one, CMSG_DATA(head) + i * sizeof(int), sizeof one);
            to.emplace_back(one);
        }
    }
    if (octets == 0) return ECONNRESET;
    return (in.header.msg_flags & MSG_CTRUNC) == 0 ? 0 : EBADMSG;
}

} // namespace fendmail::io
