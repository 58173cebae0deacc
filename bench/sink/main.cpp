// SPDX-License-Identifier: Apache-2.0
#include "sink/listeners.hpp"
#include "support/endpoint.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <deque>
#include <exception>
#include <fmt/format.h>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace fendmail::sink {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct arguments {
    std::vector<std::string> plain;
    std::vector<std::string> proxy;
    std::vector<std::string> pass;
};

void raise_descriptors()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

int run(int argc, char** argv)
{
    CLI::App app{"A mail server that takes everything and keeps nothing", "sink"};
    arguments given;
    app.add_option("--plain", given.plain, "Listen here for SMTP, as address:port");
    app.add_option("--proxy", given.proxy, "The same, with a PROXY header of version 1 or 2");
    app.add_option("--pass", given.pass, "UNIX socket to take clients' sockets from");
    app.require_option();
    CLI11_PARSE(app, argc, argv);
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    raise_descriptors();
    asio::io_context context{1};
    std::deque<tcp_listener> tcp_listeners;
    std::deque<pass_listener> pass_listeners;
    for (const auto& where : given.plain)
        tcp_listeners.emplace_back(context, bench::parse_endpoint<tcp::endpoint>(where), false);
    for (const auto& where : given.proxy)
        tcp_listeners.emplace_back(context, bench::parse_endpoint<tcp::endpoint>(where), true);
    for (const auto& path : given.pass)
        pass_listeners.emplace_back(context, path);
    for (auto& each : tcp_listeners)
        each.accept();
    for (auto& each : pass_listeners)
        each.accept();
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
    // The program that started us waits for this line.
    fmt::print("ready\n");
    static_cast<void>(std::fflush(stdout));
    context.run();
    return 0;
}

} // namespace
} // namespace fendmail::sink

int main(int argc, char** argv)
{
    try {
        return fendmail::sink::run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "sink: {}\n", error.what());
        return 1;
    }
}
