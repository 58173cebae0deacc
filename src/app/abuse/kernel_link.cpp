// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/abuse/kernel_link.hpp"

#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;
using boost::system::error_code;
using io::no_throw;

namespace {

constexpr seconds look_interval{1};
constexpr seconds open_interval{10};
/// From a start, or from the end of a helper, until its absence is told: systemd starts both
/// together, and begins one again within ten seconds.
constexpr seconds absence_allowed{30};
/// A helper says how it is every ten seconds.
constexpr seconds silence_allowed{35};
constexpr std::size_t read_octets = 4096;
constexpr mode_t for_owner = 0600;

/// Only what is a socket is taken away: the path is an admin's.
void remove_socket(const std::string& path) noexcept
{
    struct stat there{};
    if (::lstat(path.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) ::unlink(path.c_str());
}

/// The file of a socket: its device and inode; nothing when there is none.
std::optional<std::pair<dev_t, ino_t>> place_of(const std::string& path) noexcept
{
    struct stat there{};
    if (::lstat(path.c_str(), &there) != 0 || !S_ISSOCK(there.st_mode)) return std::nullopt;
    return std::pair{there.st_dev, there.st_ino};
}

/// Root, and the user that we are.
bool may_ask(int socket) noexcept
{
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == ::geteuid());
}

} // namespace

struct kernel_link::connection {
    explicit connection(socket from)
        : client{std::move(from)}
    {
    }
    socket client;
    std::string unsent;
    bool is_writing = false;
};

kernel_link::kernel_link(asio::io_context& context, event_sink& events, lister list)
    : context_{context}
    , events_{events}
    , list_{std::move(list)}
    , timer_{context.get_executor()}
{
    wait();
}

kernel_link::~kernel_link() = default;

void kernel_link::configure(const settings& now)
{
    if (is_stopped_) return;
    if (now.socket != settings_.socket) {
        // The helper keeps no client off for us any more.
        if (helper_) {
            say(abuse::kernel_all{settings_.ipv6_prefix, settings_.ports});
            say(abuse::kernel_end{});
            flush();
        }
        close();
        settings_ = now;
        trouble_ = {};
        trouble_text_.clear();
        if (!settings_.socket.empty()) open();
    }
    settings_ = now;
    must_list_ = true;
}

void kernel_link::open()
{
    alone_since_ = io::steady_now();
    cannot_listen_.clear();
    remove_socket(settings_.socket);
    auto door = std::make_shared<acceptor>(context_.get_executor());
    error_code error;
    (void)door->open(protocol{}, error);
    if (!error) (void)door->bind(protocol::endpoint{settings_.socket}, error);
    if (!error && ::chmod(settings_.socket.c_str(), for_owner) != 0)
        error = {errno, boost::system::system_category()};
    if (!error) (void)door->listen(acceptor::max_listen_connections, error);
    if (error) {
        cannot_listen_ = fmt::format("bans.kernel_socket: cannot listen on {}: {}",
                                     settings_.socket, error.message());
        return;
    }
    acceptor_ = door;
    place_ = place_of(settings_.socket);
    asio::co_spawn(context_.get_executor(), accept(std::move(door)), asio::detached);
}

void kernel_link::close()
{
    error_code ignored; // closed either way
    if (acceptor_) acceptor_->close(ignored);
    acceptor_.reset();
    if (helper_ && !helper_->is_writing) helper_->client.close(ignored);
    helper_.reset();
    is_heard_ = false;
    told_ = {};
}

void kernel_link::stop()
{
    if (std::exchange(is_stopped_, true)) return;
    timer_.cancel();
    error_code ignored; // closed either way
    if (acceptor_) acceptor_->close(ignored);
    if (helper_) helper_->client.close(ignored);
    helper_.reset();
}

io::awaitable<void> kernel_link::accept(std::shared_ptr<acceptor> door)
{
    while (door->is_open()) {
        socket client{door->get_executor()};
        const auto [error] = co_await door->async_accept(client, no_throw);
        if (!door->is_open()) co_return;
        if (error) {
            io::steady_timer pause{door->get_executor(), seconds{1}};
            co_await pause.async_wait(no_throw);
            continue;
        }
        if (!may_ask(client.native_handle())) continue;
        if (helper_) drop(helper_);
        const auto fresh = std::make_shared<connection>(std::move(client));
        helper_ = fresh;
        heard_ = io::steady_now();
        say_all(); // it is dropped when that is more than it may be told at once
        if (helper_ == fresh) asio::co_spawn(context_.get_executor(), hear(fresh), asio::detached);
    }
}

