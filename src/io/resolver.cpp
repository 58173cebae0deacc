// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/resolver.hpp"

#include "dns_channel.hpp"

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

/// Why c-ares has no answer at all for us.
dns_answer no_answer(int status)
{
    dns_answer answer;
    switch (status) {
    case ARES_ETIMEOUT: answer.reason = "timeout"; break;
    case ARES_ECONNREFUSED: answer.reason = "no answer from any server"; break;
    default: answer.reason = ares_strerror(status); break;
    }
    return answer;
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
    /// What c-ares holds for us while a query runs.
    struct query {
        impl* owner;
        std::string name;
        dns_type type;
        callback done;
        bool asked_next = false; // of another resolver, since the first one's answer was no use
    };
    struct finished {
        callback done;
        dns_answer answer;
    };

    impl(asio::io_context& where, std::span<const endpoint> servers, resolver_tries tries)
        : context{where}
        , channel{std::make_unique<dns_channel>(where, servers, tries)}
    {
        auto order = channel->servers();
        if (order.size() < 2) return;
        std::rotate(order.begin(), order.begin() + 1, order.end());
        from_second = std::make_unique<dns_channel>(where, order, tries);
    }

    static void on_answer(void* argument, int status, int /*timeouts*/, unsigned char* octets,
                          int size) noexcept
    {
        std::unique_ptr<query> q{static_cast<query*>(argument)};
        if (status == ARES_EDESTRUCTION) return;
        impl& self = *q->owner;
        // The octets tell more than the status, which says "no data" of any empty answer.
        auto answer = octets == nullptr ? no_answer(status)
                                        : parse_dns_answer({octets, static_cast<std::size_t>(size)},
                                                           q->name, q->type);
        // Silent resolvers c-ares passes over by itself; those that answer it takes at their word.
        const bool no_use = answer.what == dns_answer::outcome::failed && answer.reached;
        if (no_use && !q->asked_next && self.from_second) {
            q->asked_next = true;
            const std::string name = q->name; // c-ares may end the query, and `q`, at once
            const dns_type type = q->type;
            self.from_second->query(name, type, &impl::on_answer, q.release());
            return;
        }
        self.deliver_later({std::move(q->done), std::move(answer)});
    }

    // Callbacks never run within c-ares, which could not bear the end of its channel there.
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
        channel.reset();
        from_second.reset();
    }

    asio::io_context& context;
    std::vector<finished> completed;
    std::size_t running = 0;
    bool closed = false;
    std::unique_ptr<dns_channel> channel;
    std::unique_ptr<dns_channel> from_second; // begins with the second resolver; null if only one
};

resolver::resolver(asio::io_context& context, const std::vector<std::string>& resolvers,
                   resolver_tries tries)
    : impl_{std::make_shared<impl>(context, parse_all(resolvers), tries)}
{
}

resolver::~resolver()
{
    impl_->close();
}

void resolver::query(std::string name, dns_type type, callback done)
{
    ++impl_->running;
    auto q = std::make_unique<impl::query>(
        impl::query{impl_.get(), std::move(name), type, std::move(done)});
    const std::string& asked = q->name; // c-ares copies it before it may end the query
    impl_->channel->query(asked, type, &impl::on_answer, q.release());
}

std::size_t resolver::running() const noexcept
{
    return impl_->running;
}

} // namespace fendmail::io
