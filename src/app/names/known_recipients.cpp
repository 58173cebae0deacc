// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/known_recipients.hpp"

#include "fendmail/core/mta/delivery_line.hpp"
#include "fendmail/io/net/own_addresses.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

std::filesystem::path recipient_file_of(const std::filesystem::path& store)
{
    return store.parent_path() / "known-recipients";
}

known_recipients::known_recipients(boost::asio::io_context& context, event_sink& events,
                                   std::filesystem::path file, publisher publish)
    : context_{context}
    , events_{events}
    , file_{std::move(file)}
    , publish_{std::move(publish)}
    , timer_{context}
{
}

void known_recipients::configure(const known_recipients_options& options)
{
    // What is followed goes on where it is, and misses no line.
    if (options.logs != options_.logs) {
        logs_.clear();
        for (const auto& log : options.logs)
            follow(log);
    }
    options_ = options;
    timer_.cancel();
    if (options_.logs.empty()) {
        published_ = nullptr;
        publish_(nullptr);
        return;
    }
    if (!std::exchange(was_read_, true)) {
        read_file();
        next_write_ = io::steady_now() + write_interval;
    }
    next_look_ = {};
    is_unpublished_ = true;
    look();
    wait();
}

void known_recipients::read_file()
{
    if (file_.empty()) return;
    const auto read = io::read_whole_file(file_);
    if (!read.failure.empty()) {
        const auto text = fmt::format("cannot read the known recipients of {}: {}; they are known "
                                      "again when they take mail",
                                      file_.string(), read.failure);
        events_.on(event::caution{text});
    }
    const auto bad = table_.read_file(read.text.value_or(""));
    if (bad == 0) return;
    const auto text =
        fmt::format("{}: {} lines are not understood and left out", file_.string(), bad);
    events_.on(event::caution{text});
}

void known_recipients::follow(const std::filesystem::path& log)
{
    io::log_follower::listener to;
    to.on_line = [this](std::string_view line) { on_line(line); };
    to.on_state = [this, name = log.string()](std::string_view reason) {
        if (reason.empty())
            events_.on(event::recipient_log_followed{name});
        else
            events_.on(event::recipient_log_unreadable{name, reason});
    };
    logs_.push_back(std::make_unique<io::log_follower>(context_, log, std::move(to)));
}

void known_recipients::on_line(std::string_view line)
{
    const auto found = mta::parse_delivery(line);
    if (!found || !mta::can_be_known(found->address)) return;
    if (std::ranges::find(own_, found->address) != own_.end()) return;
    if (table_.note(found->address, found->host, io::wall_now())) is_unpublished_ = true;
    is_unwritten_ = true;
}

/// Does what is due.
void known_recipients::look()
{
    const tick now = io::steady_now();
    if (now >= next_look_) {
        next_look_ = now + look_interval;
        own_ = io::own_addresses();
        const auto before = table_.size();
        for (const auto& address : own_)
            table_.forget(address);
        table_.expire(io::wall_now(), options_.ttl);
        const bool has_fewer = table_.size() != before;
        is_unpublished_ = is_unpublished_ || has_fewer;
        is_unwritten_ = is_unwritten_ || has_fewer;
    }
    if (std::exchange(is_unpublished_, false)) publish();
    if (now >= next_write_) write_now();
}

void known_recipients::publish()
{
    published_ =
        table_.size() == 0 ? nullptr : std::make_shared<const mta::recipient_set>(table_.all());
    publish_(published_);
}

std::size_t known_recipients::size() const noexcept
{
    return published_ ? published_->size() : 0;
}

std::optional<std::string> known_recipients::find(const ip_address& client) const
{
    if (!published_) return std::nullopt;
    const auto found = published_->find(client);
    return found ? std::optional<std::string>{*found} : std::nullopt;
}

void known_recipients::write_now()
{
    next_write_ = io::steady_now() + write_interval;
    if (file_.empty() || !std::exchange(is_unwritten_, false)) return;
    const auto why = io::replace_file(file_, table_.to_file());
    if (why && *why != told_write_failure_) {
        const auto text =
            fmt::format("cannot write the known recipients to {}: {}; after a restart "
                        "they are known again when they take mail",
                        file_.string(), *why);
        events_.on(event::caution{text});
    }
    if (why) is_unwritten_ = true;
    told_write_failure_ = why.value_or("");
}

void known_recipients::wait()
{
    timer_.expires_after(publish_interval);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        look();
        wait();
    });
}

void known_recipients::stop()
{
    timer_.cancel();
    logs_.clear();
    write_now();
}

} // namespace fendmail::app
