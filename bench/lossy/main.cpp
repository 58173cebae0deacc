// SPDX-License-Identifier: Apache-2.0
#include "lossy/forwarder.hpp"
#include "support/endpoint.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <string>

namespace fendmail::lossy {
namespace {

namespace asio = boost::asio;
using udp = asio::ip::udp;

struct arguments {
    std::string listen;
    std::string server;
    conditions wanted;
    unsigned delay = 0;
    unsigned reorder_by = 20;
    std::uint32_t seed = 1;
};

void declare(CLI::App& app, arguments& given)
{
    const auto share = [&](const char* name, double& where, const char* what) {
        app.add_option(name, where, what)->check(CLI::Range(0.0, 100.0));
    };
    app.add_option("--listen", given.listen, "Where, as address:port")->required();
    app.add_option("--server", given.server, "The name server, as address:port")->required();
    share("--lose-questions", given.wanted.lost_questions, "How many of them, in percent");
    share("--lose-answers", given.wanted.lost_answers, "How many of them, in percent");
    share("--duplicate", given.wanted.duplicated, "Of both, in percent");
    share("--reorder", given.wanted.reordered, "Of both, in percent: others overtake them");
    app.add_option("--reorder-by", given.reorder_by, "Milliseconds that these are held back (20)");
    app.add_option("--delay", given.delay, "Milliseconds to each answer");
    app.add_option("--rate", given.wanted.rate, "Questions taken in a second; others are lost");
    app.add_option("--seed", given.seed, "Of chance (1)");
}

int run(int argc, char** argv)
{
    CLI::App app{"A bad network in front of a name server", "lossy"};
    arguments given;
    declare(app, given);
    CLI11_PARSE(app, argc, argv);
    given.wanted.delay = milliseconds{given.delay};
    given.wanted.reorder_by = milliseconds{given.reorder_by};
    asio::io_context context{1};
    forwarder server{context, bench::parse_endpoint<udp::endpoint>(given.listen),
                     bench::parse_endpoint<udp::endpoint>(given.server), given.wanted, given.seed};
    server.start();
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
    // The program that started us waits for this line.
    fmt::print("ready\n");
    static_cast<void>(std::fflush(stdout));
    context.run();
    const auto& seen = server.counts();
    fmt::print(
        R"({{"questions":{},"about_ipv6":{},"questions_lost":{},"over_rate":{},"answers":{},)"
        R"("answers_lost":{},"duplicates":{}}})"
        "\n",
        seen.questions, seen.about_ipv6, seen.questions_lost, seen.over_rate, seen.answers,
        seen.answers_lost, seen.duplicates);
    return 0;
}

} // namespace
} // namespace fendmail::lossy

int main(int argc, char** argv)
{
    try {
        return fendmail::lossy::run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "lossy: {}\n", error.what());
        return 1;
    }
}
