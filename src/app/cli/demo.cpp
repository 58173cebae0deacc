// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/load.hpp"
#include "fendmail/app/demo/dns_responder.hpp"
#include "fendmail/app/demo/mail_sink.hpp"
#include "fendmail/app/server/server.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>

namespace fendmail::app {

namespace {

constexpr const char* zone = "dnsbl.demo";
constexpr const char* listed_client = "127.0.0.2";

std::string demo_config(const std::string& listen, std::uint16_t sink_port, std::uint16_t dns_port)
{
    return fmt::format(R"([server]
listen = ["{}"]
hostname = "mx.demo"

[backend]
kind = "proxy-v1"
address = "127.0.0.1:{}"

[access]
rules = []

[greet]
wait = "3s"

[dnsbl]
sites = ["{}*2"]
threshold = 2
resolvers = ["127.0.0.1:{}"]

[store]
kind = "memory"

[admin]
listen = ""
)",
                       listen, sink_port, zone, dns_port);
}

void print_help(const endpoint& where)
{
    const auto address = to_text(where.address);
    fmt::print(
        R"(fendmail demo: listening on {0}:{1}. Nothing outside this machine is asked or told.

Every client waits 3 seconds behind a teaser banner ("220-"), while the built-in block list
is asked about it. Try these in another terminal and watch the log lines below:

1. A clean client. It waits once ("PASS NEW") and its mail arrives. Again: at once ("PASS OLD").
   swaks --server {0} --port {1} --from you@example.org --to user@example.test

2. A client that speaks before its turn, as bots do: "PREGREET", then 550 for its recipient.
   (printf 'EHLO bot\r\nMAIL FROM:<bot@example.org>\r\nRCPT TO:<user@example.test>\r\nQUIT\r\n';
    sleep 5) | nc -s 127.0.0.3 {0} {1}

3. A client on a block list: "DNSBL rank 2", then 550 5.7.1 for its recipient.
   swaks --local-interface {2} --server {0} --port {1} --from s@example.org --to user@example.test

Stop with Ctrl-C.

)",
        address, where.port, listed_client);
    std::fflush(stdout);
}

/// @throws std::runtime_error when it cannot listen there, which is all that can fail
std::unique_ptr<server> serve(loaded what, server::reader reload)
{
    try {
        return std::make_unique<server>(std::move(what), "demo", std::move(reload));
    } catch (const std::exception& e) {
        throw std::runtime_error{
            fmt::format("{}; listen somewhere else with --listen ADDRESS:PORT (port 0: any that is "
                        "free)",
                        e.what())};
    }
}

int play(const std::string& listen)
{
    boost::asio::io_context context{1};
    mail_sink sink{context};
    dns_responder list{context, zone, {*parse_address(listed_client)}};
    auto made = parse_config(demo_config(listen, sink.port(), list.port()), "demo", "mx.demo");
    for (const auto& problem : made.problems)
        if (problem.fatal) fmt::print(stderr, "{}\n", to_text(problem));
    if (!made.value) return exit_failure;

    sink.start();
    list.start();
    const loaded fixed = made;
    const auto one = serve(std::move(made), [fixed] { return fixed; });
    print_help(one->addresses().front());
    const std::jthread helpers{[&context](const std::stop_token& stop) {
        const std::stop_callback end{stop, [&context] { context.stop(); }};
        context.run();
    }};
    one->run();
    return exit_ok;
}

} // namespace

void add_demo(command_set& all)
{
    const auto listen = std::make_shared<std::string>("127.0.0.1:2525");
    all.add("demo",
            "Try fendmail without a mail server, DNS or rights: a mail sink and a block list are "
            "built in.",
            [listen] { return play(*listen); })
        .add_option("-l,--listen", *listen, "Where to listen")
        ->type_name("ADDRESS:PORT")
        ->capture_default_str();
}

} // namespace fendmail::app
