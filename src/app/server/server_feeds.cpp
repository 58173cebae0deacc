// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/server.hpp"

/// Networks from files: the server's half of it.
namespace fendmail::app {

/// Before a worker starts, so that the first client already meets them.
void server::open_feeds()
{
    feeds_ = std::make_unique<feed_book>(context_, *events_, [this](const feed_book::set& fresh) {
        permissions_change();
        for (auto& one : workers_)
            one->use_feeds(fresh);
    });
    feeds_->configure(snapshot_->config.feeds, forbidden_to_feeds());
}

feed_book::forbidden server::forbidden_to_feeds() const
{
    const std::vector<network> none;
    return forbidden_for(snapshot_->config, addresses_,
                         sender_set_ ? sender_set_->networks() : none);
}

} // namespace fendmail::app
