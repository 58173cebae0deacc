// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/tls/openssl_handles.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// The certificates of a server for clients that name it (SNI).
///
/// Source: RFC 6066 §3; lookup as in Postfix's tls_server_sni_maps: the whole name, then ".parent"
/// for each parent domain. A client that names nothing, or nothing known, gets the certificates for
/// all others; no handshake fails for a name.
/// Threads: immutable once attached.
namespace fendmail::io {

class tls_names {
public:
    /// @param names lower case; the first one to take a name has it
    void add(const std::vector<std::string>& names, SSL_CTX* context);
    void keep(openssl::context_handle context) { contexts_.push_back(std::move(context)); }
    [[nodiscard]] SSL_CTX* find(std::string_view asked) const;
    [[nodiscard]] bool is_empty() const noexcept { return by_name_.empty(); }

    /// From now on `context` looks names up here, for as long as any session needs it.
    /// @return false when there is no memory
    [[nodiscard]] static bool attach(std::unique_ptr<tls_names> names, SSL_CTX* context);

private:
    std::map<std::string, SSL_CTX*, std::less<>> by_name_;
    std::vector<openssl::context_handle> contexts_;
};

} // namespace fendmail::io
