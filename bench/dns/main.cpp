// SPDX-License-Identifier: Apache-2.0
#include "dns/answer.hpp"
#include "support/endpoint.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <deque>
#include <exception>
#include <fmt/format.h>
#include <random>
#include <string>

namespace fendmail::dns {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

struct arguments {
    std::string listen;
    std::string listed = "127.128.0.0/10";
    unsigned delay_ms = 0;
    double loss_percent = 0;
};

/// Answers in the order of the questions, each after the same delay, and loses some.
class responder {
public:
    responder(asio::io_context& context, const arguments& given, const network& listed)
        : socket_{context, bench::parse_endpoint<udp::endpoint>(given.listen)}
        , timer_{context}
        , listed_{listed}
        , delay_{given.delay_ms}
        , loss_{given.loss_percent / 100}
    {
        socket_.non_blocking(true);
        // A burst of clients asks four lists each at once.
        socket_.set_option(udp::socket::receive_buffer_size{4 << 20});
    }

    void serve()
    {
        socket_.async_wait(udp::socket::wait_read, [this](const error_code& error) {
            if (error) return;
            receive();
            serve();
        });
    }

private:
    struct late_reply {
        clock::time_point due;
        udp::endpoint to;
        std::vector<std::uint8_t> octets;
    };

    void receive()
    {
        for (;;) {
            error_code error;
            udp::endpoint from;
            const auto octets = socket_.receive_from(asio::buffer(query_), from, 0, error);
            if (error) return;
            auto reply = answer({query_.data(), octets}, listed_);
            if (!reply || chance_(random_) < loss_) continue;
            if (delay_.count() == 0) {
                send({{}, from, std::move(*reply)});
                continue;
            }
            late_.push_back({clock::now() + delay_, from, std::move(*reply)});
            if (late_.size() == 1) wait();
        }
    }

    void send(const late_reply& what)
    {
        error_code ignored; // a reply that is lost is a reply that is lost
        socket_.send_to(asio::buffer(what.octets), what.to, 0, ignored);
    }

    void wait()
    {
        timer_.expires_at(late_.front().due);
        timer_.async_wait([this](const error_code& error) {
            if (error) return;
            const auto now = clock::now();
            while (!late_.empty() && late_.front().due <= now) {
                send(late_.front());
                late_.pop_front();
            }
            if (!late_.empty()) wait();
        });
    }

    udp::socket socket_;
    asio::steady_timer timer_;
    network listed_;
    std::chrono::milliseconds delay_;
    double loss_;
    std::mt19937 random_{1}; // the same losses in each run
    std::uniform_real_distribution<double> chance_{0, 1};
    std::deque<late_reply> late_;
    std::array<std::uint8_t, 1024> query_{};
};

int run(int argc, char** argv)
{
    CLI::App app{"A name server that is every blocklist at once, slow and lossy on demand", "dns"};
    arguments given;
    app.add_option("--listen", given.listen, "Where, as address:port")->required();
    app.add_option("--listed", given.listed, "The network of clients that are listed");
    app.add_option("--delay", given.delay_ms, "Milliseconds to each answer");
    app.add_option("--loss", given.loss_percent, "How many answers are lost, in percent")
        ->check(CLI::Range(0.0, 100.0));
    CLI11_PARSE(app, argc, argv);
    const auto listed = parse_network(given.listed);
    if (!listed)
        throw std::runtime_error{fmt::format("'{}': wanted an IPv4 network", given.listed)};
    asio::io_context context{1};
    responder server{context, given, *listed};
    server.serve();
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](const error_code&, int) { context.stop(); });
    // The program that started us waits for this line.
    fmt::print("ready\n");
    static_cast<void>(std::fflush(stdout));
    context.run();
    return 0;
}

} // namespace
} // namespace fendmail::dns

int main(int argc, char** argv)
{
    try {
        return fendmail::dns::run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "dns: {}\n", error.what());
        return 1;
    }
}
