// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/whole_file.hpp"

#include "fendmail/io/os/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::io {

namespace {

constexpr mode_t readable_for_all = 0644;

std::string reason()
{
    return std::generic_category().message(errno);
}

bool write_all(int descriptor, std::string_view text) noexcept
{
    while (!text.empty()) {
        const auto written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

/// So that the new name lasts as well. A file system that cannot do this has done what it can.
void sync_directory(const std::filesystem::path& directory) noexcept
{
    const unique_fd opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (opened) ::fsync(opened.get());
}

} // namespace

file_text read_whole_file(const std::filesystem::path& file, std::size_t octets_max)
{
    const unique_fd opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!opened) return {std::nullopt, errno == ENOENT ? std::string{} : reason()};
    std::string text;
    std::array<char, 1 << 16> chunk{};
    for (;;) {
        const auto got = ::read(opened.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return {std::nullopt, reason()};
        if (got == 0) return {std::move(text), {}};
        text.append(chunk.data(), static_cast<std::size_t>(got));
        if (text.size() > octets_max)
            return {std::nullopt, fmt::format("larger than {} octets", octets_max)};
    }
}

std::optional<std::string> replace_file(const std::filesystem::path& file, std::string_view text)
{
    auto fresh = file;
    fresh += ".new";
    unique_fd opened{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                            readable_for_all)};
    if (!opened) return reason();
    std::optional<std::string> why;
    if (!write_all(opened.get(), text) || ::fsync(opened.get()) != 0) why = reason();
    opened.reset();
    if (!why && std::rename(fresh.c_str(), file.c_str()) != 0) why = reason();
    if (why)
        ::unlink(fresh.c_str());
    else
        sync_directory(file.parent_path());
    return why;
}

} // namespace fendmail::io
