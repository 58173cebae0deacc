// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/port_holder.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

namespace fendmail::io {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view state_listening = "0A";

/// What the link of a descriptor to a socket says: "socket:[12345]".
using socket_names = std::set<std::string, std::less<>>;

/// Columns: number, local address:port in hexadecimal, remote one, state, queues, timer,
/// retransmissions, uid, timeout, inode.
void add_listening(const char* table, std::uint16_t port, socket_names& to)
{
    std::ifstream lines{table};
    std::string line;
    std::getline(lines, line); // the head
    while (std::getline(lines, line)) {
        std::istringstream columns{line};
        std::string number;
        std::string local;
        std::string remote;
        std::string state;
        std::string skipped;
        std::string inode;
        columns >> number >> local >> remote >> state >> skipped >> skipped >> skipped >> skipped >>
            skipped >> inode;
        const auto colon = local.rfind(':');
        if (!columns || state != state_listening || colon == std::string::npos) continue;
        unsigned its_port = 0;
        std::from_chars(local.data() + colon + 1, local.data() + local.size(), its_port, 16);
        if (its_port == port) to.insert("socket:[" + inode + "]");
    }
}

bool has_one_of(const fs::path& descriptors, const socket_names& wanted)
{
    std::error_code error;
    for (fs::directory_iterator at{descriptors, error}, end; !error && at != end;
         at.increment(error)) {
        std::error_code unreadable;
        if (wanted.contains(fs::read_symlink(at->path(), unreadable).native())) return true;
    }
    return false;
}

} // namespace

std::optional<port_holder> find_port_holder(std::uint16_t port)
{
    socket_names wanted;
    add_listening("/proc/net/tcp", port, wanted);
    add_listening("/proc/net/tcp6", port, wanted);
    if (wanted.empty()) return std::nullopt;
    std::error_code error;
    for (fs::directory_iterator at{"/proc", error}, end; !error && at != end; at.increment(error)) {
        const std::string name = at->path().filename().native();
        int pid = 0;
        const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (read.ec != std::errc{} || read.ptr != name.data() + name.size()) continue;
        if (!has_one_of(at->path() / "fd", wanted)) continue;
        port_holder found{{}, pid};
        std::ifstream comm{at->path() / "comm"};
        std::getline(comm, found.program);
        return found;
    }
    return std::nullopt;
}

} // namespace fendmail::io
