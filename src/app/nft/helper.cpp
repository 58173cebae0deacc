// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/nft/helper.hpp"

#include "daemon_line.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/service_manager.hpp"
#include "fendmail/io/os/unique_fd.hpp"
#include "kernel_keeper.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <sys/signalfd.h>

namespace fendmail::app {

namespace {

/// fendmail that is gone for so long may be another mail server by now.
constexpr std::chrono::minutes alone_max{10};
/// fendmail takes a helper that says nothing for gone.
constexpr seconds state_interval{10};

void tell(std::string_view line)
{
    fmt::print(stderr, "fendmail-nft: {}\n", line);
}

io::unique_fd end_signals()
{
    sigset_t which;
    ::sigemptyset(&which);
    for (const int number : {SIGTERM, SIGINT})
        ::sigaddset(&which, number);
    ::pthread_sigmask(SIG_BLOCK, &which, nullptr);
    io::unique_fd signals{::signalfd(-1, &which, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!signals) throw std::runtime_error{"cannot watch for signals"};
    return signals;
}

class helper {
public:
    explicit helper(const nft_options& options)
        : keeper_{options, tell}
        , line_{options.socket}
        , signals_{end_signals()}
        , alone_since_{io::steady_now()}
    {
    }

    void run()
    {
        io::tell_ready("waiting for fendmail");
        while (!is_told_to_end()) {
            const tick now = io::steady_now();
            if (line_.connect(now)) {
                next_state_ = now;
                told_failure_.clear();
                tell("fendmail is there");
            } else if (!line_.is_open()) {
                stay_alone(now);
            } else if (keeper_.is_list_late(now)) {
                line_.close();
            }
            keeper_.work(now);
            tell_state(now);
            wait(now);
        }
        keeper_.end();
    }

private:
    [[nodiscard]] bool is_told_to_end()
    {
        pollfd signal{signals_.get(), POLLIN, 0};
        return ::poll(&signal, 1, 0) > 0;
    }

    void stay_alone(tick now)
    {
        if (line_.failure() != told_failure_) tell(line_.failure());
        told_failure_ = line_.failure();
        if (now - alone_since_ < alone_max || is_let_go_) return;
        tell("fendmail has been away for ten minutes: no client is kept off any more");
        keeper_.let_go();
        is_let_go_ = true;
    }

    /// Also when nothing has changed: a connection alone does not show that the helper works.
    void tell_state(tick now)
    {
        if (!line_.is_open() || !keeper_.has_state()) return;
        if (now < next_state_ && keeper_.state() == told_) return;
        line_.send(keeper_.state());
        next_state_ = now + state_interval;
        if (keeper_.state() == told_) return;
        told_ = keeper_.state();
        io::tell_ready(fmt::format("{} clients are kept off{}{}", told_.held,
                                   told_.trouble.empty() ? "" : "; ", told_.trouble));
    }

    void wait(tick now)
    {
        constexpr milliseconds longest{1000}; // then it may be time to connect
        const auto until = std::clamp(keeper_.next_work(), now, now + longest);
        const auto left = std::chrono::ceil<milliseconds>(until - now);
        std::array<pollfd, 2> what{pollfd{signals_.get(), POLLIN, 0},
                                   pollfd{line_.descriptor(), POLLIN, 0}};
        if (::poll(what.data(), what.size(), static_cast<int>(left.count())) <= 0) return;
        if (!line_.is_open() || what[1].revents == 0) return;
        const tick heard = io::steady_now();
        alone_since_ = heard;
        is_let_go_ = false;
        (void)line_.read([&](const abuse::kernel_order& order) { keeper_.take(order, heard); });
    }

    kernel_keeper keeper_;
    daemon_line line_;
    io::unique_fd signals_;
    abuse::kernel_state told_;
    std::string told_failure_;
    tick alone_since_;
    tick next_state_{};
    bool is_let_go_ = false;
};

} // namespace

int run_nft_helper(const nft_options& options)
{
    helper{options}.run();
    return EXIT_SUCCESS;
}

} // namespace fendmail::app
