// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/io/dns/resolver.hpp"

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// The resolvers of one worker: a common one for the names of clients and for all zones but those
/// that have resolvers of their own, and one for each group of these.
///
/// Memory: as of resolver.
/// Errors: a socket that cannot be made fails its questions.
/// Threads: one worker.
namespace fendmail::io {

class resolver_pool {
public:
    /// @param common empty = the system's (resolv.conf)
    /// @param book null = each resolver reads the system's files when it is made
    resolver_pool(boost::asio::io_context& context, const dns::server_list& common,
                  std::shared_ptr<const server_book> book);

    /// Another common one, with nothing in it; questions that run end with the old one while it
    /// is held.
    void set_common(const dns::server_list& common);
    [[nodiscard]] const std::shared_ptr<resolver>& common() const noexcept { return common_; }
    /// Looks the servers of all up in another book. What is not answered yet is asked anew at
    /// those.
    /// @return whether some are others: the lists should be tested again then
    bool use(std::shared_ptr<const server_book> book);
    /// Makes those that zones of this set name, and drops all others.
    void prepare(const dnsbl::site_set& sites);

    /// The common one for a zone of a set that was not prepared.
    [[nodiscard]] std::shared_ptr<resolver> of(const dnsbl::site_set::zone_entry& zone) const;
    /// Of each resolver, by its name.
    using named_figures = std::vector<std::pair<std::string, resolver_figures>>;
    [[nodiscard]] named_figures figures() const;
    /// See resolver::name().
    [[nodiscard]] std::string name_of(const dnsbl::site_set::zone_entry& zone) const;

private:
    [[nodiscard]] std::shared_ptr<resolver> make(const dns::server_list& texts) const;

    boost::asio::io_context& context_;
    std::shared_ptr<const server_book> book_;
    std::shared_ptr<resolver> common_;
    std::map<dns::server_list, std::shared_ptr<resolver>> others_;
};

} // namespace fendmail::io
