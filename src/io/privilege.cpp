// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/privilege.hpp"

#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <grp.h>
#include <memory>
#include <netdb.h>
#include <pwd.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::io {

namespace {

[[noreturn]] void fail(const std::string& what)
{
    throw std::runtime_error(fmt::format("{}: {}", what, std::generic_category().message(errno)));
}

gid_t group_id(const std::string& name)
{
    errno = 0;
    const group* found = ::getgrnam(name.c_str());
    if (found == nullptr)
        throw std::runtime_error(
            fmt::format("server.groups: there is no group \"{}\" on this machine", name));
    return found->gr_gid;
}

} // namespace

void become_user(const std::string& user, const std::vector<std::string>& groups)
{
    errno = 0;
    const passwd* found = ::getpwnam(user.c_str());
    if (found == nullptr)
        throw std::runtime_error(fmt::format(
            "server.user: there is no user \"{}\" on this machine; create it with: useradd "
            "--system --no-create-home {}",
            user, user));
    const uid_t uid = found->pw_uid;
    const gid_t gid = found->pw_gid;
    if (::geteuid() == uid && groups.empty()) return;
    if (::geteuid() != 0)
        throw std::runtime_error(
            fmt::format("server.user: only root can become \"{}\"; start as root, or leave "
                        "server.user and server.groups empty",
                        user));
    if (::initgroups(user.c_str(), gid) != 0) fail("cannot set the groups of " + user);
    std::vector<gid_t> all(static_cast<std::size_t>(::getgroups(0, nullptr)));
    if (::getgroups(static_cast<int>(all.size()), all.data()) < 0) fail("cannot read the groups");
    for (const auto& name : groups)
        all.push_back(group_id(name));
    if (::setgroups(all.size(), all.data()) != 0) fail("cannot set server.groups");
    if (::setresgid(gid, gid, gid) != 0) fail("cannot become the group of " + user);
    if (::setresuid(uid, uid, uid) != 0) fail("cannot become " + user);
    if (uid != 0 && (::setuid(0) == 0 || ::seteuid(0) == 0))
        throw std::runtime_error("became " + user + " but could still become root; giving up");
}

std::string host_name()
{
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    addrinfo wanted{};
    wanted.ai_flags = AI_CANONNAME;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (::getaddrinfo(name.data(), nullptr, &wanted, &list) != 0) return name.data();
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list, &::freeaddrinfo};
    // Where /etc/hosts knows only "localhost" for it, the bare name says more.
    const std::string full = list->ai_canonname != nullptr ? list->ai_canonname : "";
    return full.find('.') != std::string::npos ? full : std::string{name.data()};
}

std::size_t raise_descriptor_limit() noexcept
{
    constexpr std::size_t usual = 1024;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return usual;
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

} // namespace fendmail::io
