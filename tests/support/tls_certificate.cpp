// SPDX-License-Identifier: Apache-2.0
#include "support/tls_certificate.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <stdexcept>

namespace fendmail::test_support {

namespace {

constexpr long day = 86400;

void must(bool done, const char* what)
{
    if (!done) throw std::runtime_error(what);
}

EVP_PKEY* make_key(key_kind kind)
{
    switch (kind) {
    case key_kind::ecdsa: return EVP_EC_gen("P-256");
    case key_kind::rsa: return EVP_RSA_gen(2048);
    case key_kind::rsa_1024: return EVP_RSA_gen(1024);
    }
    return nullptr;
}

template <class Write>
std::string to_pem(Write write)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory{BIO_new(BIO_s_mem()), &BIO_free};
    must(write(memory.get()) == 1, "PEM cannot be written");
    char* begin = nullptr;
    const long octets = BIO_get_mem_data(memory.get(), &begin);
    return {begin, static_cast<std::size_t>(octets)};
}

} // namespace

void tls_certificate::freer::operator()(x509_st* p) const noexcept
{
    X509_free(p);
}

void tls_certificate::freer::operator()(evp_pkey_st* p) const noexcept
{
    EVP_PKEY_free(p);
}

tls_certificate::tls_certificate(const options& how)
    : key_{make_key(how.kind)}
    , certificate_{X509_new()}
{
    must(key_ && certificate_, "no key");
    X509* made = certificate_.get();
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), how.begins_in_days * day);
    X509_gmtime_adj(X509_getm_notAfter(made), how.ends_in_days * day);
    X509_set_pubkey(made, key_.get());
    X509_NAME* subject = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(how.name.c_str()), -1, -1, 0);
    const tls_certificate& issuer = how.issuer != nullptr ? *how.issuer : *this;
    X509_set_issuer_name(made, X509_get_subject_name(issuer.certificate_.get()));
    must(X509_sign(made, issuer.key_.get(), EVP_sha256()) > 0, "certificate cannot be signed");
}

std::string tls_certificate::certificate() const
{
    return to_pem([&](BIO* to) { return PEM_write_bio_X509(to, certificate_.get()); });
}

std::string tls_certificate::key() const
{
    return to_pem([&](BIO* to) {
        return PEM_write_bio_PrivateKey(to, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
}

std::string tls_certificate::encrypted_key(const std::string& passphrase) const
{
    return to_pem([&](BIO* to) {
        return PEM_write_bio_PKCS8PrivateKey(to, key_.get(), EVP_aes_256_cbc(), passphrase.c_str(),
                                             static_cast<int>(passphrase.size()), nullptr, nullptr);
    });
}

} // namespace fendmail::test_support
