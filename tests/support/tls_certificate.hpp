// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

struct x509_st;
struct evp_pkey_st;

/// Certificates for tests, made when they are needed and never kept.
namespace fendmail::test_support {

enum class key_kind { ecdsa, rsa, rsa_1024 };

class tls_certificate {
public:
    struct options {
        key_kind kind = key_kind::ecdsa;
        std::string name = "mx.example.test";
        int begins_in_days = -1;
        int ends_in_days = 90;
        const tls_certificate* issuer = nullptr; ///< nothing: signed by its own key
    };

    tls_certificate()
        : tls_certificate{options{}}
    {
    }
    explicit tls_certificate(const options& how);

    /// PEM.
    [[nodiscard]] std::string certificate() const;
    [[nodiscard]] std::string key() const;
    [[nodiscard]] std::string encrypted_key(const std::string& passphrase) const;

private:
    struct freer {
        void operator()(x509_st* p) const noexcept;
        void operator()(evp_pkey_st* p) const noexcept;
    };
    std::unique_ptr<evp_pkey_st, freer> key_;
    std::unique_ptr<x509_st, freer> certificate_;
};

} // namespace fendmail::test_support
