// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/spf_lookup.hpp"

#include "fendmail/io/resolver.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <exception>
#include <fmt/format.h>
#include <utility>

namespace fendmail::io {
namespace {

namespace asio = boost::asio;

dns_type type_of(spf::question_type type) noexcept
{
    switch (type) {
    case spf::question_type::txt: return dns_type::txt;
    case spf::question_type::a: return dns_type::a;
    case spf::question_type::aaaa: return dns_type::aaaa;
    case spf::question_type::mx: return dns_type::mx;
    }
    return dns_type::txt;
}

spf::answer to_answer(const dns_answer& said)
{
    spf::answer answer;
    switch (said.what) {
    case dns_answer::outcome::found: answer.what = spf::answer::outcome::found; break;
    case dns_answer::outcome::not_found: answer.what = spf::answer::outcome::not_found; break;
    case dns_answer::outcome::failed: answer.what = spf::answer::outcome::failed; break;
    }
    answer.texts = said.texts;
    answer.addresses = said.addresses;
    answer.is_cut = said.is_cut;
    answer.ttl = said.ttl;
    answer.reason = said.reason;
    return answer;
}

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

    void start(asio::io_context& context, const std::vector<std::string>& resolvers,
               const server_book* book)
    {
        timer.expires_after(limits.time);
        timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self) return;
            const auto limit = std::chrono::duration_cast<seconds>(self->limits.time);
            self->finish(failed(fmt::format("not all answers came within {} s", limit.count())));
        });
        try {
            dns = std::make_unique<resolver>(context, resolvers, resolver_settings{}, book);
        } catch (const std::exception& e) {
            asio::post(context, [weak = weak_from_this(), why = std::string{e.what()}] {
                if (const auto self = weak.lock()) self->finish(failed(why));
            });
            return;
        }
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
            dns->query(name, type_of(next.type),
                       [this, asked = std::move(next)](const auto& said) { hear(asked, said); });
        }
    }

    void hear(const spf::question& asked, const dns_answer& said)
    {
        expander.on_answer(asked, to_answer(said));
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
    std::deque<spf::question> waiting;
    std::unique_ptr<resolver> dns; // last: its callbacks use everything else
};

spf_lookup::spf_lookup(asio::io_context& context, const std::vector<std::string>& resolvers,
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
