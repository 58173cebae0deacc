// SPDX-License-Identifier: Apache-2.0
#include "pem_file.hpp"

#include "fendmail/io/os/unique_fd.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace fendmail::io {

namespace {

/// A certificate with its chain has about 5 KiB.
constexpr std::size_t pem_file_octets = 1 << 20;
constexpr std::string_view key_label_end = "PRIVATE KEY-----";

/// Where the lines "-----BEGIN … PRIVATE KEY-----" begin.
std::vector<std::size_t> find_keys(std::string_view text)
{
    constexpr std::string_view begin = "-----BEGIN ";
    std::vector<std::size_t> found;
    for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at + 1)) {
        const auto line = text.substr(at, text.find_first_of("\r\n", at) - at);
        if (line.find(key_label_end) != line.npos) found.push_back(at);
    }
    return found;
}

openssl::bio_handle reader_of(std::string_view text)
{
    return openssl::bio_handle{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

/// Instead of OpenSSL's own, which would ask on the terminal and wait.
int refuse_passphrase(char*, int, int, void* asked)
{
    *static_cast<bool*>(asked) = true;
    return -1;
}

} // namespace

pem_file::~pem_file()
{
    OPENSSL_cleanse(text_.data(), text_.size());
}

std::string pem_file::read(const std::filesystem::path& file)
{
    path_ = file;
    const auto cannot = [&](std::string_view why) {
        return fmt::format("cannot read \"{}\": {}", file.string(), why);
    };
    const auto errno_text = [] { return std::generic_category().message(errno); };
    const unique_fd opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!opened) return cannot(errno_text());
    struct stat about{};
    if (::fstat(opened.get(), &about) != 0) return cannot(errno_text());
    if (!S_ISREG(about.st_mode)) return cannot("not a regular file");
    if (about.st_size > static_cast<off_t>(pem_file_octets))
        return cannot(fmt::format("larger than {} octets", pem_file_octets));
    is_public_ = (about.st_mode & S_IROTH) != 0;
    // At its full size at once: growing would leave copies of a key in freed memory.
    text_.resize(static_cast<std::size_t>(about.st_size));
    std::size_t filled = 0;
    while (filled < text_.size()) {
        const ssize_t got = ::read(opened.get(), text_.data() + filled, text_.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot(errno_text());
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    text_.resize(filled);
    return {};
}

std::string pem_file::take_certificates(std::vector<openssl::certificate_handle>& all) const
{
    const auto from = reader_of(text_);
    bool refused = false;
    ERR_clear_error();
    for (;;) {
        openssl::certificate_handle one{
            PEM_read_bio_X509(from.get(), nullptr, refuse_passphrase, &refused)};
        if (!one) break;
        all.push_back(std::move(one));
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const auto why = openssl::take_error();
    if (!at_end)
        return fmt::format("a certificate in \"{}\" cannot be read: {}", path_.string(), why);
    if (all.empty()) return fmt::format("\"{}\" holds no certificate in PEM form", path_.string());
    return {};
}

std::string pem_file::take_key(openssl::key_handle& key) const
{
    const auto found = find_keys(text_);
    if (found.empty()) return fmt::format("\"{}\" holds no private key", path_.string());
    if (found.size() > 1)
        return fmt::format("\"{}\" holds {} private keys; write one file for each certificate",
                           path_.string(), found.size());
    const auto from = reader_of(std::string_view{text_}.substr(found.front()));
    bool encrypted = false;
    ERR_clear_error();
    key.reset(PEM_read_bio_PrivateKey(from.get(), nullptr, refuse_passphrase, &encrypted));
    const auto why = openssl::take_error();
    if (key) return {};
    if (encrypted)
        return fmt::format("the private key in \"{}\" is encrypted, and nobody is asked for its "
                           "passphrase; write it without one: openssl pkey -in OLD -out NEW",
                           path_.string());
    return fmt::format("the private key in \"{}\" cannot be read: {}", path_.string(), why);
}

bool pem_file::is_key_alone() const noexcept
{
    return text_.find("PRIVATE KEY-----") != std::string::npos &&
           text_.find("-----BEGIN CERTIFICATE") == std::string::npos &&
           text_.find("-----BEGIN X509 CERTIFICATE") == std::string::npos;
}

} // namespace fendmail::io
