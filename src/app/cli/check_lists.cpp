// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/load.hpp"
#include "fendmail/core/event/render.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/dnsbl_lookup.hpp"
#include "fendmail/io/privilege.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <string>
#include <utility>

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
        fmt::print(stderr, "{}: {}\n", config_path_, fmt::to_string(text));
        ++count_;
    }
    [[nodiscard]] unsigned count() const noexcept { return count_; }

private:
    std::string config_path_;
    unsigned count_ = 0;
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

int cli_check_lists(const std::string& config_path)
{
    const auto found = load_config(config_path, io::host_name());
    if (!found.value) return exit_failure;
    const runtime_config& config = found.value->runtime;
    const auto sites = std::make_shared<const dnsbl::site_set>(config.dnsbl_sites);
    if (sites->empty()) {
        fmt::print("no lists to be asked\n");
        return exit_ok;
    }
    boost::asio::io_context context;
    printer events{config_path};
    const auto states = std::make_shared<io::zone_states>(*sites);
    io::dnsbl_lookup lookups{context, events, config.resolvers};
    lookups.watch(sites, states, config.dnsbl_timeout, dnsbl::timing_for(any_interval));
    run_for(context, longest, [&] { return states->are_all_tested(); });
    run_for(context, to_compare, [] { return false; });
    if (events.count() > 0) return exit_failure;
    fmt::print("all {} lists answer their tests\n", sites->zones.size());
    return exit_ok;
}

} // namespace fendmail::app
