// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/tls/context.hpp"

#include "certificate_chain.hpp"
#include "fendmail/io/tls/openssl_handles.hpp"
#include "names.hpp"
#include "pem_file.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <utility>

namespace fendmail::io {

namespace {

/// Let's Encrypt renews a month before the end; two weeks are left for a person to act.
constexpr auto expires_soon = std::chrono::days{14};

/// What Debian's OpenSSL 3 asks for: keys of 112 bits and more, no SHA-1 signatures.
constexpr int least_security_level = 2;

std::string date_of(const ASN1_TIME* time)
{
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown day";
    return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

/// Puts certificates with their keys into a context.
class server_loader {
public:
    /// @param names what the certificates are for, where that is known
    server_loader(SSL_CTX* into, instant now, const std::vector<std::string>& names,
                  std::vector<tls_problem>& problems)
        : into_{into}
        , now_{now}
        , names_{names}
        , problems_{problems}
    {
    }

    void load(std::size_t index, const tls_identity& identity)
    {
        index_ = index;
        const bool separate = !identity.key.empty();
        pem_file certificates;
        pem_file own_key;
        std::vector<openssl::certificate_handle> all;
        auto wrong = certificates.read(identity.certificate);
        if (wrong.empty()) wrong = certificates.take_certificates(all);
        const bool has_certificates = wrong.empty();
        if (!has_certificates) error(false, wrong);

        const pem_file& keys = separate ? own_key : certificates;
        openssl::key_handle key;
        if (separate)
            wrong = own_key.read(identity.key);
        else if (!has_certificates)
            return; // the same file cannot be read
        if (wrong.empty()) wrong = keys.take_key(key);
        if (!wrong.empty()) return error(separate, wrong);
        const auto& key_path = separate ? identity.key : identity.certificate;
        if (keys.is_public())
            warning(separate, fmt::format("every user of this machine can read the private key in "
                                          "\"{}\"; take that away: chmod o-r",
                                          key_path.string()));
        if (has_certificates) use(identity.certificate, key_path, std::move(all), key.get());
    }

private:
    void use(const std::filesystem::path& file, const std::filesystem::path& key_file,
             std::vector<openssl::certificate_handle> all, EVP_PKEY* key)
    {
        const bool is_one = all.size() == 1;
        const certificate_chain chain = arrange(std::move(all), key);
        if (!chain.leaf)
            return error(key_file != file,
                         fmt::format("the private key in \"{}\" does not belong to {} in \"{}\"",
                                     key_file.string(),
                                     is_one ? "the certificate" : "any of the certificates",
                                     file.string()));
        if (SSL_CTX_use_cert_and_key(into_, chain.leaf.get(), key, chain.rest.get(), 0) != 1) {
            const bool twice = ERR_GET_REASON(ERR_peek_error()) == SSL_R_NOT_REPLACING_CERTIFICATE;
            const auto why = openssl::take_error();
            const auto text = twice ? "another one has the same kind of key" : why;
            error(false,
                  fmt::format("the certificate in \"{}\" cannot be used: {}", file.string(), text));
            return;
        }
        look_at_dates(file, chain.leaf.get(), "the certificate");
        for (int i = 0; i < sk_X509_num(chain.rest.get()); ++i)
            look_at_dates(file, sk_X509_value(chain.rest.get(), i), "a certificate of the chain");
        look_at_names(file, chain.leaf.get());
        if (!chain.is_complete)
            warning(false,
                    fmt::format("the chain in \"{}\" may lack a certificate, that of \"{}\": "
                                "clients that verify need it; put it behind the others "
                                "(\"fullchain.pem\")",
                                file.string(), chain.missing));
    }

    void look_at_names(const std::filesystem::path& file, X509* certificate)
    {
        for (const std::string& name : names_)
            if (!is_for(certificate, name))
                warning(false, fmt::format("the certificate in \"{}\" is not for \"{}\"",
                                           file.string(), name));
    }

    void look_at_dates(const std::filesystem::path& file, const X509* certificate,
                       std::string_view which)
    {
        const ASN1_TIME* begins = X509_get0_notBefore(certificate);
        const ASN1_TIME* ends = X509_get0_notAfter(certificate);
        const auto is_before = [](const ASN1_TIME* time, instant what) {
            return ASN1_TIME_cmp_time_t(time, std::chrono::system_clock::to_time_t(what)) < 0;
        };
        std::string what;
        if (is_before(ends, now_))
            what = "expired on " + date_of(ends);
        else if (is_before(ends, now_ + expires_soon))
            what = "expires on " + date_of(ends);
        else if (!is_before(begins, now_ + seconds{1}))
            what = "is not valid before " + date_of(begins);
        if (!what.empty())
            warning(false, fmt::format("{} in \"{}\" {}", which, file.string(), what));
    }

    void error(bool in_key, std::string text)
    {
        problems_.push_back({index_, in_key, true, std::move(text)});
    }
    void warning(bool in_key, std::string text)
    {
        problems_.push_back({index_, in_key, false, std::move(text)});
    }

    SSL_CTX* into_;
    instant now_;
    const std::vector<std::string>& names_;
    std::vector<tls_problem>& problems_;
    std::size_t index_ = 0;
};

int to_openssl(tls_version version) noexcept
{
    switch (version) {
    case tls_version::v1_2: return TLS1_2_VERSION;
    case tls_version::v1_3: return TLS1_3_VERSION;
    }
    return TLS1_3_VERSION;
}

/// What both sides have in common. `least` is set here because a system's openssl.cnf may allow
/// less; where it asks for more security bits, that stays.
bool set_up(SSL_CTX* context, tls_version least)
{
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     // Mail clients often just close: an end like any other.
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context,
                     // An idle session gives its buffers of 2 x 17 KiB back.
                     SSL_MODE_RELEASE_BUFFERS |
                         // A write goes on where it stopped, whatever became of its buffer.
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // What is behind the record under way stays in the socket, where a wait can see it.
    SSL_CTX_set_read_ahead(context, 0);
    if (SSL_CTX_get_security_level(context) < least_security_level)
        SSL_CTX_set_security_level(context, least_security_level);
    return SSL_CTX_set_min_proto_version(context, to_openssl(least)) == 1;
}

bool set_up_server(SSL_CTX* context, const tls_server_options& options)
{
    if (!set_up(context, options.min_protocol)) return false;
    // Our order puts forward secrecy first, for TLS 1.2 clients that know no better. One without
    // hardware for AES may prefer ChaCha20 all the same.
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    // Sessions live in tickets at their clients; a cache of ours would be filled by bots.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!options.session_tickets) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    // A mail client opens one connection at a time: one ticket will do.
    if (SSL_CTX_set_num_tickets(context, options.session_tickets ? 1 : 0) != 1) return false;
    // RFC 8446 §8: early data could be replayed; nothing in SMTP may.
    if (SSL_CTX_set_max_early_data(context, 0) != 1) return false;
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    constexpr std::array<unsigned char, 8> ours{'f', 'e', 'n', 'd', 'm', 'a', 'i', 'l'};
    return SSL_CTX_set_session_id_context(context, ours.data(), ours.size()) == 1;
}

/// The certificates of one set of names share a context. Where one cannot be used, the others can.
bool add_names(SSL_CTX* into, const tls_server_options& options, instant now,
               std::vector<tls_problem>& problems)
{
    auto names = std::make_unique<tls_names>();
    std::map<std::vector<std::string>, SSL_CTX*> made;
    for (std::size_t i = 0; i < options.named.size(); ++i) {
        const auto& [its_names, identity] = options.named[i];
        openssl::context_handle fresh;
        SSL_CTX*& context = made[its_names];
        if (context == nullptr) {
            fresh.reset(SSL_CTX_new(TLS_server_method()));
            if (!fresh || !set_up_server(fresh.get(), options)) {
                problems.push_back(
                    {0, false, true, "OpenSSL cannot be used: " + openssl::take_error()});
                return false;
            }
        }
        std::vector<tls_problem> found;
        server_loader{fresh ? fresh.get() : context, now, its_names, found}.load(
            options.identities.size() + i, identity);
        const bool is_lost = std::ranges::any_of(found, &tls_problem::fatal);
        for (tls_problem& p : found) {
            if (p.fatal) p.text += "; its clients get the certificate of all others";
            p.fatal = false;
            problems.push_back(std::move(p));
        }
        if (is_lost || !fresh) continue;
        context = fresh.get();
        names->keep(std::move(fresh));
        names->add(its_names, context);
    }
    return names->is_empty() || tls_names::attach(std::move(names), into);
}

} // namespace

tls_context::~tls_context()
{
    SSL_CTX_free(context_);
}

std::shared_ptr<const tls_context> tls_context::for_server(const tls_server_options& options,
                                                           instant now,
                                                           std::vector<tls_problem>& problems)
{
    ERR_clear_error();
    openssl::context_handle made{SSL_CTX_new(TLS_server_method())};
    if (!made || !set_up_server(made.get(), options)) {
        problems.push_back({0, false, true, "OpenSSL cannot be used: " + openssl::take_error()});
        return nullptr;
    }
    const std::vector<std::string> no_names;
    server_loader loader{made.get(), now, no_names, problems};
    for (std::size_t i = 0; i < options.identities.size(); ++i)
        loader.load(i, options.identities[i]);
    if (std::ranges::any_of(problems, &tls_problem::fatal)) return nullptr;
    if (!options.named.empty() && !add_names(made.get(), options, now, problems)) return nullptr;
    return std::shared_ptr<const tls_context>{new tls_context{made.release(), true}};
}

std::shared_ptr<const tls_context> tls_context::for_client()
{
    ERR_clear_error();
    openssl::context_handle made{SSL_CTX_new(TLS_client_method())};
    if (!made || !set_up(made.get(), tls_version::v1_2)) return nullptr;
    // Opportunistic (RFC 7435 §3): without TLS the same octets would go in the clear.
    SSL_CTX_set_verify(made.get(), SSL_VERIFY_NONE, nullptr);
    return std::shared_ptr<const tls_context>{new tls_context{made.release(), false}};
}

bool holds_only_a_key(const std::filesystem::path& file)
{
    pem_file content;
    return content.read(file).empty() && content.is_key_alone();
}

} // namespace fendmail::io
