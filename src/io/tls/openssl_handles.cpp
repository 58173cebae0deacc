// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/tls/openssl_handles.hpp"

#include <openssl/err.h>

#include <fmt/format.h>
#include <system_error>

namespace fendmail::io::openssl {

std::string take_error()
{
    const unsigned long code = ERR_peek_error();
    ERR_clear_error();
    if (code == 0) return "unknown error";
    if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : fmt::format("OpenSSL error {:#x}", code);
}

} // namespace fendmail::io::openssl
