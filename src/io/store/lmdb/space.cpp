// SPDX-License-Identifier: Apache-2.0
#include "space.hpp"

#include "fendmail/io/os/unique_fd.hpp"
#include "handles.hpp"
#include "map_fault.hpp"
#include "recovery.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fendmail::io::lmdb {

namespace {

/// What LMDB makes of `readers_max`: a cache line for each, and three for itself. Not more: a
/// process that has the file open would not know of the others.
constexpr off_t lock_octets = (readers_max - 1) * 64 + 192;
/// Two headers, a root and some pages of a first commit.
constexpr off_t first_data_octets = 64 * 1024;

int fill_with_zeros(int file, off_t from, off_t to) noexcept
{
    constexpr std::array<char, 4096> zeros{};
    while (from < to) {
        const auto wanted = std::min<off_t>(to - from, zeros.size());
        const ssize_t written =
            ::pwrite(file, zeros.data(), static_cast<std::size_t>(wanted), from);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written < 0 ? errno : ENOSPC;
        from += written;
    }
    return 0;
}

/// Blocks for the first `octets`, without changing what is there.
int allocate(int file, off_t octets) noexcept
{
    int code = 0;
    do
        code = ::fallocate(file, 0, 0, octets) == 0 ? 0 : errno;
    while (code == EINTR);
    if (code != EOPNOTSUPP && code != ENOSYS) return code;
    // Not posix_fallocate(): that writes to what is there, while others may use it.
    struct stat now{};
    if (::fstat(file, &now) != 0) return errno;
    return fill_with_zeros(file, now.st_size, octets);
}

/// Whether each page can really be written: some file systems need room for that anew each time.
int touch(int file, off_t octets) noexcept
{
    constexpr std::size_t page = 4096;
    const auto size = static_cast<std::size_t>(octets);
    void* const map = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED) return errno;
    const int code = guard_map([&] {
        auto* const octet = static_cast<unsigned char*>(map);
        // Changes nothing, also where another process writes at the same time.
        for (std::size_t at = 0; at < size; at += page)
            std::atomic_ref<unsigned char>{octet[at]}.fetch_or(0);
        return 0;
    });
    ::munmap(map, size);
    return code;
}

} // namespace

int reserve_room(const std::filesystem::path& path) noexcept
{
    constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC;
    constexpr mode_t mode = S_IRUSR | S_IWUSR; // as LMDB's own
    const unique_fd data{::open(path.c_str(), flags, mode)};
    struct stat found{};
    if (!data || ::fstat(data.get(), &found) != 0) return errno;
    if (found.st_size == 0) {
        const bool failed = ::fallocate(data.get(), FALLOC_FL_KEEP_SIZE, 0, first_data_octets) != 0;
        // Where this cannot be asked for, LMDB's own write tells.
        if (failed && (errno == ENOSPC || errno == EDQUOT)) return errno;
    }
    const unique_fd lock{::open(lock_file_of(path).c_str(), flags, mode)};
    if (!lock || ::fstat(lock.get(), &found) != 0) return errno;
    const off_t octets = std::clamp<off_t>(found.st_size, lock_octets, 32 * lock_octets);
    if (const int code = allocate(lock.get(), octets); code != 0) return code;
    return touch(lock.get(), octets);
}

} // namespace fendmail::io::lmdb
