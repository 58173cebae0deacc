// SPDX-License-Identifier: Apache-2.0
#include "lmdb_recovery.hpp"

#include "lmdb_check.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
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

void make_directory(const fs::path& path)
{
    const fs::path directory = path.parent_path();
    if (directory.empty()) return;
    std::error_code failed;
    fs::create_directories(directory, failed);
    if (failed) throw cannot_use(path, "no directory: " + failed.message(), give_directory);
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

/// Why the file or its lock file may not be opened, "" when they may.
std::string refusal_to_open(const fs::path& path)
{
    for (const fs::path& each : {path, lock_file_of(path)}) {
        const int code = try_to_open(each);
        if (code == 0 || code == ENOENT) continue;
        if (code != EACCES && code != EPERM)
            throw cannot_use(each, std::generic_category().message(code), give_directory);
        return fmt::format("{}: {}", each.string(), std::generic_category().message(code));
    }
    return {};
}

} // namespace

fs::path lock_file_of(const fs::path& path)
{
    return path.native() + "-lock";
}

void prepare_file(const fs::path& path, instant now, milliseconds time_limit, event_sink& events)
{
    make_directory(path);
    std::error_code failed;
    const fs::file_status status = fs::status(path, failed);
    if (status.type() == fs::file_type::not_found) return;
    if (failed) throw cannot_use(path, failed.message(), give_directory);
    if (status.type() != fs::file_type::regular)
        throw cannot_use(path,
                         status.type() == fs::file_type::directory ? "it is a directory"
                                                                   : "it is not a regular file",
                         "set store.path to the name of a file");
    if (const std::string refusal = refusal_to_open(path); !refusal.empty())
        return move_aside(path, refusal, now, events);
    // LMDB takes an empty file for a new one.
    if (fs::file_size(path, failed) == 0 && !failed) return;

    const finding found = check_in_child(path.string(), time_limit);
    switch (found.state) {
    case file_state::sound: return;
    case file_state::damaged: return move_aside(path, found.reason, now, events);
    case file_state::unknown: throw cannot_use(path, found.reason, give_directory);
    }
}

} // namespace fendmail::io::lmdb
