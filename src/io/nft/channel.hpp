// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "batch.hpp"

#include "fendmail/io/nft/ban_sets.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <functional>
#include <libmnl/libmnl.h>
#include <system_error>
#include <vector>

/// A netlink socket to nf_tables: transactions out, dumps in.
///
/// Errors: error codes of the system; what is wrong with a message of the kernel's is EPROTO.
/// Threads: one owner; calls wait, at most 5 s for each answer.
namespace fendmail::io {

class ban_sets::channel {
public:
    using reader = std::function<void(const nlmsghdr*)>;

    [[nodiscard]] std::error_code open();
    /// @return the first error that the kernel names
    [[nodiscard]] std::error_code run(nft::batch& what);
    /// Asks, and calls `see` with each message of the answer. `fill` adds attributes to the
    /// question.
    [[nodiscard]] std::error_code
    ask(unsigned type, bool is_dump, const std::function<void(nlmsghdr*)>& fill, const reader& see);
    [[nodiscard]] std::uint32_t next_sequence() noexcept { return ++sequence_; }

private:
    [[nodiscard]] std::error_code send(std::span<const char> what);
    /// @param octets of what was received; 0 with an error
    [[nodiscard]] std::error_code receive(std::size_t& octets, bool waits);
    [[nodiscard]] std::error_code drain();

    unique_fd socket_;
    std::vector<char> room_;
    std::uint32_t sequence_ = 0;
};

} // namespace fendmail::io
