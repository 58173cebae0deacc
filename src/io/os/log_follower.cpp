// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/log_follower.hpp"

#include "fendmail/core/time.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/file_watch.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <span>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace fendmail::io {

namespace {

/// How long a writer may take to notice that its file was renamed.
constexpr seconds read_on_time{30};

struct opened_file {
    unique_fd fd{};
    struct ::stat about{};
    int failure = 0; ///< errno; of what is no file 0, and `fd` is none
};

opened_file open_file(const std::filesystem::path& file)
{
    opened_file one;
    // Or a pipe without a writer would hold everything up.
    one.fd.reset(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!one.fd || ::fstat(one.fd.get(), &one.about) != 0) {
        one.failure = errno;
        one.fd.reset();
    } else if (!S_ISREG(one.about.st_mode)) {
        one.fd.reset();
    }
    return one;
}

std::string reason_of(const opened_file& one)
{
    if (one.fd) return {};
    return one.failure == 0 ? "it is not a regular file"
                            : std::generic_category().message(one.failure);
}

/// One file under whatever name, and how far it was read.
class followed_file {
public:
    /// @param from_end what it has is left out, with the rest of a line whose start is there: a
    /// rest may look like a line of its own
    followed_file(opened_file from, bool from_end) noexcept
        : file_{std::move(from)}
    {
        if (!from_end || file_.about.st_size == 0) return;
        at_ = file_.about.st_size - 1; // the end of its last line, if that has one
        is_skipping_ = true;
    }

    [[nodiscard]] bool is(const struct ::stat& other) const noexcept
    {
        return file_.about.st_dev == other.st_dev && file_.about.st_ino == other.st_ino;
    }

    /// @return how many octets were read; 0 at the end
    template <class OnLine>
    std::size_t read_some(std::span<char> buffer, OnLine&& on_line)
    {
        struct ::stat now{};
        if (::fstat(file_.fd.get(), &now) != 0) return 0;
        if (now.st_size < at_) { // truncated
            at_ = 0;
            begun_.clear();
            is_skipping_ = false;
        }
        const auto got = ::pread(file_.fd.get(), buffer.data(), buffer.size(), at_);
        if (got <= 0) return 0;
        at_ += got;
        take({buffer.data(), static_cast<std::size_t>(got)}, on_line);
        return static_cast<std::size_t>(got);
    }

private:
    template <class OnLine>
    void take(std::string_view octets, OnLine& on_line)
    {
        for (auto end = octets.find('\n'); end != std::string_view::npos; end = octets.find('\n')) {
            const auto part = octets.substr(0, end);
            octets.remove_prefix(end + 1);
            if (std::exchange(is_skipping_, false)) continue;
            if (begun_.empty()) {
                if (part.size() <= log_follower::line_octets_max) on_line(part);
                continue;
            }
            begun_ += part;
            const auto line = std::exchange(begun_, {});
            if (line.size() <= log_follower::line_octets_max) on_line(line);
        }
        if (is_skipping_) return;
        begun_ += octets;
        if (begun_.size() <= log_follower::line_octets_max) return;
        begun_.clear();
        is_skipping_ = true;
    }

    opened_file file_;
    off_t at_ = 0;
    std::string begun_;        ///< a line without its end
    bool is_skipping_ = false; ///< up to the next end of a line
};

} // namespace

struct log_follower::impl : std::enable_shared_from_this<impl> {
    impl(boost::asio::io_context& where, std::filesystem::path what, listener who)
        : context{where}
        , file{std::move(what)}
        , to{std::move(who)}
        , watch{where, file, [this] { look(); }}
    {
    }

    void look()
    {
        open_if_new();
        if (!is_reading) read_later();
    }

    void open_if_new()
    {
        struct ::stat now{};
        const bool is_there = ::stat(file.c_str(), &now) == 0;
        if (current && (!is_there || current->is(now))) return tell("");
        auto fresh = open_file(file);
        // Where there was none, all that one has came since.
        if (fresh.failure == ENOENT) is_first = false;
        auto reason = reason_of(fresh);
        if (fresh.fd) {
            if (current) {
                before = std::move(current);
                read_on_until = steady_now() + read_on_time;
            }
            current.emplace(std::move(fresh), std::exchange(is_first, false));
        }
        tell(std::move(reason));
    }

    void tell(std::string reason)
    {
        if (told && *told == reason) return;
        told = reason;
        to.on_state(*told);
    }

    void read_later()
    {
        is_reading = true;
        boost::asio::post(context, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self && !self->is_over) self->read();
        });
    }

    void read()
    {
        is_reading = false;
        std::size_t octets = 0;
        bool has_more = false;
        for (auto* const one : {&before, &current}) {
            bool is_at_end = !*one;
            while (!is_at_end && octets < octets_of_turn) {
                const auto got = (*one)->read_some(buffer, [this](std::string_view line) {
                    if (!is_over) to.on_line(line);
                });
                octets += got;
                is_at_end = got == 0;
            }
            if (is_over) return;
            has_more = has_more || !is_at_end;
        }
        if (has_more) return read_later();
        if (before && steady_now() >= read_on_until) before.reset();
    }

    boost::asio::io_context& context;
    std::filesystem::path file;
    listener to;
    std::optional<followed_file> current;
    std::optional<followed_file> before; ///< it was renamed
    tick read_on_until{};
    std::optional<std::string> told;
    std::array<char, 64 * 1024> buffer;
    bool is_first = true;
    bool is_reading = false;
    bool is_over = false;
    file_watch watch;
};

log_follower::log_follower(boost::asio::io_context& context, std::filesystem::path file,
                           listener to)
    : impl_{std::make_shared<impl>(context, std::move(file), std::move(to))}
{
    impl_->watch.look_after(milliseconds{0});
}

log_follower::~log_follower()
{
    impl_->is_over = true;
    impl_->watch.stop();
    // A handler of its that is due already comes before this one.
    auto& context = impl_->context;
    boost::asio::post(context, [kept = std::move(impl_)] {});
}

std::string why_not_followed(const std::filesystem::path& file)
{
    return reason_of(open_file(file));
}

} // namespace fendmail::io
