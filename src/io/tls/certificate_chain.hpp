// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/tls/openssl_handles.hpp"

#include <string>
#include <vector>

/// A server's certificate and what leads from it to a root, whatever their order in the file.
///
/// Source: RFC 8446 §4.4.2 (the server's own certificate comes first, each next one should certify
/// the one before).
/// Errors: none.
/// Threads: functions of their arguments only.
namespace fendmail::io {

struct certificate_chain {
    openssl::certificate_handle leaf; ///< nothing when none belongs to the key
    openssl::chain_handle rest;       ///< in the order in which they certify; strangers come last
    bool is_complete = false;         ///< it ends at a root, or just before one of this system's
    std::string missing;              ///< the issuer of the last one
};

/// @param all the leaf first, as it should be, or anywhere else
[[nodiscard]] certificate_chain arrange(std::vector<openssl::certificate_handle> all,
                                        const EVP_PKEY* key);

/// Whether a client that asks for this name will find it in the certificate: "mx.example.org", or
/// ".example.org" for all names below.
[[nodiscard]] bool is_for(X509* certificate, const std::string& name);

} // namespace fendmail::io
