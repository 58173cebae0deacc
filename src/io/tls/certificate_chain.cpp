// SPDX-License-Identifier: Apache-2.0
#include "certificate_chain.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

namespace fendmail::io {

namespace {

using openssl::certificate_handle;

bool is_certified_by(X509* what, X509* issuer)
{
    return X509_check_issued(issuer, what) == X509_V_OK;
}

bool is_root(X509* certificate)
{
    return is_certified_by(certificate, certificate);
}

/// Roots that this system trusts need not be in a file, and mostly are not.
bool is_issuer_installed(X509* certificate)
{
    const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store{X509_STORE_new(),
                                                                        X509_STORE_free};
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context{
        X509_STORE_CTX_new(), X509_STORE_CTX_free};
    bool found = false;
    if (store && context && X509_STORE_set_default_paths(store.get()) == 1 &&
        X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) == 1) {
        X509* issuer = nullptr;
        found = X509_STORE_CTX_get1_issuer(&issuer, context.get(), certificate) == 1;
        X509_free(issuer);
    }
    ERR_clear_error();
    return found;
}

std::string text_of(const X509_NAME* name)
{
    const openssl::bio_handle out{BIO_new(BIO_s_mem())};
    if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "?";
    const char* text = nullptr;
    const long octets = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(octets)};
}

void append(openssl::chain_handle& chain, certificate_handle one)
{
    // Then the chain owns it.
    if (sk_X509_push(chain.get(), one.get()) > 0) static_cast<void>(one.release());
}

} // namespace

certificate_chain arrange(std::vector<certificate_handle> all, const EVP_PKEY* key)
{
    certificate_chain out;
    out.rest.reset(sk_X509_new_null());
    const auto leaf = std::ranges::find_if(all, [key](const certificate_handle& one) {
        return X509_check_private_key(one.get(), key) == 1;
    });
    ERR_clear_error();
    if (leaf == all.end()) return out;
    out.leaf = std::move(*leaf);
    all.erase(leaf);

    X509* last = out.leaf.get();
    while (!is_root(last)) {
        const auto issuer = std::ranges::find_if(all, [last](const certificate_handle& one) {
            return is_certified_by(last, one.get());
        });
        if (issuer == all.end()) break;
        last = issuer->get();
        append(out.rest, std::move(*issuer));
        all.erase(issuer);
    }
    out.is_complete = is_root(last) || is_issuer_installed(last);
    if (!out.is_complete) out.missing = text_of(X509_get_issuer_name(last));
    for (certificate_handle& stranger : all)
        append(out.rest, std::move(stranger));
    return out;
}

bool is_for(X509* certificate, const std::string& name)
{
    // A wildcard of a certificate stands for one label.
    const std::string asked = name.starts_with('.') ? "any" + name : name;
    return X509_check_host(certificate, asked.data(), asked.size(), 0, nullptr) == 1;
}

} // namespace fendmail::io
