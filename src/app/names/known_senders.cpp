// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/known_senders.hpp"

#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

namespace fendmail::app {

namespace {

constexpr seconds shortest_interval{5 * 60};
/// No TTL keeps us from looking once a day.
constexpr seconds longest_ttl{86400};
constexpr seconds longest_retry{6 * 3600};
constexpr unsigned jitter_percent = 10;

} // namespace

seconds time_to_refresh(seconds refresh, std::optional<seconds> ttl) noexcept
{
    const auto held = std::min(ttl.value_or(seconds{0}), longest_ttl);
    return std::max({refresh, held, shortest_interval});
}

seconds time_to_retry(seconds refresh, unsigned failures) noexcept
{
    auto span = shortest_interval;
    const auto longest = std::max(std::min(refresh, longest_retry), shortest_interval);
    for (unsigned i = 1; i < failures && span < longest; ++i)
        span *= 2;
    return std::min(span, longest);
}

std::filesystem::path sender_file_of(const startup_config& config)
{
    return config.store.path.parent_path() / "known-senders.cidr";
}

known_senders::known_senders(boost::asio::io_context& context, event_sink& events,
                             std::filesystem::path file, publisher publish)
    : context_{context}
    , events_{events}
    , file_{std::move(file)}
    , publish_{std::move(publish)}
    , timer_{context}
{
}

void known_senders::configure(const known_senders_options& options,
                              const dns::server_list& resolvers)
{
    running_.reset();
    timer_.cancel();
    options_ = options;
    resolvers_ = resolvers;
    if (!options_.domains.empty() && !kept_) read_file();
    std::vector<entry> next;
    for (const std::string& domain : options_.domains)
        next.push_back(make_entry(domain));
    is_unwritten_ = is_unwritten_ || next.size() < entries_.size();
    entries_ = std::move(next);
    publish();
    work();
}

void known_senders::use(std::shared_ptr<const io::server_book> book)
{
    book_ = std::move(book);
    if (running_) running_->use(*book_);
    for (entry& each : entries_)
        if (each.failures > 0) each.due = {};
    timer_.cancel();
    work();
}

known_senders::entry known_senders::make_entry(const std::string& domain)
{
    const auto named = [&](const auto& each) { return each.sender.domain == domain; };
    const auto before = std::ranges::find_if(entries_, named);
    if (before != entries_.end()) {
        entry made = std::move(*before);
        before->sender.domain.clear();
        made.due = {};
        return made;
    }
    entry made;
    made.sender.domain = domain;
    const auto kept = std::ranges::find(*kept_, domain, &spf::known_sender::domain);
    if (kept == kept_->end()) return made;
    made.sender = *kept;
    // A clock that was ahead must not make them young for ever: their age is counted from now.
    made.sender.refreshed_at = std::min(made.sender.refreshed_at, io::wall_now());
    made.is_known = true;
    events_.on(event::sender_loaded{domain, made.sender.networks.size(), age_of(made)});
    tell_old_age(made);
    return made;
}

void known_senders::read_file()
{
    kept_.emplace();
    const auto read = io::read_whole_file(file_);
    if (!read.failure.empty()) {
        const auto text = fmt::format("cannot read the known senders of {}: {}; started without "
                                      "them until they are looked up",
                                      file_.string(), read.failure);
        events_.on(event::caution{text});
    }
    if (!read.text) return;
    auto parsed = spf::parse_sender_file(*read.text);
    if (parsed.bad_line != 0) {
        const auto text =
            fmt::format("the known senders in {} are damaged at line {}; started without them "
                        "until they are looked up",
                        file_.string(), parsed.bad_line);
        events_.on(event::caution{text});
    }
    kept_ = std::move(parsed.senders);
}

void known_senders::publish()
{
    if (entries_.empty() && !has_set_) return;
    auto fresh = std::make_shared<acl::sender_set>();
    for (const entry& each : entries_)
        fresh->add(each.sender.domain, each.sender.networks);
    has_set_ = !entries_.empty();
    publish_(has_set_ ? std::move(fresh) : nullptr);
}

/// Looks up what is due, or waits until something is.
void known_senders::work()
{
    if (running_ || entries_.empty()) return;
    const auto next = std::ranges::min_element(entries_, {}, &entry::due);
    if (next->due <= io::steady_now())
        return look_up(static_cast<std::size_t>(next - entries_.begin()));
    if (is_unwritten_) write_file();
    timer_.expires_at(next->due);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) work();
    });
}

