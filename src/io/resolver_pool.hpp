// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/io/resolver.hpp"

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// The resolvers of one worker: one for all zones, and one more for each group of zones that have
/// resolvers of their own.
///
/// Memory: as of resolver.
/// Errors: as those of resolver's constructor, from the two functions that make resolvers.
/// Threads: one worker.
namespace fendmail::io {

class resolver_pool {
public:
    /// @param book null = each resolver reads the system's files when it is made
    resolver_pool(boost::asio::io_context& context, const std::vector<std::string>& common,
                  std::shared_ptr<const server_book> book);

    /// Of all zones without their own. Whoever holds the old one keeps it.
    void set_common(const std::vector<std::string>& common);
    /// Looks the servers of all up in another book. @return whether some are others
    bool use(std::shared_ptr<const server_book> book);
    /// Makes those that zones of this set name, and drops all others.
    void prepare(const dnsbl::site_set& sites);

    /// The common one for a zone of a set that was not prepared.
    [[nodiscard]] std::shared_ptr<resolver> of(const dnsbl::site_set::zone_entry& zone) const;
    /// See resolver::name().
    [[nodiscard]] std::string name_of(const dnsbl::site_set::zone_entry& zone) const;

private:
    [[nodiscard]] std::shared_ptr<resolver> make(const std::vector<std::string>& texts) const;

    boost::asio::io_context& context_;
    std::shared_ptr<const server_book> book_;
    std::shared_ptr<resolver> common_;
    std::map<std::vector<std::string>, std::shared_ptr<resolver>> others_;
};

} // namespace fendmail::io
