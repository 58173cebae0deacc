// SPDX-License-Identifier: Apache-2.0
#include "support/tls_client.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <stdexcept>

namespace fendmail::test_support {

namespace {

void must(bool done, const char* what)
{
    if (!done) throw std::runtime_error(what);
}

void use_identity(SSL_CTX* context, const std::string& certificate, const std::string& key)
{
    const auto reader = [](const std::string& pem) {
        return std::unique_ptr<BIO, decltype(&BIO_free)>{
            BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
    };
    const std::unique_ptr<X509, decltype(&X509_free)> leaf{
        PEM_read_bio_X509(reader(certificate).get(), nullptr, nullptr, nullptr), &X509_free};
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> secret{
        PEM_read_bio_PrivateKey(reader(key).get(), nullptr, nullptr, nullptr), &EVP_PKEY_free};
    must(SSL_CTX_use_cert_and_key(context, leaf.get(), secret.get(), nullptr, 1) == 1, "identity");
}

} // namespace

tls_client_side::tls_client_side(const options& how)
    : context_{SSL_CTX_new(TLS_method())}
    , as_server_{how.as_server}
{
    must(context_ != nullptr, "no TLS context");
    SSL_CTX_set_min_proto_version(context_, how.min_protocol);
    SSL_CTX_set_max_proto_version(context_, how.max_protocol);
    if (!how.ciphers.empty())
        must(SSL_CTX_set_cipher_list(context_, how.ciphers.c_str()) == 1, "ciphers");
    if (!how.signature_algorithms.empty())
        must(SSL_CTX_set1_sigalgs_list(context_, how.signature_algorithms.c_str()) == 1, "sigalgs");
    if (!how.certificate.empty()) use_identity(context_, how.certificate, how.key);
    SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(context_,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_set_app_data(context_, this);
    if (!as_server_) SSL_CTX_sess_set_new_cb(context_, remember);
}

tls_client_side::~tls_client_side()
{
    SSL_SESSION_free(session_);
    SSL_CTX_free(context_);
}

int tls_client_side::remember(ssl_st* ssl, ssl_session_st* session)
{
    auto& side = *static_cast<tls_client_side*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    SSL_SESSION_free(side.session_);
    side.session_ = session;
    return 1; // it is ours now
}

tls_client::tls_client(tls_client_side& side)
    : ssl_{SSL_new(side.context_)}
{
    must(ssl_ != nullptr, "no TLS session");
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    // An empty string is no end of the connection.
    BIO_set_mem_eof_return(SSL_get_rbio(ssl_), -1);
    if (side.as_server_)
        SSL_set_accept_state(ssl_);
    else
        SSL_set_connect_state(ssl_);
    if (side.session_ != nullptr) SSL_set_session(ssl_, side.session_);
}

tls_client::~tls_client()
{
    // Without this a session whose connection was cut counts as one not to resume.
    SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl_);
}

void tls_client::receive(std::string_view octets)
{
    if (!octets.empty())
        BIO_write(SSL_get_rbio(ssl_), octets.data(), static_cast<int>(octets.size()));
    step();
}

void tls_client::step()
{
    ERR_clear_error();
    for (;;) {
        char buffer[16384];
        const bool shaking = !is_established();
        const int result =
            shaking ? SSL_do_handshake(ssl_) : SSL_read(ssl_, buffer, sizeof(buffer));
        if (result > 0) {
            if (!shaking) text_.append(buffer, static_cast<std::size_t>(result));
            continue;
        }
        if (SSL_get_error(ssl_, result) == SSL_ERROR_SSL && error_.empty())
            error_ = ERR_reason_error_string(ERR_peek_error());
        return;
    }
}

std::string tls_client::take_output()
{
    char* begin = nullptr;
    const long octets = BIO_get_mem_data(SSL_get_wbio(ssl_), &begin);
    std::string out{begin, static_cast<std::size_t>(octets)};
    must(BIO_reset(SSL_get_wbio(ssl_)) == 1, "output cannot be taken");
    return out;
}

std::string tls_client::take_text()
{
    return std::exchange(text_, {});
}

void tls_client::write(std::string_view text)
{
    ERR_clear_error();
    must(SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0, "SSL_write");
}

void tls_client::close_notify()
{
    SSL_shutdown(ssl_);
}

void tls_client::update_keys(bool both)
{
    const int how = both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
    must(SSL_key_update(ssl_, how) == 1, "SSL_key_update");
    must(SSL_do_handshake(ssl_) == 1, "KeyUpdate");
}

bool tls_client::renegotiate()
{
    ERR_clear_error();
    if (SSL_renegotiate(ssl_) != 1) return false;
    SSL_do_handshake(ssl_);
    return true;
}

bool tls_client::is_established() const noexcept
{
    return SSL_is_init_finished(ssl_) == 1;
}

bool tls_client::was_told_end() const noexcept
{
    return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
}

bool tls_client::was_resumed() const noexcept
{
    return SSL_session_reused(ssl_) == 1;
}

std::string tls_client::protocol() const
{
    return SSL_get_version(ssl_);
}

std::string tls_client::certificate_key_type() const
{
    X509* got = SSL_get0_peer_certificate(ssl_);
    return got != nullptr ? EVP_PKEY_get0_type_name(X509_get0_pubkey(got)) : "";
}

int tls_client::chain_length() const
{
    return sk_X509_num(SSL_get_peer_cert_chain(ssl_));
}

std::string tls_client::name_asked_for() const
{
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name != nullptr ? name : "";
}

} // namespace fendmail::test_support
