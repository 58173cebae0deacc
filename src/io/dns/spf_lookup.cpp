// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/spf_lookup.hpp"

#include "fendmail/io/dns/resolver.hpp"

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <fmt/format.h>
#include <utility>

namespace fendmail::io {
namespace {

namespace asio = boost::asio;

spf::expansion failed(std::string reason)
{
    return {.what = spf::outcome::temporary_error, .reason = std::move(reason)};
}

} // namespace

struct spf_lookup::impl : std::enable_shared_from_this<impl> {
    impl(asio::io_context& context, std::string of, callback when_done, spf_lookup_limits bounds)
        : expander{std::move(of)}
        , done{std::move(when_done)}
        , limits{bounds}
        , timer{context}
    {
    }

    void start(asio::io_context& context, const dns::server_list& resolvers,
               const server_book* book)
    {
        timer.expires_after(limits.time);
        timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self) return;
            const auto limit = std::chrono::duration_cast<seconds>(self->limits.time);
            self->finish(failed(fmt::format("not all answers came within {} s", limit.count())));
        });
        dns = std::make_unique<resolver>(context, resolvers, resolver_settings{}, book);
        ask();
    }

    void ask()
    {
        for (auto& question : expander.take_questions())
            waiting.push_back(std::move(question));
        while (!waiting.empty() && dns->running() < limits.running) {
            auto next = std::move(waiting.front());
            waiting.pop_front();
            const std::string name = next.name;
            const auto type = next.type;
            dns->query(name, type,
                       [this, asked = std::move(next)](const auto& said) { hear(asked, said); });
        }
    }

    void hear(const dns::question& asked, const dns::answer& said)
    {
        expander.on_answer(asked, said);
        if (expander.is_done())
            finish(expander.result());
        else
            ask();
    }

    /// The lookup may be gone afterwards.
    void finish(spf::expansion result)
    {
        const auto alive = shared_from_this();
        timer.cancel();
        dns.reset();
        if (const auto call = std::exchange(done, {})) call(std::move(result));
    }

    spf::expander expander;
    callback done;
    spf_lookup_limits limits;
    asio::steady_timer timer;
    std::deque<dns::question> waiting;
    std::unique_ptr<resolver> dns; // last: its callbacks use everything else
};

spf_lookup::spf_lookup(asio::io_context& context, const dns::server_list& resolvers,
                       std::string domain, callback done, spf_lookup_limits limits,
                       const server_book* book)
    : impl_{std::make_shared<impl>(context, std::move(domain), std::move(done), limits)}
{
    impl_->start(context, resolvers, book);
}

void spf_lookup::use(const server_book& book)
{
    if (impl_->dns) impl_->dns->use(book);
}

spf_lookup::~spf_lookup()
{
    impl_->done = {};
    impl_->dns.reset();
}

} // namespace fendmail::io