/// Until the helper goes, or is dropped.
io::awaitable<void> kernel_link::hear(std::shared_ptr<connection> of)
{
    std::string unread;
    std::array<char, read_octets> part{};
    for (;;) {
        const auto [error, octets] =
            co_await of->client.async_read_some(asio::buffer(part), no_throw);
        if (!of->client.is_open()) co_return;
        if (error) break;
        unread.append(part.data(), octets);
        std::string_view rest{unread};
        for (auto at = rest.find('\n'); at != std::string_view::npos; at = rest.find('\n')) {
            const auto state = abuse::parse_kernel_state(rest.substr(0, at));
            if (state && of == helper_) take(*state);
            rest.remove_prefix(at + 1);
        }
        unread.erase(0, unread.size() - rest.size());
        if (unread.size() > abuse::kernel_line_octets) break;
    }
    drop(of);
}

io::awaitable<void> kernel_link::write(std::shared_ptr<connection> to)
{
    while (!to->unsent.empty()) {
        const auto some = std::exchange(to->unsent, {});
        const auto [error, octets] =
            co_await asio::async_write(to->client, asio::buffer(some), no_throw);
        if (error) break;
    }
    to->is_writing = false;
    error_code ignored; // what was to be said at the end has been
    if (to != helper_) to->client.close(ignored);
}

void kernel_link::say(const abuse::kernel_order& what)
{
    if (!helper_) return;
    helper_->unsent += abuse::write_line(what);
    helper_->unsent += '\n';
    if (helper_->unsent.size() > unsent_max) drop(helper_);
}

void kernel_link::flush()
{
    if (!helper_ || helper_->is_writing || helper_->unsent.empty()) return;
    helper_->is_writing = true;
    asio::co_spawn(context_.get_executor(), write(helper_), asio::detached);
}

void kernel_link::say_all()
{
    must_list_ = false;
    if (!helper_) return;
    say(abuse::kernel_all{settings_.ipv6_prefix, settings_.ports});
    for (const auto& one : list_())
        say(one);
    say(abuse::kernel_end{});
    flush();
}

void kernel_link::ban(const ip_address& who, seconds left)
{
    say(abuse::kernel_ban{who, left});
    flush();
}

void kernel_link::unban(const ip_address& who)
{
    say(abuse::kernel_unban{who});
    flush();
}

void kernel_link::drop(const std::shared_ptr<connection>& which)
{
    error_code ignored; // it is over either way
    which->client.close(ignored);
    if (which != helper_) return;
    helper_.reset();
    is_heard_ = false;
    alone_since_ = io::steady_now();
}

void kernel_link::take(const abuse::kernel_state& what)
{
    heard_ = io::steady_now();
    is_heard_ = true;
    told_ = what;
}

/// "" when there is none, or not for long enough yet.
std::string kernel_link::trouble(tick now) const
{
    if (!cannot_listen_.empty()) return cannot_listen_;
    if (helper_) return is_heard_ ? told_.trouble : trouble_text_;
    if (now - alone_since_ < absence_allowed) return trouble_text_;
    return "fendmail-nft is not there: is its unit enabled and running? (systemctl enable --now "
           "fendmail-nft)";
}

/// A directory may be made later, or again; another fendmail may have taken the place.
void kernel_link::keep_open(tick now)
{
    if (now < next_open_) return;
    next_open_ = now + open_interval;
    const auto there = place_of(settings_.socket);
    if (acceptor_ && there == place_) return;
    if (acceptor_ && there) {
        cannot_listen_ = fmt::format("another process listens at {}: each fendmail needs a "
                                     "bans.kernel_socket of its own",
                                     settings_.socket);
        return;
    }
    error_code ignored; // closed either way
    if (acceptor_) acceptor_->close(ignored);
    acceptor_.reset();
    open();
}

void kernel_link::look()
{
    const tick now = io::steady_now();
    if (!is_on()) return;
    keep_open(now);
    if (helper_ && now - heard_ > silence_allowed) drop(helper_);
    if (must_list_) say_all();
    auto text = trouble(now);
    if (!text.empty()) {
        // Another trouble is told at once.
        if (text != trouble_text_) trouble_ = {};
        trouble_text_ = std::move(text);
        if (const auto told = trouble_.on_failure(now))
            events_.on(event::kernel_bans_failing{trouble_text_, told->after});
        return;
    }
    if (!is_heard_) return;
    trouble_text_.clear();
    if (const auto over = trouble_.on_success(now))
        events_.on(event::kernel_bans_restored{told_.held, over->after});
}

void kernel_link::wait()
{
    timer_.expires_after(look_interval);
    timer_.async_wait([this](const error_code& error) {
        if (error || is_stopped_) return;
        look();
        wait();
    });
}

kernel_link::figures kernel_link::now() const
{
    figures out{is_on(), is_heard_, told_};
    if (out.is_on) out.told.trouble = trouble(io::steady_now());
    return out;
}

} // namespace fendmail::app
