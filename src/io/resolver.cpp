// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/resolver.hpp"

#include "dns_exchange.hpp"
#include "fendmail/io/clock.hpp"
#include "system_resolvers.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

namespace fendmail::io {
namespace {

namespace asio = boost::asio;

constexpr std::uint16_t dns_port = 53;

std::vector<endpoint> parse_all(const std::vector<std::string>& resolvers)
{
    std::vector<endpoint> parsed;
    for (const auto& text : resolvers) {
        const auto where = parse_resolver(text);
        if (!where)
            throw std::runtime_error(
                fmt::format("resolver \"{}\": {}", text, message(where.error())));
        parsed.push_back(*where);
    }
    return parsed;
}

std::vector<endpoint> servers_of(const std::vector<std::string>& resolvers)
{
    auto all = resolvers.empty() ? system_resolvers() : parse_all(resolvers);
    if (all.size() > dns::dispatch_limits::servers_max)
        all.resize(dns::dispatch_limits::servers_max);
    return all;
}

} // namespace

result<endpoint> parse_resolver(std::string_view text) noexcept
{
    if (const auto address = parse_address(text)) return endpoint{*address, dns_port};
    const auto where = parse_endpoint(text);
    if (where && where->port == 0) return error::bad_port;
    // What is no endpoint for want of a port was meant as an address, and was none.
    if (!where && where.error() == error::missing_port) return error::bad_address;
    return where;
}

struct resolver::impl : std::enable_shared_from_this<impl> {
    struct finished {
        callback done;
        dns_answer answer;
    };

    impl(asio::io_context& where, const std::vector<endpoint>& servers,
         const resolver_settings& with)
        : context{where}
        , settings{with}
        , exchange{std::make_unique<dns_exchange>(
              where, servers, with.limits, [this](callback&& done, dns_answer&& answer) {
                  deliver_later({std::move(done), std::move(answer)});
              })}
    {
    }

    // Callbacks never run within the exchange, which they may end.
    void deliver_later(finished one)
    {
        completed.push_back(std::move(one));
        if (completed.size() > 1) return;
        asio::post(context, [self = shared_from_this()] { self->deliver(); });
    }

    void deliver()
    {
        for (auto& one : std::exchange(completed, {})) {
            if (closed) return; // by the callback before
            --running;
            one.done(one.answer);
        }
    }

    void close() noexcept
    {
        closed = true;
        completed.clear();
        exchange.reset();
    }

    asio::io_context& context;
    resolver_settings settings;
    std::vector<finished> completed;
    std::size_t running = 0;
    bool closed = false;
    std::unique_ptr<dns_exchange> exchange;
};

resolver::resolver(asio::io_context& context, const std::vector<std::string>& resolvers,
                   const resolver_settings& settings)
    : impl_{std::make_shared<impl>(context, servers_of(resolvers), settings)}
{
}

resolver::~resolver()
{
    impl_->close();
}

dns::question_id resolver::ask(question what, callback done)
{
    if (what.deadline == tick::max()) what.deadline = steady_now() + impl_->settings.patience;
    ++impl_->running;
    return impl_->exchange->ask(std::move(what), std::move(done));
}

void resolver::drop(dns::question_id which) noexcept
{
    if (impl_->exchange && impl_->exchange->drop(which)) --impl_->running;
}

question_progress resolver::progress(dns::question_id which) const noexcept
{
    return impl_->exchange->progress(which);
}

std::size_t resolver::running() const noexcept
{
    return impl_->running;
}

bool resolver::is_backlogged(std::string_view list) const noexcept
{
    return impl_->exchange->is_backlogged(list);
}

bool resolver::is_unreachable() const noexcept
{
    return impl_->exchange->asked().is_unreachable();
}

resolver_figures resolver::figures() const noexcept
{
    return impl_->exchange->figures();
}

void resolver::watch(std::function<void()> changed)
{
    impl_->exchange->watch(std::move(changed));
}

} // namespace fendmail::io
