// SPDX-License-Identifier: Apache-2.0
#include "resolver_pool.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fendmail::io {

resolver_pool::resolver_pool(boost::asio::io_context& context,
                             const std::vector<std::string>& common)
    : context_{context}
    , common_names_{common}
    , common_{std::make_shared<resolver>(context, common)}
{
}

void resolver_pool::set_common(const std::vector<std::string>& common)
{
    common_ = std::make_shared<resolver>(context_, common);
    common_names_ = common;
}

void resolver_pool::prepare(const dnsbl::site_set& sites)
{
    std::map<std::vector<std::string>, std::shared_ptr<resolver>> wanted;
    for (const auto& zone : sites.zones) {
        if (zone.resolvers.empty()) continue;
        auto& one = wanted[zone.resolvers];
        if (one != nullptr) continue;
        const auto before = others_.find(zone.resolvers);
        one = before != others_.end() ? before->second
                                      : std::make_shared<resolver>(context_, zone.resolvers);
    }
    others_ = std::move(wanted);
}

std::shared_ptr<resolver> resolver_pool::of(const dnsbl::site_set::zone_entry& zone) const
{
    const auto found = others_.find(zone.resolvers);
    return found == others_.end() ? common_ : found->second;
}

std::string resolver_pool::name_of(const dnsbl::site_set::zone_entry& zone) const
{
    const auto& names = zone.resolvers.empty() ? common_names_ : zone.resolvers;
    return names.empty() ? "of the system" : fmt::format("{}", fmt::join(names, ", "));
}

} // namespace fendmail::io
