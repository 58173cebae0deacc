// SPDX-License-Identifier: Apache-2.0
#include "storm/options.hpp"

#include "support/endpoint.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/resource.h>

namespace fendmail::storm {

namespace asio = boost::asio;

namespace {

// Standard streams, the loop's own descriptors, and some to spare.
constexpr rlim_t spare_descriptors = 32;
constexpr std::uint32_t default_closed_concurrency = 64;
constexpr std::uint32_t default_open_concurrency = 50'000;

/// As given, before it is understood.
struct arguments {
    std::string scenario;
    std::string target;
    double rate = 0;
    bool at_once = false;
    std::uint32_t concurrency = 0;
    std::uint64_t count = 0;
    double duration = 0;
    double timeout = 60;
    std::string source_base = "127.1.0.1";
    std::string listed_base = "127.128.0.1";
    std::uint32_t sources = 0;
    std::uint32_t stride = 1;
    std::string json;
};

std::string scenario_help()
{
    std::string text = "SCENARIO:\n";
    for (const auto& what : scenarios())
        text += fmt::format("  {:10} {}\n", what.name, what.about);
    return text + "\nWithout --rate each client that ends makes room for the next (closed loop);\n"
                  "with it they come at that rate whatever happens (open loop).";
}

void declare(CLI::App& app, arguments& given)
{
    app.add_option("scenario", given.scenario, "What the clients do")->required();
    app.add_option("target", given.target, "Where the server listens, as address:port")->required();
    app.add_option("--rate", given.rate, "New clients a second (open loop)")
        ->check(CLI::PositiveNumber);
    app.add_flag("--at-once", given.at_once,
                 "All --count clients connect in the same moment; times count from when the "
                 "connection of each is established")
        ->excludes("--rate");
    app.add_option("--concurrency", given.concurrency,
                   "Most clients at once (64; with --rate 50000, fewer if descriptors are few)")
        ->check(CLI::PositiveNumber);
    app.add_option("--count", given.count, "Stop after so many clients")
        ->check(CLI::PositiveNumber);
    app.add_option("--duration", given.duration, "Start no more clients after so many seconds")
        ->check(CLI::PositiveNumber);
    app.add_option("--timeout", given.timeout, "Give a client up after so many seconds (60)")
        ->check(CLI::PositiveNumber);
    app.add_option("--source-base", given.source_base, "First address of the clients (127.1.0.1)");
    app.add_option("--listed-base", given.listed_base,
                   "First address of the clients that are listed (127.128.0.1)");
    app.add_option("--sources", given.sources, "How many addresses they take in turn")
        ->check(CLI::PositiveNumber);
    app.add_option("--stride", given.stride,
                   "From one address to the next (1); 256 gives each client a /24 of its own")
        ->check(CLI::PositiveNumber);
    app.add_option("--json", given.json, "Write the result to this file, - for standard output");
}

asio::ip::tcp::endpoint parse_target(const std::string& text)
{
    const auto target = bench::parse_endpoint<asio::ip::tcp::endpoint>(text);
    if (!target.address().is_loopback())
        throw std::runtime_error{fmt::format("'{}': only servers of 127.0.0.0/8 are loaded", text)};
    return target;
}

source_pool parse_sources(const char* option, const std::string& text, std::uint32_t count,
                          std::uint32_t stride)
{
    boost::system::error_code error;
    const auto address = asio::ip::make_address_v4(text, error);
    const auto pool = error ? std::nullopt : source_pool::make(address.to_uint(), count, stride);
    if (!pool)
        throw std::runtime_error{
            fmt::format("{} '{}': wanted an address of 127.0.0.0/8 with room for "
                        "{} addresses behind it (see --sources and --stride)",
                        option, text, count)};
    return *pool;
}

/// Raises the limit of open files as far as we may; how many clients fit.
std::uint32_t most_clients()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        throw std::runtime_error{"cannot read RLIMIT_NOFILE"};
    limit.rlim_cur = limit.rlim_max;
    // Refused, the old limit holds; either way it is read again.
    static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
    static_cast<void>(getrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_cur <= spare_descriptors) return 0;
    return static_cast<std::uint32_t>(
        std::min<rlim_t>(limit.rlim_cur - spare_descriptors, default_open_concurrency * 20));
}

std::uint32_t concurrency_of(const arguments& given)
{
    const auto most = most_clients();
    if (given.concurrency > most)
        throw std::runtime_error{fmt::format("--concurrency {}: only {} descriptors are allowed "
                                             "(ulimit -n); lower one or raise the other",
                                             given.concurrency, most)};
    if (given.at_once && given.count > most)
        throw std::runtime_error{fmt::format("--at-once: {} clients, and only {} descriptors are "
                                             "allowed (ulimit -n)",
                                             given.count, most)};
    if (given.at_once) return static_cast<std::uint32_t>(given.count);
    if (given.concurrency != 0) return given.concurrency;
    return std::min(most, given.rate > 0 ? default_open_concurrency : default_closed_concurrency);
}

std::chrono::milliseconds to_milliseconds(double seconds)
{
    return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

options understood(const arguments& given)
{
    const auto what = find_scenario(given.scenario);
    if (!what)
        throw std::runtime_error{fmt::format("no scenario '{}'; see --help", given.scenario)};
    const bool holds = what->groups.front().role == role::holder;
    if (given.duration == 0 && (holds || given.count == 0))
        throw std::runtime_error{holds ? "hold needs --duration"
                                       : "give --count, --duration or both"};
    if (given.at_once && (given.count == 0 || given.duration != 0 || given.concurrency != 0))
        throw std::runtime_error{"--at-once needs --count, and neither --duration nor "
                                 "--concurrency"};
    const auto sources = given.sources != 0 ? given.sources : what->sources;
    return {
        .scenario = *what,
        .target = parse_target(given.target),
        .rate = given.rate,
        .at_once = given.at_once,
        .concurrency = concurrency_of(given),
        .count = holds && given.count == 0 ? concurrency_of(given) : given.count,
        .duration = to_milliseconds(given.duration),
        .timeout = to_milliseconds(given.timeout),
        .sources = parse_sources("--source-base", given.source_base, sources, given.stride),
        .listed_sources = parse_sources("--listed-base", given.listed_base, sources, given.stride),
        .json = given.json,
    };
}

} // namespace

parsed_options parse_options(int argc, char** argv)
{
    CLI::App app{"Plays many SMTP clients at once against a server on this machine", "storm"};
    arguments given;
    declare(app, given);
    app.footer(scenario_help());
    try {
        app.parse(argc, argv);
        return {understood(given), 0};
    } catch (const CLI::ParseError& error) {
        return {std::nullopt, app.exit(error)};
    } catch (const std::runtime_error& error) {
        fmt::print(stderr, "storm: {}\n", error.what());
        return {std::nullopt, 2};
    }
}

} // namespace fendmail::storm
