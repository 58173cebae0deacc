// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session_impl.hpp"

#include <optional>

namespace fendmail::app {

/// The session's connection with the backend, and its place among the descriptors.
struct session::backend_link {
    io::stream server;
    io::stream_group::membership member;
    std::optional<counted> descriptor{};
    io::open_request request;

    /// @param may_pass see io::open_request
    backend_link(session& of, bool may_pass)
        : server{of.stream_.get_executor()}
        , member{of.streams_, server}
        , request{.client = of.client_,
                  .local = of.local_,
                  .deadlines = of.env_.deadlines,
                  .connection = &of.stream_,
                  .may_pass = may_pass,
                  .wakes = nullptr}
    {
    }
};

} // namespace fendmail::app
