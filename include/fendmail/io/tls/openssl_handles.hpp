// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

/// Owners of OpenSSL's handles, and its errors as text.
///
/// Threads: OpenSSL keeps errors for each thread; take them in the one where they happened.
namespace fendmail::io::openssl {

struct freer {
    void operator()(SSL* p) const noexcept { SSL_free(p); }
    void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
    void operator()(BIO* p) const noexcept { BIO_free(p); }
    void operator()(X509* p) const noexcept { X509_free(p); }
    void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
    void operator()(STACK_OF(X509) * p) const noexcept { sk_X509_pop_free(p, X509_free); }
};
using ssl_handle = std::unique_ptr<SSL, freer>;
using context_handle = std::unique_ptr<SSL_CTX, freer>;
using bio_handle = std::unique_ptr<BIO, freer>;
using certificate_handle = std::unique_ptr<X509, freer>;
using key_handle = std::unique_ptr<EVP_PKEY, freer>;
using chain_handle = std::unique_ptr<STACK_OF(X509), freer>;

/// Why the last call failed, and forgets it. The first of several errors is the cause of the
/// others.
[[nodiscard]] std::string take_error();

} // namespace fendmail::io::openssl
