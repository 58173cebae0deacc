// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/spf/expander.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns/server_book.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// Asks DNS what the expander of SPF records wants to know, until it has its result.
///
/// Units: steady time.
/// Memory: a resolver of its own and the expander, while the lookup runs.
/// Errors: a lookup always ends with an expansion, which may be an error: a temporary one as well
/// when no resolver can be had or when it takes too long.
/// Threads: one event loop, which must outlive it.
namespace fendmail::io {

struct spf_lookup_limits {
    std::size_t running = 8;          ///< queries at once
    milliseconds time = seconds{120}; ///< for the whole lookup
};

class spf_lookup {
public:
    using callback = std::function<void(spf::expansion)>;

    /// @param domain as spf::parse_domain() gives it
    /// @param resolvers empty = the system's (resolv.conf)
    /// @param book null = what the system's files say now
    /// @param done is called once, never from within this call, and may destroy the lookup
    spf_lookup(boost::asio::io_context& context, const dns::server_list& resolvers,
               std::string domain, callback done, spf_lookup_limits limits = {},
               const server_book* book = nullptr);
    /// Its questions go on at these servers.
    void use(const server_book& book);
    /// Drops the callback.
    ~spf_lookup();
    spf_lookup(const spf_lookup&) = delete;
    spf_lookup& operator=(const spf_lookup&) = delete;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

} // namespace fendmail::io
