// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/rules/timed_rule_book.hpp"

#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

namespace fendmail::app {

namespace {

/// Wall time may jump, so the end of a rule is looked at again and again.
constexpr seconds look_interval{30};

} // namespace

timed_rule_book::timed_rule_book(boost::asio::io_context& context, event_sink& events,
                                 std::filesystem::path file, std::function<void(set)> publish)
    : events_{events}
    , file_{std::move(file)}
    , publish_{std::move(publish)}
    , timer_{context}
{
    if (!file_.empty()) {
        const auto read = io::read_whole_file(file_);
        if (!read.failure.empty()) {
            const auto text = fmt::format("cannot read {}: {}; permissions and denials for a time "
                                          "that were given before are not in force",
                                          file_.string(), read.failure);
            events_.on(event::caution{text});
        }
        auto found = acl::parse_timed_rules(read.text.value_or(""));
        if (!found.bad_lines.empty()) {
            const auto text = fmt::format("{}: lines that are not understood: {}", file_.string(),
                                          fmt::join(found.bad_lines, ", "));
            events_.on(event::caution{text});
        }
        rules_ = std::move(found.rules);
    }
    drop_ended();
    publish_now();
    wait();
}

std::optional<std::string> timed_rule_book::put(acl::timed_rule rule)
{
    const auto same = std::ranges::find_if(rules_, [&](const acl::timed_rule& one) {
        return one.net == rule.net && one.decision == rule.decision;
    });
    if (same != rules_.end())
        *same = std::move(rule);
    else if (rules_.size() >= acl::timed_rules_max)
        return fmt::format("there are {} rules already, the most that can be",
                           acl::timed_rules_max);
    else
        rules_.push_back(std::move(rule));
    change();
    return std::nullopt;
}

bool timed_rule_book::remove(const network& net, acl::decision decision)
{
    const auto gone = std::erase_if(rules_, [&](const acl::timed_rule& one) {
        return one.net == net && one.decision == decision;
    });
    if (gone != 0) change();
    return gone != 0;
}

std::vector<acl::timed_rule> timed_rule_book::all() const
{
    auto found = rules_;
    const auto now = io::wall_now();
    std::erase_if(found, [&](const acl::timed_rule& one) { return one.until <= now; });
    std::ranges::sort(found, {}, &acl::timed_rule::net);
    return found;
}

void timed_rule_book::change()
{
    drop_ended();
    publish_now();
    write();
}

bool timed_rule_book::drop_ended()
{
    const auto now = io::wall_now();
    return std::erase_if(rules_, [&](const acl::timed_rule& one) { return one.until <= now; }) != 0;
}

void timed_rule_book::publish_now()
{
    published_ = rules_.empty() ? nullptr : std::make_shared<const acl::timed_rule_set>(rules_);
    publish_(published_);
}

std::optional<acl::match> timed_rule_book::find(const ip_address& client) const
{
    if (!published_) return std::nullopt;
    return published_->find(client, io::wall_now());
}

void timed_rule_book::write()
{
    if (file_.empty()) return;
    const auto why = io::replace_file(file_, acl::write_timed_rules(rules_));
    if (why && *why != told_failure_) {
        const auto text = fmt::format("cannot write {}: {}; permissions and denials for a time "
                                      "end with this process",
                                      file_.string(), *why);
        events_.on(event::caution{text});
    }
    told_failure_ = why.value_or("");
}

void timed_rule_book::wait()
{
    timer_.expires_after(look_interval);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        if (drop_ended()) change();
        wait();
    });
}

std::filesystem::path timed_rules_file_of(const std::filesystem::path& store)
{
    return store.parent_path() / "timed-rules";
}

} // namespace fendmail::app
