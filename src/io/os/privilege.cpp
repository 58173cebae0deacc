// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/privilege.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <memory>
#include <netdb.h>
#include <pwd.h>
#include <stdexcept>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
    const group* found = ::getgrnam(name.c_str());
    FENDMAIL_ASSERT(found != nullptr); // see why_cannot_become()
    return found->gr_gid;
}

/// All groups of a user, or as many as fit.
std::vector<gid_t> groups_of(const passwd& user, const std::vector<std::string>& further)
{
    int count = 0;
    ::getgrouplist(user.pw_name, user.pw_gid, nullptr, &count);
    std::vector<gid_t> all(static_cast<std::size_t>(count));
    ::getgrouplist(user.pw_name, user.pw_gid, all.data(), &count);
    for (const auto& name : further)
        if (const group* found = ::getgrnam(name.c_str())) all.push_back(found->gr_gid);
    return all;
}

constexpr std::size_t answer_octets = 4096;

/// "" for root.
std::string owner_of_nearest(std::filesystem::path at)
{
    struct stat found{};
    while (::stat(at.c_str(), &found) != 0) {
        if (at == at.parent_path()) return {};
        at = at.parent_path();
    }
    const passwd* owner = found.st_uid == 0 ? nullptr : ::getpwuid(found.st_uid);
    return owner == nullptr ? std::string{} : owner->pw_name;
}

/// Of this thread alone: glibc's setgroups() would change all of them.
bool set_groups_here(const std::vector<gid_t>& all) noexcept
{
    return ::syscall(SYS_setgroups, all.size(), all.data()) == 0;
}

} // namespace

std::optional<std::string> why_cannot_become(const std::string& user,
                                             const std::vector<std::string>& groups)
{
    const passwd* found = ::getpwnam(user.c_str());
    if (found == nullptr)
        return fmt::format("server.user: there is no user \"{}\" on this machine; create it with: "
                           "useradd --system --no-create-home {}",
                           user, user);
    for (const auto& name : groups)
        if (::getgrnam(name.c_str()) == nullptr)
            return fmt::format("server.groups: there is no group \"{}\" on this machine", name);
    const bool is_already = ::geteuid() == found->pw_uid && groups.empty();
    if (is_already || ::geteuid() == 0) return std::nullopt;
    return fmt::format("server.user: only root can become \"{}\"; start as root, or leave "
                       "server.user and server.groups empty",
                       user);
}

void become_user(const std::string& user, const std::vector<std::string>& groups)
{
    if (auto why = why_cannot_become(user, groups)) throw std::runtime_error(*why);
    const passwd* found = ::getpwnam(user.c_str());
    FENDMAIL_ASSERT(found != nullptr);
    const uid_t uid = found->pw_uid;
    const gid_t gid = found->pw_gid;
    if (::geteuid() == uid && groups.empty()) return;
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

std::optional<bool> could_read(const std::string& user, const std::vector<std::string>& groups,
                               const std::filesystem::path& file)
{
    const passwd* found = ::getpwnam(user.c_str());
    if (found == nullptr || ::geteuid() != 0) return std::nullopt;
    const uid_t uid = found->pw_uid;
    const gid_t gid = found->pw_gid;
    const auto theirs = groups_of(*found, groups);
    std::vector<gid_t> ours(static_cast<std::size_t>(::getgroups(0, nullptr)));
    if (::getgroups(static_cast<int>(ours.size()), ours.data()) < 0 || !set_groups_here(theirs))
        return std::nullopt;
    // The ids for files alone, of this thread alone. They take root's capabilities with them.
    ::setfsgid(gid);
    ::setfsuid(uid);
    const unique_fd opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
    const bool restored = set_groups_here(ours);
    FENDMAIL_ASSERT(restored);
    return static_cast<bool>(opened);
}

std::string ask_as(const std::string& user, const std::vector<std::string>& groups,
                   const std::filesystem::path& directory, const std::function<std::string()>& look)
{
    const std::string name = user.empty() ? owner_of_nearest(directory) : user;
    if (::geteuid() != 0 || name.empty() || ::getpwnam(name.c_str()) == nullptr) return look();
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return {};
    const unique_fd answer_from{ends[0]};
    unique_fd answer_to{ends[1]};
    const pid_t child = ::fork();
    if (child < 0) return {};
    if (child == 0) {
        try {
            become_user(name, groups);
            const auto found = look();
            const auto size = std::min(found.size(), answer_octets);
            ::_exit(::write(answer_to.get(), found.data(), size) < 0 ? 1 : 0);
        } catch (...) {
            ::_exit(1);
        }
    }
    answer_to.reset();
    std::string found(answer_octets, '\0');
    // So much a pipe takes and gives in one piece.
    const ssize_t size = ::read(answer_from.get(), found.data(), found.size());
    found.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return found;
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
