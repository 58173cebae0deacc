// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

/// The far end of a TLS connection: OpenSSL between two strings, so that a test decides octet by
/// octet what goes where and when.
namespace fendmail::test_support {

/// What a client wants and what it remembers; one for several connections.
class tls_client_side {
public:
    struct options {
        int min_protocol = 0; ///< as OpenSSL writes versions; 0 = any
        int max_protocol = 0;
        /// "" = OpenSSL's. "@SECLEVEL=0" in it allows what is too old.
        std::string ciphers = {};
        std::string signature_algorithms = {}; ///< "RSA-PSS+SHA256": only such certificates
        bool as_server = false;                ///< the far end of a stream that is a client
        std::string certificate = {};          ///< PEM, for a server
        std::string key = {};
    };
    tls_client_side()
        : tls_client_side{options{}}
    {
    }
    explicit tls_client_side(const options& how);
    tls_client_side(const tls_client_side&) = delete;
    tls_client_side& operator=(const tls_client_side&) = delete;
    ~tls_client_side();

    /// A session came that can be resumed (with TLS 1.3 not before something was read).
    [[nodiscard]] bool has_session() const noexcept { return session_ != nullptr; }

private:
    friend class tls_client;
    static int remember(ssl_st* ssl, ssl_session_st* session);
    ssl_ctx_st* context_;
    ssl_session_st* session_ = nullptr;
    bool as_server_;
};

class tls_client {
public:
    /// Resumes the session of `side`, if it has one.
    explicit tls_client(tls_client_side& side);
    tls_client(const tls_client&) = delete;
    tls_client& operator=(const tls_client&) = delete;
    ~tls_client();

    /// Octets from the wire; does what can be done with them.
    void receive(std::string_view octets);
    /// Octets for the wire.
    [[nodiscard]] std::string take_output();
    /// What came decrypted so far.
    [[nodiscard]] std::string take_text();
    void write(std::string_view text);
    /// The first octets of the handshake wait in take_output() from now on.
    void begin() { step(); }

    void close_notify();
    /// A KeyUpdate, mostly with the wish that the other side does the same.
    void update_keys(bool both = true);
    /// @return false when this cannot even be asked for
    [[nodiscard]] bool renegotiate();

    [[nodiscard]] bool is_established() const noexcept;
    [[nodiscard]] bool has_failed() const noexcept { return !error_.empty(); }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    /// The other side said close_notify.
    [[nodiscard]] bool was_told_end() const noexcept;
    [[nodiscard]] bool was_resumed() const noexcept;
    [[nodiscard]] std::string protocol() const;
    [[nodiscard]] std::string certificate_key_type() const; ///< "RSA", "EC"
    [[nodiscard]] int chain_length() const;
    [[nodiscard]] std::string name_asked_for() const; ///< as a server: SNI

private:
    void step();
    ssl_st* ssl_;
    std::string text_;
    std::string error_;
};

} // namespace fendmail::test_support
