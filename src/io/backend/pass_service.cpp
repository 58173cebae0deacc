// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/pass_service.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <sys/socket.h>
#include <system_error>

namespace fendmail::io {

namespace {

/// Postfix has the sockets of services in private/ or public/, as the third column of their line in
/// master.cf says, and leaves the one behind that they had before.
/// @return "" when nothing of it can be said
std::string look_next_door(const std::string& path)
{
    const std::filesystem::path here{path};
    const auto place = here.parent_path().filename();
    if (place != "public" && place != "private") return {};
    const auto other = here.parent_path().parent_path() /
                       (place == "public" ? "private" : "public") / here.filename();
    std::error_code error;
    const bool is_there = std::filesystem::is_socket(other, error);
    if (place == "private")
        return is_there ? fmt::format("; its line in master.cf has \"n\" in the third column, so "
                                      "that it is {}",
                                      other.native())
                        : std::string{};
    constexpr std::string_view advice = "write \"n\" in the third column of its line in master.cf, "
                                        "which makes it public, and reload Postfix";
    if (is_there) return fmt::format("; there is {}: {}", other.native(), advice);
    // Only Postfix's own user may look into private/.
    if (error == std::errc::permission_denied)
        return fmt::format("; if Postfix runs, the service is private: {}", advice);
    return {};
}

} // namespace

std::string why_not_connected(int error_number, const std::string& path)
{
    const auto text = std::generic_category().message(error_number);
    switch (error_number) {
    case ECONNREFUSED:
        if (const auto why = look_next_door(path); !why.empty())
            return fmt::format("{}: {}{}", path, text, why);
        return fmt::format("{}: {}; is Postfix running?", path, text);
    case ENOENT:
        if (const auto why = look_next_door(path); !why.empty())
            return fmt::format("{}: {}{}", path, text, why);
        return fmt::format("{}: {}; is there a \"pass\" service in master.cf?", path, text);
    case EACCES:
        return fmt::format("{}: {}; run as a member of the group postdrop (public/) or as user "
                           "postfix (private/)",
                           path, text);
    case EAGAIN: return fmt::format("{}: all smtpd processes are busy and the queue is full", path);
    default: return fmt::format("{}: {}", path, text);
    }
}

std::string pass_attributes(const endpoint& client, const endpoint& local)
{
    std::string octets(1, '\0');
    const auto add = [&octets](std::string_view name, std::string_view value) {
        octets.append(name).push_back('\0');
        octets.append(value).push_back('\0');
    };
    add("client_address", to_text(client.address));
    add("client_port", std::to_string(client.port));
    add("server_address", to_text(local.address));
    add("server_port", std::to_string(local.port));
    octets.push_back('\0');
    return octets;
}

int send_descriptor(int channel, int descriptor, std::string_view octets) noexcept
{
    iovec data{const_cast<char*>(octets.data()), octets.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    const ssize_t sent = ::sendmsg(channel, &message, MSG_NOSIGNAL);
    if (sent < 0) return errno;
    // The attributes fit every socket buffer; a part of them would stall the service.
    return static_cast<std::size_t>(sent) == octets.size() ? 0 : EMSGSIZE;
}

} // namespace fendmail::io
