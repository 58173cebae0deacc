// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/abuse/grey_book.hpp"

#include "fendmail/io/os/clock.hpp"

#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

namespace {

constexpr seconds look_interval{1};
/// So many lines may be out of date before the file is written anew.
constexpr std::size_t stale_lines = 10'000;

} // namespace

grey_book::grey_book(boost::asio::io_context& context, event_sink& events,
                     std::filesystem::path file, const abuse::grey_rules& rules)
    : events_{events}
    , file_{std::move(file)}
    , timer_{context}
{
    list_.configure(rules);
    if (!file_.empty()) {
        journal_.emplace(file_);
        restore();
    }
    wait();
}

void grey_book::restore()
{
    const instant now = io::wall_now();
    std::size_t bad = 0;
    tell(journal_->read([&](std::string_view line) {
        if (!line.empty() && !line.starts_with('#') && !list_.restore(line, now)) ++bad;
    }),
         "read");
    if (bad == 0) return;
    const auto text =
        fmt::format("{}: {} lines are not understood and left out", file_.string(), bad);
    events_.on(event::caution{text});
}

void grey_book::stop()
{
    is_stopped_ = true;
    timer_.cancel();
    write_now();
}

void grey_book::let_go()
{
    write_now();
    may_rewrite_ = false;
}

void grey_book::read_again()
{
    if (!journal_) return;
    write_now();
    restore();
}

void grey_book::write_now()
{
    if (journal_) tell(journal_->flush(), "write");
}

abuse::grey_list::found grey_book::ask(const network& who)
{
    std::string line;
    const auto found = list_.ask(who, io::wall_now(), line);
    if (journal_ && !line.empty()) journal_->append(line);
    return found;
}

void grey_book::rewrite()
{
    std::string all = "# Suspects that were asked to come back, and that did.\n"
                      "# Written by fendmail alone.\n";
    list_.for_each_line([&](const std::string& line) {
        all += line;
        all += '\n';
    });
    tell(journal_->rewrite(all), "write");
}

/// The same failure once.
void grey_book::tell(const std::optional<std::string>& failure, std::string_view what)
{
    if (failure && *failure != told_failure_) {
        const auto text = fmt::format("cannot {} {}: {}; after a restart suspects are asked to "
                                      "come back once more",
                                      what, file_.string(), *failure);
        events_.on(event::caution{text});
    }
    told_failure_ = failure.value_or("");
}

void grey_book::wait()
{
    timer_.expires_after(look_interval);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || is_stopped_) return;
        list_.forget(io::wall_now());
        write_now();
        if (journal_ && may_rewrite_ &&
            journal_->appended() > stale_lines + 2 * (list_.waiting() + list_.back()))
            rewrite();
        wait();
    });
}

std::filesystem::path grey_file_of(const std::filesystem::path& store)
{
    return store.parent_path() / "grey";
}

} // namespace fendmail::app
