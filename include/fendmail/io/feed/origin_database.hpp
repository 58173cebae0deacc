// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/client_origin.hpp"
#include "fendmail/core/address.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

/// A database in MaxMind's format that says to which country or AS an address belongs.
///
/// libmaxminddb maps the file into memory and knows no other way. Overwritten or cut in place, as
/// careless updates do, it would then crash us or answer nonsense. So the text of the file goes
/// into memory of our own that the kernel seals, and the library maps that.
///
/// Source: MaxMind DB File Format 2.0; memfd_create(2), fcntl(2) F_ADD_SEALS.
/// Units: octets; nodes of its search tree.
/// Memory: the file, once, outside of the heap.
/// Errors: open() says why; a database that is damaged further on has no answer for some addresses.
/// Threads: immutable once opened; shared by all workers.
namespace fendmail::io {

class origin_database {
public:
    /// @param why gets the reason when the result is null
    [[nodiscard]] static std::shared_ptr<const origin_database> open(std::string_view file,
                                                                     std::string& why);
    origin_database(const origin_database&) = delete;
    origin_database& operator=(const origin_database&) = delete;
    ~origin_database();

    /// What is known of an address; of country and AS mostly one.
    [[nodiscard]] acl::client_origin find(const ip_address& address) const noexcept;
    /// Of its search tree, which grows with the networks in it.
    [[nodiscard]] std::size_t nodes() const noexcept;
    /// What it calls itself: "DBIP-Country-Lite"; printable ASCII.
    [[nodiscard]] const std::string& type() const noexcept { return type_; }

private:
    struct handle;
    origin_database();

    std::unique_ptr<handle> library_;
    std::string type_;
};

} // namespace fendmail::io
