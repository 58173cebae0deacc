// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/backend/connector.hpp"
#include "support/sockets.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <utility>
#include <vector>

/// A connector without a backend: the test has the other end of each connection.
namespace fendmail::test_support {

class scripted_connector final : public io::connector {
public:
    scripted_connector(boost::asio::io_context& context, io::connector_traits traits)
        : connector{std::move(traits)}
        , context_{&context}
    {
    }

    io::awaitable<io::opened> open(const io::open_request&, io::stream& server) override
    {
        ++opened_;
        if (next.end == io::open_end::greeted) {
            connected_pair pair{*context_};
            server.adopt(pair.near.release());
            connections.push_back(std::move(pair.far));
        } else {
            server.close();
        }
        co_return next;
    }

    [[nodiscard]] std::size_t times_opened() const noexcept { return opened_; }

    io::opened next;                  ///< what each opening comes to
    std::vector<far_end> connections; ///< oldest first

private:
    boost::asio::io_context* context_;
    std::size_t opened_ = 0;
};

} // namespace fendmail::test_support
