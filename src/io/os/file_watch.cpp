// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/file_watch.hpp"

#include <array>
#include <boost/system/error_code.hpp>
#include <sys/inotify.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace fendmail::io {
namespace {

constexpr int links_max = 16; // of 40 that Linux follows; more than two are unheard of
constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_MOVED_TO |
                                  IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ATTRIB | IN_UNMOUNT;

} // namespace

file_watch::file_watch(boost::asio::io_context& context, std::filesystem::path file,
                       std::function<void()> look)
    : file_{std::move(file)}
    , look_{std::move(look)}
    , events_{context.get_executor()}
    , timer_{context.get_executor()}
{
    arm();
    look_after(period);
}

void file_watch::stop() noexcept
{
    stopped_ = true;
    boost::system::error_code ignored; // it is gone either way
    events_.close(ignored);
    timer_.cancel();
}

/// Anew each time: a link may lead elsewhere by now, and watches of former places must not pile up.
void file_watch::arm()
{
    boost::system::error_code ignored;
    events_.close(ignored);
    unique_fd fresh{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (!fresh) return; // there is the period
    auto path = file_;
    for (int i = 0; i < links_max; ++i) {
        // A directory that is not there yet: its parent tells when it comes.
        auto directory = path.parent_path();
        while (::inotify_add_watch(fresh.get(), directory.c_str(), changes | IN_ONLYDIR) < 0 &&
               directory.has_relative_path())
            directory = directory.parent_path();
        std::error_code error;
        auto next = std::filesystem::read_symlink(path, error);
        if (error) break;
        path =
            next.is_absolute() ? std::move(next) : (path.parent_path() / next).lexically_normal();
    }
    // In place, behind a mount of its own, where its directory tells nothing.
    (void)::inotify_add_watch(fresh.get(), file_.c_str(), changes);
    events_.assign(fresh.get(), ignored);
    if (ignored) return;
    (void)fresh.release();
    await_event();
}

void file_watch::await_event()
{
    events_.async_wait(descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (!error && !stopped_) on_event();
    });
}

void file_watch::on_event()
{
    boost::system::error_code ignored;
    events_.close(ignored); // with all that it has to tell
    look_after(settling);
}

void file_watch::look_after(milliseconds span)
{
    timer_.expires_after(span);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || stopped_) return;
        // Before the look, so that nothing is missed between the two.
        arm();
        look_after(period);
        look_();
    });
}

} // namespace fendmail::io
