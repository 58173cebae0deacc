// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/client_name.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns/resolver.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/waiter.hpp"

#include <memory>

/// Asks DNS for the name of one client, and whether the name leads back; see
/// core/dnsbl/client_name.hpp.
///
/// Source: RFC 8601 §2.7.3.
/// Units: steady time.
/// Memory: a few words and the names while it runs. At most 1 + `limits::client_names` queries.
/// Errors: none: what fails or does not come in time leaves the finding incomplete and without a
/// signal.
/// Threads: one worker.
namespace fendmail::io {

class name_lookup {
public:
    /// @param with may end before the lookup, which then finds nothing; null = it is done already
    /// @param timeout of all answers together
    /// @param who is woken once, when the lookup is done, never from within this call
    name_lookup(deadline_queue& deadlines, const std::shared_ptr<resolver>& with,
                const ip_address& client, milliseconds timeout, waiter& who);
    /// No waiter is woken any more.
    ~name_lookup();
    name_lookup(const name_lookup&) = delete;
    name_lookup& operator=(const name_lookup&) = delete;

    /// True when nothing more will come.
    [[nodiscard]] bool done() const noexcept;
    /// What was found; nothing before it is done.
    [[nodiscard]] const dnsbl::name_finding& finding() const noexcept;

private:
    struct state;
    std::shared_ptr<state> state_;
};

} // namespace fendmail::io
