// SPDX-License-Identifier: Apache-2.0
#include "check_lists.hpp"

#include "check_start.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/core/event/render.hpp"
#include "fendmail/io/dnsbl/lookup.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "read_config.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fendmail::app {

namespace {

constexpr milliseconds step{50};
/// A test takes five seconds at most, and what lists have in common is known a little later.
constexpr milliseconds longest{8'000};
constexpr milliseconds to_compare{750};
constexpr milliseconds any_interval{300'000}; ///< longer than this runs

/// Prints what a running fendmail would log.
class printer final : public event_sink {
public:
    explicit printer(std::string config_path)
        : config_path_{std::move(config_path)}
    {
    }
    void on(const any_event& what) noexcept override
    {
        if (event::level_of(what) == event::level::info) return;
        fmt::memory_buffer text;
        event::render_postscreen(text, what);
        said_.push_back(fmt::to_string(text));
        fmt::print(stderr, "{}: {}\n", config_path_, said_.back());
    }
    [[nodiscard]] bool is_silent() const noexcept { return said_.empty(); }
    /// Nothing was said of this list, nor of a resolver, which may be its own.
    [[nodiscard]] bool is_well(std::string_view list) const
    {
        return std::ranges::none_of(said_, [list](const std::string& line) {
            return line.find(list) != std::string::npos || line.starts_with("warning: resolver");
        });
    }

private:
    std::string config_path_;
    std::vector<std::string> said_;
};

void run_for(boost::asio::io_context& context, milliseconds span,
             const std::function<bool()>& is_over)
{
    const tick end = io::steady_now() + span;
    while (!is_over() && io::steady_now() < end) {
        context.restart();
        context.run_for(step);
    }
}

} // namespace

int check_lists(const std::string& config_path)
{
    const auto found = read_config(config_path, io::host_name());
    if (!found.value) return exit_failure; // why is told already
    const runtime_config& config = found.value->runtime;
    const auto sites = std::make_shared<const dnsbl::site_set>(config.dnsbl_sites);
    if (sites->empty()) {
        fmt::print("no lists to be asked\n");
        return exit_ok;
    }
    boost::asio::io_context context;
    printer events{config_path};
    const auto states = std::make_shared<io::list_states>(*sites);
    io::deadline_queue deadlines{context};
    io::resolver_pool resolvers{context, config.resolvers, nullptr};
    io::dnsbl_lookup lookups{context, events, deadlines, resolvers};
    lookups.watch(sites, states, config.dnsbl.timeout, dnsbl::timing_for(any_interval));
    run_for(context, longest, [&] { return states->are_all_tested(); });
    run_for(context, to_compare, [] { return false; });
    for (const auto& zone : sites->zones)
        if (events.is_well(zone.reply_name)) print_good("list " + zone.reply_name);
    if (!events.is_silent()) return exit_failure;
    fmt::print("all {} lists answer their tests\n", sites->zones.size());
    return exit_ok;
}

} // namespace fendmail::app
