// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/handoff_dialog.hpp"
#include "fendmail/io/backend/connectors.hpp"

#include <string>

/// What the kinds of connector have in common that connect over TCP or a UNIX socket.
///
/// Errors: see connector. They differ in what they say first, in what they say behind the
/// greeting (`kind`), and in their traits.
namespace fendmail::io {

class dialing_connector : public connector {
public:
    dialing_connector(const connector_options& options, smtp::handoff_kind kind,
                      connector_traits traits);

    awaitable<opened> open(const open_request& request, stream& server) final;

private:
    /// What goes to the backend before it greets, in one write; "" for nothing.
    [[nodiscard]] virtual std::string header(const open_request& request) const;
    awaitable<std::string> connect(const open_request& request, stream& into,
                                   deadline& limit) const;
    awaitable<std::string> connect_any(stream& into, deadline& limit) const;

    connector_options options_;
    smtp::handoff_kind kind_;
};

/// Name and limits as configured.
[[nodiscard]] connector_traits traits_of(const connector_options& options);

} // namespace fendmail::io
