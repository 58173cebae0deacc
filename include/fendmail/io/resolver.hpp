// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/result.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns_answer.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Asks resolvers for records: c-ares on Asio.
///
/// Source: RFC 1035 §4.2 (UDP, and TCP for truncated answers). A resolver that does not answer is
/// passed over for the next one, as `resolver_tries` says. One that answers SERVFAIL or the like
/// has answered; then the resolvers are gone through once more from the second one on, if there
/// are several.
/// Memory: one query record for each running query; sockets are kept open between queries.
/// Errors: a query always ends with an answer, which may be a failed one.
/// Threads: one worker owns it; all calls on that worker's io_context, which must outlive it.
namespace fendmail::io {

/// "192.0.2.53", "2001:db8::53", "192.0.2.53:5353" or "[2001:db8::53]:5353"; the port is 53
/// where the text has none, and never 0.
[[nodiscard]] result<endpoint> parse_resolver(std::string_view text) noexcept;

struct resolver_tries {
    milliseconds time{2000}; ///< for the first answer of each; doubled from round to round
    int count = 3;           ///< for each resolver
};

class resolver {
public:
    using callback = std::function<void(const dns_answer&)>;

    /// @param resolvers texts for parse_resolver(); empty = the system's (resolv.conf)
    /// @throws std::runtime_error for a text that is none, or when c-ares cannot start
    resolver(boost::asio::io_context& context, const std::vector<std::string>& resolvers,
             resolver_tries tries = {});
    /// Drops the callbacks of running queries. May be called from within one.
    ~resolver();
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;

    /// Asks for the records of `name`, just as it is written (no search list, no hosts file).
    /// `done` is called once, never from within this call, and must not throw.
    void query(std::string name, dns_type type, callback done);
    void query_a(std::string name, callback done)
    {
        query(std::move(name), dns_type::a, std::move(done));
    }

    /// Queries whose callback has not been called yet.
    [[nodiscard]] std::size_t running() const noexcept;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

} // namespace fendmail::io
