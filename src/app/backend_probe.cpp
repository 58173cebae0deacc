// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/backend_probe.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;

namespace {

/// Every hand-over tells anew what the backend offers, so this is for quiet hours.
constexpr seconds between_probes{300};
constexpr seconds after_failure{15};

/// RFC 5737 §3: nobody has these addresses, so no list of the backend's names them.
const endpoint outsider{ip_address::v4({192, 0, 2, 99}), 50025};
const endpoint where_it_connected{ip_address::v4({192, 0, 2, 1}), 25};

/// stop() closes the streams of the probe under way, up to its last word.
struct registration {
    io::stream_group*& what;
    ~registration() { what = nullptr; }
};

bool is_same_backend(const service& a, const service& b)
{
    return a.config.backend.kind == b.config.backend.kind &&
           a.config.backend.address == b.config.backend.address;
}

bool wants_probe(const service& what)
{
    using screen::test;
    const auto& config = what.config;
    const auto is_on = [&](test t) { return config.screening.tests[t].enabled; };
    return config.relays_after_deep_tests &&
           (is_on(test::pipelining) || is_on(test::non_smtp_command) || is_on(test::bare_newline));
}

} // namespace

void backend_probe::use(std::shared_ptr<const service> what)
{
    if (service_ && !is_same_backend(*service_, *what)) offers_.reset();
    service_ = std::move(what);
    changed_ = true;
    noted_ = false;
    told_ = false;
    pause_.cancel();
    if (running_ || stopped_ || !wants_probe(*service_)) return;
    running_ = true;
    asio::co_spawn(*context_, run(), [this](const std::exception_ptr& broken) {
        running_ = false;
        if (broken) events_->on(event::internal_error{"the probe of the backend ended"});
    });
}

void backend_probe::stop() noexcept
{
    stopped_ = true;
    pause_.cancel();
    if (streams_ != nullptr) streams_->close_all();
}

void backend_probe::note(const service& of, const smtp::extensions& seen)
{
    // A session that began before a reload may still have been with another backend.
    if (!service_ || !is_same_backend(*service_, of)) return;
    noted_ = true;
    if (offers_ && offers_->all() == seen.all()) return;
    offers_ = std::make_shared<const smtp::extensions>(seen);
}

io::awaitable<void> backend_probe::run()
{
    while (!stopped_ && wants_probe(*service_)) {
        changed_ = false;
        // A client that went on there has told as much as a probe would.
        const bool answered = std::exchange(noted_, false) || co_await ask(service_);
        if (stopped_) break;
        if (changed_) continue;
        pause_.expires_after(answered ? between_probes : after_failure);
        co_await pause_.async_wait(io::no_throw);
    }
}

io::awaitable<bool> backend_probe::ask(std::shared_ptr<const service> what)
{
    io::stream_group streams;
    streams_ = &streams;
    const registration forget{streams_};
    // Nobody connected; what waits for a client waits here.
    io::stream nobody{context_->get_executor()};
    io::stream server{context_->get_executor()};
    const io::stream_group::membership member{streams, server};
    io::hand_off_request request{nobody, outsider, where_it_connected, *deadlines_, streams};
    io::resume_options options;
    options.hostname = what->config.hostname;
    options.replay.helo = "EHLO " + what->config.hostname;
    const auto result = co_await what->backend->resume(request, options, server);
    if (stopped_ || changed_) co_return false;
    if (result.end == io::resume_end::ready && result.offered) {
        note(*what, *result.offered);
        noted_ = false;
        told_ = false;
        io::deadline limit{*deadlines_, server};
        limit.set_after(what->config.backend.connect_timeout);
        // Its last word is waited for, so that it sees an orderly end and not a broken pipe.
        std::array<char, 512> ignored;
        if (co_await server.write("QUIT\r\n", &limit) == io::wait_end::ready)
            co_await server.read_some(asio::buffer(ignored), &limit);
        co_return true;
    }
    if (!std::exchange(told_, true)) {
        const auto text = fmt::format("backend {} cannot be asked what it offers: {}; clients in "
                                      "deep tests are offered {} until it can",
                                      what->backend->name(), result.reason,
                                      offers_ ? "what it offered before" : "no extensions");
        events_->on(event::caution{text});
    }
    co_return false;
}

} // namespace fendmail::app
