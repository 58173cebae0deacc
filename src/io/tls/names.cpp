// SPDX-License-Identifier: Apache-2.0
#include "names.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <openssl/tls1.h>

#include <algorithm>

namespace fendmail::io {

namespace {

void free_names(void*, void* names, CRYPTO_EX_DATA*, int, long, void*)
{
    delete static_cast<tls_names*>(names);
}

int names_index()
{
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_names);
    return index;
}

int on_name(SSL* session, int*, void* names)
{
    const char* asked = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
    if (asked == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX* const found = static_cast<const tls_names*>(names)->find(asked);
    if (found == nullptr) return SSL_TLSEXT_ERR_NOACK;
    return SSL_set_SSL_CTX(session, found) != nullptr ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

} // namespace

void tls_names::add(const std::vector<std::string>& names, SSL_CTX* context)
{
    for (const std::string& name : names)
        by_name_.emplace(name, context);
}

SSL_CTX* tls_names::find(std::string_view asked) const
{
    if (asked.ends_with('.')) asked.remove_suffix(1);
    const std::string lower = to_lower(asked);
    for (std::string_view name = lower;;) {
        if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
        const auto dot = name.find('.', 1);
        if (name.empty() || dot == std::string_view::npos) return nullptr;
        name.remove_prefix(dot);
    }
}

bool tls_names::attach(std::unique_ptr<tls_names> names, SSL_CTX* context)
{
    if (SSL_CTX_set_ex_data(context, names_index(), names.get()) != 1) return false;
    SSL_CTX_set_tlsext_servername_arg(context, names.get());
    SSL_CTX_set_tlsext_servername_callback(context, on_name);
    static_cast<void>(names.release()); // goes with the context, whose sessions count
    return true;
}

} // namespace fendmail::io
