// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/resolver_pool.hpp"

#include <utility>

namespace fendmail::io {

resolver_pool::resolver_pool(boost::asio::io_context& context, const dns::server_list& common,
                             std::shared_ptr<const server_book> book)
    : context_{context}
    , book_{std::move(book)}
    , common_{make(common)}
{
}

std::shared_ptr<resolver> resolver_pool::make(const dns::server_list& which) const
{
    return std::make_shared<resolver>(context_, which, resolver_settings{}, book_.get());
}

void resolver_pool::set_common(const dns::server_list& common)
{
    common_ = make(common);
}

bool resolver_pool::use(std::shared_ptr<const server_book> book)
{
    book_ = std::move(book);
    bool changed = common_->use(*book_);
    for (const auto& [which, one] : others_)
        changed = one->use(*book_) || changed;
    return changed;
}

void resolver_pool::prepare(const dnsbl::site_set& sites)
{
    std::map<dns::server_list, std::shared_ptr<resolver>> wanted;
    for (const auto& zone : sites.zones) {
        if (zone.resolvers.empty()) continue;
        auto& one = wanted[zone.resolvers];
        if (one != nullptr) continue;
        const auto before = others_.find(zone.resolvers);
        one = before != others_.end() ? before->second : make(zone.resolvers);
    }
    others_ = std::move(wanted);
}

std::shared_ptr<resolver> resolver_pool::of(const dnsbl::site_set::zone_entry& zone) const
{
    const auto found = others_.find(zone.resolvers);
    return found == others_.end() ? common_ : found->second;
}

resolver_pool::named_figures resolver_pool::figures() const
{
    named_figures all;
    all.emplace_back(common_->name(), common_->figures());
    for (const auto& [which, one] : others_)
        all.emplace_back(one->name(), one->figures());
    return all;
}

std::string resolver_pool::name_of(const dnsbl::site_set::zone_entry& zone) const
{
    return of(zone)->name();
}

} // namespace fendmail::io