void known_senders::look_up(std::size_t index)
{
    running_ = std::make_unique<io::spf_lookup>(
        context_, resolvers_, entries_[index].sender.domain,
        [this, index](spf::expansion result) { on_result(index, std::move(result)); },
        io::spf_lookup_limits{}, book_.get());
}

void known_senders::on_result(std::size_t index, spf::expansion result)
{
    running_.reset();
    entry& e = entries_[index];
    if (result.what == spf::outcome::complete)
        accept(e, std::move(result));
    else
        refuse(e, result);
    work();
}

void known_senders::accept(entry& e, spf::expansion&& result)
{
    tell_notes(e, result);
    const bool changed = !e.is_known || e.sender.networks != result.networks;
    e.due = io::steady_now() + jittered(time_to_refresh(options_.refresh, result.ttl));
    e.sender.networks = std::move(result.networks);
    e.sender.refreshed_at = io::wall_now();
    e.is_known = true;
    e.failures = 0;
    e.age_reports.reset();
    is_unwritten_ = true;
    if (changed) publish();
    events_.on(event::sender_refreshed{e.sender.domain, e.sender.networks.size(), changed});
}

void known_senders::refuse(entry& e, const spf::expansion& result)
{
    const bool is_temporary = result.what == spf::outcome::temporary_error;
    e.failures = is_temporary ? e.failures + 1 : 0;
    e.due =
        io::steady_now() + jittered(is_temporary ? time_to_retry(options_.refresh, e.failures)
                                                 : time_to_refresh(options_.refresh, result.ttl));
    events_.on(event::sender_not_refreshed{e.sender.domain, result.reason, e.sender.networks.size(),
                                           age_of(e)});
    tell_old_age(e);
}

/// Once, and again when they are others.
void known_senders::tell_notes(entry& e, const spf::expansion& result)
{
    auto notes = fmt::format("{}", fmt::join(result.notes, "; "));
    if (!notes.empty() && notes != e.told_notes)
        events_.on(event::sender_partial{e.sender.domain, notes});
    e.told_notes = std::move(notes);
}

void known_senders::tell_old_age(entry& e)
{
    const auto age = age_of(e);
    if (!e.is_known || age <= options_.max_age) return;
    if (!e.age_reports.on_occurrence(io::steady_now())) return;
    events_.on(event::sender_outdated{e.sender.domain, e.sender.networks.size(), age});
}

/// Of a clock that was set back, 0.
seconds known_senders::age_of(const entry& e) const
{
    if (!e.is_known) return seconds{0};
    return std::max(io::wall_now() - e.sender.refreshed_at, seconds{0});
}

/// So that many hosts that were started together do not ask together for ever.
tick_span known_senders::jittered(seconds span)
{
    std::uniform_int_distribution<milliseconds::rep> extra{0, milliseconds{span}.count() *
                                                                  jitter_percent / 100};
    return milliseconds{span} + milliseconds{extra(random_)};
}

void known_senders::write_file()
{
    is_unwritten_ = false;
    std::vector<spf::known_sender> all;
    for (const entry& each : entries_)
        if (each.is_known) all.push_back(each.sender);
    const auto why = io::replace_file(file_, spf::write_sender_file(all));
    if (why && *why != told_write_failure_) {
        const auto text = fmt::format("cannot write the known senders to {}: {}; after a restart "
                                      "they are unknown until they are looked up",
                                      file_.string(), *why);
        events_.on(event::caution{text});
    }
    told_write_failure_ = why.value_or("");
}

void known_senders::stop()
{
    running_.reset();
    timer_.cancel();
    if (is_unwritten_) write_file();
    entries_.clear();
}

} // namespace fendmail::app
