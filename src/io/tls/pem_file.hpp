// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/tls/openssl_handles.hpp"

#include <filesystem>
#include <string>
#include <vector>

/// A PEM file in memory: certificates and a private key.
///
/// Source: RFC 7468.
/// Memory: at most `pem_file_octets` of the file; wiped when it goes, since it may hold a key.
/// Errors: as text that names the file.
/// Threads: one owner.
namespace fendmail::io {

class pem_file {
public:
    pem_file() = default;
    pem_file(const pem_file&) = delete;
    pem_file& operator=(const pem_file&) = delete;
    ~pem_file();

    /// Reads it from disk; a file that is none (a FIFO, a directory) is never waited for.
    /// @return why not, or ""
    [[nodiscard]] std::string read(const std::filesystem::path& file);

    /// All certificates, in their order; at least one.
    /// @return why not, or ""
    [[nodiscard]] std::string
    take_certificates(std::vector<openssl::certificate_handle>& all) const;
    /// The private key, of which there must be one.
    /// @return why not, or ""
    [[nodiscard]] std::string take_key(openssl::key_handle& key) const;

    /// It holds a private key and no certificate.
    [[nodiscard]] bool is_key_alone() const noexcept;

    /// Every user of the machine can read it.
    [[nodiscard]] bool is_public() const noexcept { return is_public_; }

private:
    std::filesystem::path path_;
    std::string text_;
    bool is_public_ = false;
};

} // namespace fendmail::io
