// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/line_journal.hpp"

#include "fendmail/io/os/whole_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::io {

namespace {

std::string reason()
{
    return std::generic_category().message(errno);
}

} // namespace

std::optional<std::string> line_journal::read(const std::function<void(std::string_view)>& see)
{
    std::error_code unknown;
    const auto size = std::filesystem::file_size(file_, unknown);
    if (!unknown && size > file_max)
        return fmt::format("it has {} octets, more than it can have grown to", size);
    const auto all = read_whole_file(file_);
    if (!all.failure.empty()) return all.failure;
    if (!all.text) return std::nullopt;
    std::string_view rest{*all.text};
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
        see(rest.substr(0, end));
        ++appended_;
        rest.remove_prefix(end + 1);
    }
    return std::nullopt;
}

void line_journal::append(std::string_view line)
{
    if (waiting_.size() + line.size() >= waiting_max) return;
    waiting_ += line;
    waiting_ += '\n';
    ++appended_;
}

bool line_journal::is_same_file() const noexcept
{
    struct stat there{};
    struct stat ours{};
    return opened_ && ::stat(file_.c_str(), &there) == 0 && ::fstat(opened_.get(), &ours) == 0 &&
           there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
}

std::optional<std::string> line_journal::open()
{
    if (is_same_file()) return std::nullopt;
    constexpr mode_t readable_for_group = 0640;
    opened_.reset(::open(file_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                         readable_for_group));
    if (!opened_) return reason();
    char last = '\n';
    const auto size = ::lseek(opened_.get(), 0, SEEK_END);
    if (size > 0 && ::pread(opened_.get(), &last, 1, size - 1) == 1 && last != '\n')
        waiting_ = fmt::format("\n{}", waiting_);
    return std::nullopt;
}

std::optional<std::string> line_journal::flush()
{
    if (waiting_.empty()) return std::nullopt;
    if (auto why = open()) return why;
    while (!waiting_.empty()) {
        const auto written = ::write(opened_.get(), waiting_.data(), waiting_.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            auto why = reason();
            opened_.reset(); // maybe in the middle of a line: the next one looks
            return why;
        }
        waiting_.erase(0, static_cast<std::size_t>(written));
    }
    return std::nullopt;
}

std::optional<std::string> line_journal::rewrite(std::string_view lines)
{
    if (auto why = replace_file(file_, lines)) return why;
    waiting_.clear();
    appended_ = 0;
    opened_.reset();
    return std::nullopt;
}

} // namespace fendmail::io
