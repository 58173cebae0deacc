// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dns/dispatcher.hpp"
#include "fendmail/core/result.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns/answer.hpp"
#include "fendmail/io/dns/server_book.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Asks resolvers for records, as fast as they can take it and as often as it needs.
///
/// Source: RFC 1035 §4.2 (UDP, and TCP for truncated answers), RFC 5452 (what makes forging hard);
/// core/dns/dispatcher.hpp for windows, retransmission and the choice among several resolvers. One
/// that answers SERVFAIL or the like has answered; then each of the others is asked once more.
/// Memory: one record for each running query; at most descriptors_max() sockets.
/// Errors: a query always ends with an answer, which may be a failed one.
/// Threads: one worker owns it; all calls on that worker's io_context, which must outlive it.
namespace fendmail::io {

struct resolver_settings {
    dns::dispatch_limits limits{};
    milliseconds patience{10'000}; ///< of a query without a deadline of its own
};

/// What has become of the datagrams of a resolver since it began, all its servers together.
struct resolver_figures {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint64_t lost = 0;         ///< not answered in the retransmission time
    std::uint64_t dropped = 0;      ///< answers for which our sockets had no room
    std::uint64_t strays = 0;       ///< answers to what was not asked: forged, perhaps
    milliseconds retransmission{0}; ///< the longest of all lists
    std::size_t window = SIZE_MAX;  ///< the smallest of all lists, in datagrams
};

enum class question_progress : std::uint8_t {
    waiting, ///< in the queue, not sent yet
    sent,    ///< and no answer has come
    over,    ///< `done` was called, or will be within this turn of the event loop
};

class resolver {
public:
    using callback = std::function<void(const dns::answer&)>;

    /// A question with all that the dispatcher wants to know.
    struct question {
        std::string name;
        dns::record_type type = dns::record_type::a;
        std::string_view list{}; ///< its zone; "" = a name like others
        dns::urgency how = dns::urgency::normal;
        tick deadline = tick::max();
    };

    /// The most that one resolver opens: its ports, and answers over TCP.
    [[nodiscard]] static std::size_t descriptors_max(std::size_t servers) noexcept;

    /// @param which empty = the system's (resolv.conf)
    /// @param book null = what the system's files say now
    resolver(boost::asio::io_context& context, dns::server_list which,
             const resolver_settings& settings = {}, const server_book* book = nullptr);
    /// Drops the callbacks of running queries. May be called from within one.
    ~resolver();
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;

    /// Looks its servers up in another book. If they are others, all that is not answered yet is
    /// asked anew there.
    /// @return whether they are
    bool use(const server_book& book);

    /// `done` is called once, never from within this call, and must not throw. The name is asked
    /// just as it is written (no search list, no hosts file).
    dns::question_id ask(question what, callback done);
    /// The answer is not wanted any more: what was not sent is not, and `done` is not called,
    /// unless the answer is there already and only has not been told.
    void drop(dns::question_id which) noexcept;
    [[nodiscard]] question_progress progress(dns::question_id which) const noexcept;

    void query(std::string name, dns::record_type type, callback done)
    {
        ask({.name = std::move(name), .type = type}, std::move(done));
    }
    void query_a(std::string name, callback done)
    {
        query(std::move(name), dns::record_type::a, std::move(done));
    }

    /// Queries whose callback has not been called yet.
    [[nodiscard]] std::size_t running() const noexcept;
    /// One more question to this list would have to wait before it is sent.
    [[nodiscard]] bool is_backlogged(std::string_view list) const noexcept;
    /// This list has answered lately, or has not been asked much since.
    [[nodiscard]] bool is_answering(std::string_view list) const noexcept;
    /// No server answers anything: queries fail at once until one does.
    [[nodiscard]] bool is_unreachable() const noexcept;
    [[nodiscard]] resolver_figures figures() const noexcept;
    /// For logs: "192.0.2.53, unbound:5353" as configured, or "of the system (192.0.2.53)".
    [[nodiscard]] std::string name() const;
    /// `changed` is called when is_unreachable() has changed, never from within a call of ours.
    void watch(std::function<void()> changed);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

} // namespace fendmail::io
