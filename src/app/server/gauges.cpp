// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/gauges.hpp"

#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace fendmail::app {

using prometheus::MetricType;

namespace {

double of(std::size_t count) noexcept
{
    return static_cast<double>(count);
}

double of(const timeval& time) noexcept
{
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double of(const timespec& time) noexcept
{
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// The word at a place, counted from 0.
std::optional<std::uint64_t> number_at(std::string_view text, unsigned place)
{
    for (; place > 0; --place) {
        const auto gap = text.find(' ');
        if (gap == std::string_view::npos) return std::nullopt;
        text.remove_prefix(gap + 1);
    }
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{}) return std::nullopt;
    return value;
}

/// proc(5): field 22 of stat, behind the name in brackets, which may hold anything. It counts from
/// the boot, and when that was tell the clocks: btime of /proc/stat is hidden where /proc has only
/// processes, as in fendmail.service.
std::optional<double> start_time()
{
    constexpr unsigned starttime = 22 - 3;
    const auto stat = io::read_whole_file("/proc/self/stat").text;
    if (!stat) return std::nullopt;
    const std::string_view behind{*stat};
    const auto name_end = behind.rfind(") ");
    if (name_end == std::string_view::npos) return std::nullopt;
    const auto ticks = number_at(behind.substr(name_end + 2), starttime);
    timespec wall{};
    timespec since_boot{};
    if (!ticks || ::clock_gettime(CLOCK_REALTIME, &wall) != 0 ||
        ::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0)
        return std::nullopt;
    return of(wall) - of(since_boot) +
           static_cast<double>(*ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::optional<double> resident_octets()
{
    const auto statm = io::read_whole_file("/proc/self/statm").text;
    const auto pages = statm ? number_at(*statm, 1) : std::nullopt;
    if (!pages) return std::nullopt;
    return static_cast<double>(*pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

std::optional<double> open_descriptors()
{
    std::error_code failure;
    std::size_t count = 0;
    std::filesystem::directory_iterator at{"/proc/self/fd", failure};
    for (; !failure && at != std::filesystem::directory_iterator{}; at.increment(failure))
        ++count;
    if (failure || count == 0) return std::nullopt;
    return of(count - 1); // without the one that reads them
}

void add_if(metric_families& to, std::string_view name, std::string_view help,
            std::optional<double> value)
{
    if (value) add_family(to, name, help, MetricType::Gauge, *value);
}

void collect_sessions(metric_families& to, const process_counters& counters)
{
    const auto all = counters.sessions.load();
    const auto screening = std::min(counters.screening.load(), all);
    auto& sessions = to.emplace_back(metric_family(
        "fendmail_sessions", "Sessions that run, by how far they are.", MetricType::Gauge));
    add_value(sessions, of(screening), {{"stage", "screening"}});
    add_value(sessions, of(all - screening), {{"stage", "handed_off"}});
    add_family(to, "fendmail_dialogs", "Clients in our own SMTP dialog; of those screened.",
               MetricType::Gauge, of(counters.dialogs.load()));
    add_family(to, "fendmail_sockets_in_transit",
               "Sockets of clients on their way to a pass service.", MetricType::Gauge,
               of(counters.handing_off.load()));
    add_family(to, "fendmail_proxy_arrivals",
               "Connections of balancers whose client is not known yet.", MetricType::Gauge,
               of(counters.arrivals.load()));
    add_family(to, "fendmail_stressed", "Whether so many clients are screened that limits shrink.",
               MetricType::Gauge, counters.stress.load() ? 1 : 0);
    add_family(to, "fendmail_descriptors", "Descriptors of clients and backends.",
               MetricType::Gauge, of(counters.descriptors.load()));
    add_family(to, "fendmail_descriptors_max",
               "Descriptors of clients and backends beyond which no client is accepted.",
               MetricType::Gauge, of(counters.descriptors_for_clients.load()));
}

} // namespace

void collect_gauges(metric_families& to, const process_counters& counters, const snapshot& now)
{
    collect_sessions(to, counters);
    auto& backend = to.emplace_back(metric_family(
        "fendmail_backend_up", "Whether the backend took the last client, and takes its address.",
        MetricType::Gauge));
    add_value(backend, now.backend_health->is_failing() || now.identity->is_mistaken() ? 0 : 1,
              {{"backend", now.backend->name()}});
    auto& lists = to.emplace_back(metric_family(
        "fendmail_list_up", "Whether the list counts; 0 while it is suspended or off.",
        MetricType::Gauge));
    const auto& zones = now.dnsbl_sites->zones;
    for (std::size_t i = 0; i < zones.size(); ++i)
        add_value(lists,
                  now.list_states->is_suspended(i) || now.list_states->tally(i)->is_off() ? 0 : 1,
                  {{"zone", zones[i].reply_name}});
}

void collect_lists(metric_families& to, const snapshot& now, const std::vector<list_hits>& hits)
{
    constexpr std::array results{std::pair{io::list_result::listed, "listed"},
                                 std::pair{io::list_result::not_listed, "not_listed"},
                                 std::pair{io::list_result::odd, "error"},
                                 std::pair{io::list_result::failed, "failed"}};
    const auto& zones = now.dnsbl_sites->zones;
    auto answers = metric_family("fendmail_dnsbl_answers_total",
                                 "What lists answered about clients; error is an answer that is no "
                                 "listing, failed none.",
                                 MetricType::Counter);
    auto spans = metric_family("fendmail_dnsbl_answer_seconds",
                               "From the question to the answer of a list.", MetricType::Histogram);
    for (std::size_t i = 0; i < zones.size(); ++i) {
        const auto& tally = *now.list_states->tally(i);
        for (const auto& [result, name] : results)
            add_value(answers, static_cast<double>(tally.count(result)),
                      {{"zone", zones[i].reply_name}, {"result", name}});
        add_histogram(spans, tally.spans(), tally.sum_ms(), {{"zone", zones[i].reply_name}});
    }
    to.push_back(std::move(answers));
    to.push_back(std::move(spans));
    const auto add = [&](std::string_view name, std::string_view help,
                         std::uint64_t list_hits::* which) {
        auto& family = to.emplace_back(metric_family(name, help, MetricType::Counter));
        for (const auto& zone : zones) {
            const auto found = std::ranges::find(hits, zone.reply_name, &list_hits::list);
            add_value(family, found == hits.end() ? 0 : static_cast<double>((*found).*which),
                      {{"zone", zone.reply_name}});
        }
    };
    add("fendmail_dnsbl_hits_total", "Sessions of clients that the list names.", &list_hits::hits);
    add("fendmail_dnsbl_hits_turned_away_total", "Of these, those that were refused or cut off.",
        &list_hits::turned_away);
    add("fendmail_dnsbl_hits_passed_total", "Of these, those that went to the backend.",
        &list_hits::passed);
    add("fendmail_dnsbl_hits_later_passed_total",
        "Sessions that went to the backend, of clients once turned away while the list named them.",
        &list_hits::later_passed);
}

void collect_resolvers(metric_families& to, const io::resolver_pool::named_figures& all)
{
    std::map<std::string, io::resolver_figures> sums;
    for (const auto& [name, one] : all) {
        auto& sum = sums[name];
        sum.sent += one.sent;
        sum.answered += one.answered;
        sum.lost += one.lost;
        sum.dropped += one.dropped;
        sum.strays += one.strays;
        sum.retransmission = std::max(sum.retransmission, one.retransmission);
        sum.window = std::min(sum.window, one.window);
    }
    const auto add = [&](std::string_view name, std::string_view help, MetricType type,
                         auto value_of) {
        auto& family = to.emplace_back(metric_family(name, help, type));
        for (const auto& [resolver, sum] : sums)
            add_value(family, value_of(sum), {{"resolver", resolver}});
    };
    const auto counter = [&](std::string_view name, std::string_view help,
                             std::uint64_t io::resolver_figures::* which) {
        add(name, help, MetricType::Counter,
            [which](const io::resolver_figures& of) { return static_cast<double>(of.*which); });
    };
    using io::resolver_figures;
    counter("fendmail_dns_queries_total", "Datagrams sent to a resolver.", &resolver_figures::sent);
    counter("fendmail_dns_answers_total", "Answers of a resolver.", &resolver_figures::answered);
    counter("fendmail_dns_lost_total", "Datagrams that were not answered in the usual time.",
            &resolver_figures::lost);
    counter("fendmail_dns_dropped_total", "Answers for which our sockets had no room.",
            &resolver_figures::dropped);
    counter("fendmail_dns_strays_total", "Answers to what was not asked; forged, perhaps.",
            &resolver_figures::strays);
    // Unknown until a list has answered.
    std::erase_if(sums, [](const auto& one) { return one.second.window == SIZE_MAX; });
    add("fendmail_dns_window", "How many datagrams may be under way, of the list with the fewest.",
        MetricType::Gauge,
        [](const resolver_figures& of) { return static_cast<double>(of.window); });
    add("fendmail_dns_retransmission_seconds",
        "After which time a datagram is sent again, of the slowest list.", MetricType::Gauge,
        [](const resolver_figures& of) {
            return static_cast<double>(of.retransmission.count()) / 1000.0;
        });
}

void collect_abuse(metric_families& to, const ban_book::figures& bans,
                   const abuse_watch::figures& rates, std::uint64_t reports_lost)
{
    add_family(to, "fendmail_bans", "Clients and networks that are banned.", MetricType::Gauge,
               of(bans.bans));
    add_family(to, "fendmail_ban_offenders", "Clients of which offences are remembered.",
               MetricType::Gauge, of(bans.offenders));
    add_family(to, "fendmail_ban_offenders_evicted_total",
               "Clients whose offences were forgotten for want of room.", MetricType::Counter,
               of(bans.evicted));
    add_family(to, "fendmail_bans_are_paused", "Whether too many are new, so that none is made.",
               MetricType::Gauge, bans.is_paused ? 1 : 0);
    add_family(to, "fendmail_rates_evicted_total",
               "Clients and networks whose count was dropped before its time for want of room.",
               MetricType::Counter, of(rates.evicted_busy));
    add_family(to, "fendmail_client_reports_lost_total",
               "Sessions whose offences were not counted, because too many came at once.",
               MetricType::Counter, of(rates.reports_lost + reports_lost));
}

void collect_kernel_bans(metric_families& to, const kernel_link::figures& now)
{
    if (!now.is_on) return;
    add_family(to, "fendmail_kernel_bans_up",
               "Whether the helper for bans in the kernel is there and keeps them all.",
               MetricType::Gauge, now.is_well() ? 1 : 0);
    add_family(to, "fendmail_kernel_bans", "Banned clients that the kernel keeps off.",
               MetricType::Gauge, of(now.told.held));
    add_family(to, "fendmail_kernel_dropped_total",
               "Attempts to connect that the kernel has dropped, since the helper's start.",
               MetricType::Counter, of(now.told.dropped));
}

void collect_feeds(metric_families& to, const std::vector<feed_status>& all)
{
    const auto add = [&](std::string_view name, std::string_view help, MetricType type,
                         auto value_of) {
        auto& family = to.emplace_back(metric_family(name, help, type));
        for (const feed_status& one : all)
            add_value(family, value_of(one), {{"feed", one.source.name}});
    };
    add("fendmail_feed_entries", "Entries of the feed in use.", MetricType::Gauge,
        [](const feed_status& one) { return of(one.entries); });
    add("fendmail_feed_left_out", "Of these, those that are left out as unsafe.", MetricType::Gauge,
        [](const feed_status& one) { return of(one.left_out); });
    add("fendmail_feed_age_seconds", "Since the file that is in use was written.",
        MetricType::Gauge,
        [](const feed_status& one) { return static_cast<double>(one.age.count()); });
    add("fendmail_feed_up", "Whether the file of the feed can be used and is not too old.",
        MetricType::Gauge,
        [](const feed_status& one) { return one.state == feed_state::good ? 1 : 0; });
    add("fendmail_feed_hits_total", "Connections of clients that are in the feed.",
        MetricType::Counter, [](const feed_status& one) { return static_cast<double>(one.hits); });
}

void collect_process(metric_families& to)
{
    rusage used{};
    if (::getrusage(RUSAGE_SELF, &used) == 0)
        add_family(to, "process_cpu_seconds_total", "Processor time, of user and system.",
                   MetricType::Counter, of(used.ru_utime) + of(used.ru_stime));
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
        add_family(to, "process_max_fds", "The limit of open descriptors.", MetricType::Gauge,
                   static_cast<double>(descriptors.rlim_cur));
    add_if(to, "process_open_fds", "Open descriptors.", open_descriptors());
    add_if(to, "process_resident_memory_bytes", "Resident memory.", resident_octets());
    // Once: it must not move when the clock is set.
    static const auto started = start_time();
    add_if(to, "process_start_time_seconds", "When the process started, since 1970.", started);
}

} // namespace fendmail::app
