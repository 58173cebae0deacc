// SPDX-License-Identifier: Apache-2.0
#include "recovery.hpp"

#include "handles.hpp"
#include "map_fault.hpp"
#include "space.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

namespace fendmail::io::lmdb {

namespace fs = std::filesystem;

namespace {

std::runtime_error cannot_use(const fs::path& path, std::string_view reason, std::string_view cure)
{
    return std::runtime_error{
        fmt::format("store: cannot use {}: {}; {}", path.string(), reason, cure)};
}

constexpr std::string_view give_directory =
    "let the user that fendmail runs as write to its directory, or set store.path to another "
    "place, or store.kind to \"none\"";
constexpr std::string_view other_name = "set store.path to the name of a file";

std::string text_of(int code)
{
    return std::generic_category().message(code);
}

void make_directory(const fs::path& path)
{
    const fs::path directory = path.parent_path();
    if (directory.empty()) return;
    std::error_code failed;
    fs::create_directories(directory, failed);
    if (failed)
        throw cannot_use(path, "no directory: " + failed.message(), cure_of(failed.value()));
}

/// 0, or the errno of opening the file as LMDB does.
int try_to_open(const fs::path& path) noexcept
{
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return errno;
    ::close(file);
    return 0;
}

fs::path free_name(const fs::path& path, instant now)
{
    const std::time_t seconds_now = now.time_since_epoch().count();
    const std::string first =
        fmt::format("{}.damaged-{:%Y%m%d-%H%M%S}", path.string(), fmt::gmtime(seconds_now));
    std::string name = first;
    for (int i = 2; fs::exists(fs::symlink_status(name)); ++i)
        name = fmt::format("{}-{}", first, i);
    return name;
}

void move_aside(const fs::path& path, std::string_view reason, instant now, event_sink& events)
{
    std::error_code failed;
    const fs::path to = free_name(path, now);
    fs::rename(path, to, failed);
    if (failed)
        throw cannot_use(
            path, fmt::format("{}, and it cannot be moved aside ({})", reason, failed.message()),
            give_directory);
    // The readers it lists are those of the file that is gone. Failing shows when it is opened.
    fs::remove(lock_file_of(path), failed);
    events.on(event::store_moved_aside{path.native(), to.native(), reason});
}

/// "" for a regular file, or none.
std::string_view wrong_kind(fs::file_type type) noexcept
{
    switch (type) {
    case fs::file_type::not_found:
    case fs::file_type::regular: return {};
    case fs::file_type::directory: return "it is a directory";
    default: return "it is not a regular file";
    }
}

/// The first directory on the way that is there.
fs::path nearest_directory(const fs::path& path)
{
    std::error_code ignored;
    fs::path at = fs::absolute(path, ignored).parent_path();
    while (!fs::exists(at, ignored) && at != at.parent_path())
        at = at.parent_path();
    return at;
}

/// Whether LMDB's files would have room: 0 or ENOSPC.
int is_full(const fs::path& directory) noexcept
{
    constexpr std::uint64_t wanted = 128 * 1024;
    struct statvfs found{};
    if (::statvfs(directory.c_str(), &found) != 0) return 0;
    return std::uint64_t{found.f_bavail} * found.f_frsize < wanted ? ENOSPC : 0;
}

} // namespace

fs::path lock_file_of(const fs::path& path)
{
    return path.native() + "-lock";
}

int cause_of(int code, const fs::path& path) noexcept
try {
    return code == EIO && is_full(nearest_directory(path)) != 0 ? ENOSPC : code;
} catch (const std::exception&) {
    return code;
}

std::string_view cure_of(int code) noexcept
{
    switch (code) {
    case ENOSPC:
    case EDQUOT: return "make room on its disk";
    case map_fault: return "look at its disk, and make room there";
    case EROFS: return "make its file system writable, or set store.path to another place";
    default: return give_directory;
    }
}

std::string trouble_with(const fs::path& path)
{
    std::error_code failed;
    const auto wrong = wrong_kind(fs::status(path, failed).type());
    if (!wrong.empty()) return fmt::format("{}: {}; {}", path.string(), wrong, other_name);
    const auto said = [](const fs::path& of, int code) {
        return fmt::format("{}: {}; {}", of.string(), text_of(code), cure_of(code));
    };
    bool is_missing = false;
    for (const fs::path& each : {path, lock_file_of(path)}) {
        const int code = try_to_open(each);
        if (code != 0 && code != ENOENT) return said(each, code);
        is_missing = is_missing || code == ENOENT;
    }
    const fs::path directory = nearest_directory(path);
    if (is_missing && ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
        return said(directory, errno);
    if (const int code = is_full(directory); code != 0) return said(directory, code);
    return {};
}

void prepare_file(const fs::path& path, instant now, const check_limits& limits, event_sink& events)
{
    make_directory(path);
    std::error_code failed;
    const auto type = fs::status(path, failed).type();
    if (const auto wrong = wrong_kind(type); !wrong.empty() && type != fs::file_type::none)
        throw cannot_use(path, wrong, other_name);
    // Rights are no damage: a file of another user is not ours to move, however much we could.
    for (const fs::path& each : {path, lock_file_of(path)})
        if (const int code = try_to_open(each); code != 0 && code != ENOENT)
            throw cannot_use(each, text_of(code), cure_of(code));
    if (const int code = reserve_room(path); code != 0)
        throw cannot_use(path, error_text(code), cure_of(code));
    // LMDB takes an empty file for a new one.
    if (fs::file_size(path, failed) == 0 && !failed) return;

    const finding found = check_in_child(path.string(), limits);
    switch (found.state) {
    case file_state::sound: return;
    case file_state::damaged: break;
    case file_state::unknown:
        throw cannot_use(path, found.reason, "it stays where it is and is tried again");
    }
    move_aside(path, found.reason, now, events);
    if (const int code = reserve_room(path); code != 0)
        throw cannot_use(path, error_text(code), cure_of(code));
}

} // namespace fendmail::io::lmdb
