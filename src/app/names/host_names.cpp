// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/host_names.hpp"

#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

namespace {

std::string listed(const std::vector<ip_address>& addresses)
{
    std::string text;
    for (const auto& one : addresses) {
        if (!text.empty()) text += ", ";
        text += to_text(one);
    }
    return text;
}

bool are_same(std::vector<ip_address> a, std::vector<ip_address> b)
{
    std::ranges::sort(a);
    std::ranges::sort(b);
    return a == b;
}

} // namespace

struct host_names::entry {
    wanted what;
    tick due{};
    std::vector<std::string> candidates; ///< that are still to be asked
    std::size_t missing = 0;             ///< answers
    std::vector<ip_address> found;       ///< IPv4 first: what a container network has for certain
    std::optional<seconds> ttl;
    std::string failure; ///< of a question; "" = there is no such name
    unsigned failures = 0;
    bool is_told = false; ///< that it cannot be looked up
};

host_names::host_names(boost::asio::io_context& context, event_sink& events,
                       const io::server_book& book, std::function<void()> changed,
                       std::filesystem::path hosts)
    : context_{context}
    , events_{events}
    , changed_{std::move(changed)}
    , path_{std::move(hosts)}
    , timer_{context.get_executor()}
    , resolver_{std::make_unique<io::resolver>(context, dns::server_list{}, io::resolver_settings{},
                                               &book)}
{
}

void host_names::want(const std::vector<wanted>& names)
{
    std::map<std::string, std::shared_ptr<entry>, std::less<>> next;
    table known;
    for (const auto& one : names) {
        auto& place = next[one.name];
        if (place) continue;
        if (const auto before = entries_.find(one.name); before != entries_.end())
            place = before->second;
        else
            place = std::make_shared<entry>();
        place->what = one;
        if (const auto found = known_.find(one.name); found != known_.end()) known.insert(*found);
    }
    entries_ = std::move(next);
    known_ = std::move(known);
    if (entries_.empty()) {
        watch_.reset();
        timer_.cancel();
        return;
    }
    if (!watch_) watch_.emplace(context_, path_, [this] { look_at_hosts(); });
    hosts_ = io::read_whole_file(path_).text.value_or("");
    for (const auto& [name, one] : entries_)
        if (one->missing == 0) one->due = {};
    work();
}

void host_names::use(const io::server_book& book, const dns::resolv_conf& how)
{
    how_ = how;
    resolver_->use(book);
    for (const auto& [name, one] : entries_)
        if (one->missing == 0 && one->failures > 0) one->due = {};
    work();
}

void host_names::stop() noexcept
{
    watch_.reset();
    timer_.cancel();
    entries_.clear();
    resolver_.reset();
}

void host_names::look_at_hosts()
{
    auto text = io::read_whole_file(path_).text.value_or("");
    if (text == hosts_) return;
    hosts_ = std::move(text);
    for (const auto& [name, one] : entries_)
        if (one->missing == 0) one->due = {};
    work();
}

/// Looks up what is due, and waits until something is.
void host_names::work()
{
    if (!resolver_) return;
    const tick now = io::steady_now();
    tick next = tick::max();
    const auto all = entries_; // a listener that hears of a change may want others
    for (const auto& [name, one] : all) {
        if (one->missing == 0 && one->due <= now) begin(*one);
        if (one->missing == 0) next = std::min(next, one->due);
    }
    if (next == tick::max()) return;
    timer_.expires_at(next);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) work();
    });
}

void host_names::begin(entry& of)
{
    auto here = dns::find_in_hosts(hosts_, of.what.name);
    if (!here.empty()) {
        of.due = tick::max(); // the file tells when it changes
        of.failures = 0;
        of.is_told = false;
        return publish(of, std::move(here));
    }
    of.candidates = dns::candidates_of(of.what.name, how_);
    of.failure.clear();
    ask(of);
}

void host_names::ask(entry& of)
{
    const auto name = std::move(of.candidates.front());
    of.candidates.erase(of.candidates.begin());
    of.found.clear();
    of.ttl.reset();
    of.missing = 2;
    for (const auto type : {dns::record_type::a, dns::record_type::aaaa})
        resolver_->query(name, type,
                         [this, weak = std::weak_ptr{entries_.find(of.what.name)->second}](
                             const dns::answer& answer) {
                             if (const auto self = weak.lock()) on_answer(*self, answer);
                         });
}

void host_names::on_answer(entry& of, const dns::answer& answer)
{
    --of.missing;
    if (answer.what == dns::outcome::found) {
        const bool is_v4 = !answer.addresses.empty() && answer.addresses.front().is_v4();
        of.found.insert(is_v4 ? of.found.begin() : of.found.end(), answer.addresses.begin(),
                        answer.addresses.end());
        if (answer.ttl) of.ttl = std::min(*answer.ttl, of.ttl.value_or(longest));
    } else if (answer.what == dns::outcome::failed) {
        of.failure = answer.reason;
    }
    if (of.missing > 0) return;
    if (!of.found.empty())
        on_found(of);
    else if (!of.candidates.empty())
        return ask(of); // also behind a failure, as libc does
    else
        on_failure(of, of.failure.empty() ? std::string_view{"it has no address"} : of.failure);
    work();
}

void host_names::on_found(entry& of)
{
    if (of.found.size() > addresses_max) of.found.resize(addresses_max);
    of.due = io::steady_now() + std::clamp(of.ttl.value_or(shortest), shortest, longest);
    of.failures = 0;
    if (std::exchange(of.is_told, false)) {
        const auto text = fmt::format("{}: {} can be looked up again: {}", of.what.key,
                                      of.what.name, listed(of.found));
        events_.on(event::notice{text});
    }
    publish(of, std::move(of.found));
}

void host_names::on_failure(entry& of, std::string_view why)
{
    auto wait = first_retry;
    for (unsigned i = 0; i < of.failures && wait < longest_retry; ++i)
        wait *= 2;
    ++of.failures;
    of.due = io::steady_now() + std::min(wait, longest_retry);
    if (std::exchange(of.is_told, true)) return;
    const auto before = known_.find(of.what.name);
    const auto text =
        before == known_.end()
            ? fmt::format("{}: {} cannot be looked up: {}; {} until it can", of.what.key,
                          of.what.name, why, of.what.until)
            : fmt::format("{}: {} cannot be looked up: {}; what was found before stays in use: {}",
                          of.what.key, of.what.name, why, listed(before->second));
    events_.on(event::caution{text});
}

void host_names::publish(entry& of, std::vector<ip_address> addresses)
{
    auto& place = known_[of.what.name];
    if (are_same(place, addresses)) return; // servers like to give another order each time
    place = std::move(addresses);
    const auto text = fmt::format("{}: {} is {}", of.what.key, of.what.name, listed(place));
    events_.on(event::notice{text});
    changed_();
}

} // namespace fendmail::app
