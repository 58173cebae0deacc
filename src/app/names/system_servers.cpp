// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/system_servers.hpp"

#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

system_servers::system_servers(boost::asio::io_context& context, event_sink& events,
                               std::function<void()> changed, std::filesystem::path file)
    : events_{events}
    , changed_{std::move(changed)}
    , path_{std::move(file)}
    , watch_{context, path_, [this] { look(); }}
{
    auto read = io::read_whole_file(path_);
    failure_ = std::move(read.failure);
    conf_ = dns::parse_resolv_conf(read.text.value_or(""));
    servers_ = io::servers_of(conf_);
    names_none_ = conf_.servers.empty();
    none_since_ = io::steady_now() - patience; // nothing waits at the start
}

void system_servers::set_in_use(bool in_use)
{
    if (std::exchange(in_use_, in_use) == in_use || !in_use) return;
    if (names_none_) tell_none();
    tell_unusable();
}

void system_servers::look()
{
    auto read = io::read_whole_file(path_);
    failure_ = std::move(read.failure);
    auto fresh = dns::parse_resolv_conf(read.text.value_or(""));
    const tick now = io::steady_now();
    if (!fresh.servers.empty()) return take(std::move(fresh));
    if (!std::exchange(names_none_, true)) none_since_ = now;
    if (now - none_since_ < patience) return watch_.look_after(patience);
    conf_.unusable = std::move(fresh.unusable);
    tell_none();
    tell_unusable();
}

void system_servers::take(dns::resolv_conf&& fresh)
{
    const bool was_told = std::exchange(is_told_, false);
    names_none_ = false;
    const bool is_other = conf_ != fresh;
    conf_ = std::move(fresh);
    tell_unusable();
    if (conf_.servers == servers_) {
        if (was_told && in_use_) {
            const auto text = fmt::format("{} names name servers again: {}", path_.string(),
                                          dns::to_text(servers_));
            events_.on(event::notice{text});
        }
        if (is_other) changed_(); // the search list, say
        return;
    }
    const auto before = std::exchange(servers_, conf_.servers);
    if (in_use_) {
        const auto text = fmt::format(
            "{} names other name servers: {} asked from now on, and for what is not "
            "answered yet (before: {})",
            path_.string(), dns::to_text(servers_) + (servers_.size() == 1 ? " is" : " are"),
            dns::to_text(before));
        events_.on(event::notice{text});
    }
    changed_();
}

void system_servers::tell_none()
{
    if (!in_use_ || std::exchange(is_told_, true)) return;
    const auto why = failure_.empty() ? std::string{} : fmt::format(" ({})", failure_);
    const auto text = fmt::format(
        "{} names no name server{}: {} asked until it does; if nothing answers there, the DNS "
        "lists know nobody, and it is not they that are to blame",
        path_.string(), why, dns::to_text(servers_) + (servers_.size() == 1 ? " is" : " are"));
    events_.on(event::caution{text});
}

void system_servers::tell_unusable()
{
    if (!in_use_ || conf_.unusable == told_unusable_) return;
    told_unusable_ = conf_.unusable;
    for (const auto& word : conf_.unusable) {
        const auto text = fmt::format("{}: nameserver \"{}\" cannot be asked: {}", path_.string(),
                                      word, message(dns::parse_name_server(word).error()));
        events_.on(event::caution{text});
    }
}

} // namespace fendmail::app
