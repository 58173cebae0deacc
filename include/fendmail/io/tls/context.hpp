// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st; // OpenSSL's own headers are needed only where TLS is spoken

/// What all TLS sessions of one kind share: certificates with their keys, protocol versions.
///
/// Source: RFC 8446, RFC 5246; RFC 8996 §1 for why nothing older is spoken.
/// Memory: some tens of KiB; sessions that can be resumed are kept by their clients, as tickets.
/// Errors: as text that names the file and says what to do; nothing is thrown.
/// Threads: immutable; shared by all workers. A session keeps what it needs of the context, which
/// therefore may go first.
namespace fendmail::io {

enum class tls_version : std::uint8_t { v1_2, v1_3 };

/// One certificate and its key.
struct tls_identity {
    std::filesystem::path certificate = {}; ///< PEM: the certificate and its chain, in any order
    std::filesystem::path key = {};         ///< PEM; empty = in the same file
};

/// For clients that ask for one of these names (SNI). Several for one name must have different
/// kinds of keys.
struct tls_named_identity {
    std::vector<std::string> names; ///< lower case; ".example.org" is for all names below it
    tls_identity identity;
};

struct tls_server_options {
    /// At most one of each kind of key (RSA, ECDSA, …): clients get the one that they can use.
    std::vector<tls_identity> identities = {};
    /// One that cannot be used is left out: its clients get what all others get.
    std::vector<tls_named_identity> named = {};
    tls_version min_protocol = tls_version::v1_2;
    /// Clients may resume a session. The keys of the tickets live as long as the context.
    bool session_tickets = true;
};

struct tls_problem {
    std::size_t identity = 0; ///< index into `identities`, and behind them `named`
    bool in_key = false;      ///< with the file of the key, where that is one of its own
    bool fatal = true;        ///< false: a warning, the context can be used
    std::string text;
};

/// Whether a PEM file holds a private key and no certificate, so that the certificate is in the
/// next file of a list (Postfix's smtpd_tls_chain_files has them so). False when it cannot be read.
[[nodiscard]] bool holds_only_a_key(const std::filesystem::path& file);

class tls_context {
public:
    tls_context(const tls_context&) = delete;
    tls_context& operator=(const tls_context&) = delete;
    ~tls_context();

    /// For start_tls() towards clients. Reads all files; never asks for a passphrase.
    /// @param now certificates that have expired, or soon will, are a warning
    /// @return nothing when one of `problems` is fatal
    [[nodiscard]] static std::shared_ptr<const tls_context>
    for_server(const tls_server_options& options, instant now, std::vector<tls_problem>& problems);

    /// For start_tls() towards a backend, which may have any certificate.
    /// @return nothing when OpenSSL cannot be used at all
    [[nodiscard]] static std::shared_ptr<const tls_context> for_client();

    [[nodiscard]] bool is_server() const noexcept { return is_server_; }
    [[nodiscard]] ssl_ctx_st* native() const noexcept { return context_; }

private:
    tls_context(ssl_ctx_st* context, bool is_server) noexcept
        : context_{context}
        , is_server_{is_server}
    {
    }
    ssl_ctx_st* context_;
    bool is_server_;
};

} // namespace fendmail::io
