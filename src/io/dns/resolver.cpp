// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/resolver.hpp"

#include "exchange.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <utility>

namespace fendmail::io {
namespace {

std::vector<dns::name_server> look_up(const dns::server_list& resolvers, const server_book* book)
{
    return book != nullptr ? book->servers_of(resolvers)
                           : read_server_book(resolvers).servers_of(resolvers);
}

} // namespace

struct resolver::impl : std::enable_shared_from_this<impl> {
    struct finished {
        callback done;
        dns::answer answer;
    };

    impl(asio::io_context& where, dns::server_list which, const resolver_settings& with,
         const server_book* book)
        : context{where}
        , named{std::move(which)}
        , servers{look_up(named, book)}
        , settings{with}
        , exchange{std::make_unique<dns_exchange>(
              where, servers, with.limits, [this](callback&& done, dns::answer&& answer) {
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
    dns::server_list named;
    std::vector<dns::name_server> servers;
    resolver_settings settings;
    std::vector<finished> completed;
    std::size_t running = 0;
    bool closed = false;
    std::unique_ptr<dns_exchange> exchange;
};

resolver::resolver(asio::io_context& context, dns::server_list which,
                   const resolver_settings& settings, const server_book* book)
    : impl_{std::make_shared<impl>(context, std::move(which), settings, book)}
{
}

std::size_t resolver::descriptors_max(std::size_t servers) noexcept
{
    return servers * dns_ports::ports_max + dns_exchange::streams_max;
}

resolver::~resolver()
{
    impl_->close();
}

bool resolver::use(const server_book& book)
{
    auto servers = book.servers_of(impl_->named);
    if (servers == impl_->servers) return false;
    impl_->servers = std::move(servers);
    impl_->exchange->set_servers(impl_->servers);
    return true;
}

std::string resolver::name() const
{
    if (!impl_->named.empty()) return dns::to_text(impl_->named);
    return fmt::format("of the system ({})", dns::to_text(impl_->servers));
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

bool resolver::is_answering(std::string_view list) const noexcept
{
    return impl_->exchange->is_answering(list);
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
