// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/tls/session.hpp"

#include <openssl/err.h>

#include <cerrno>
#include <ctime>
#include <fmt/format.h>
#include <sys/socket.h>
#include <system_error>

namespace fendmail::io {

namespace {

/// How often one step may take octets from the socket, which is twice for each record. Without a
/// bound a client that sends nothing but KeyUpdates, or asks for one renegotiation after the
/// other, would keep OpenSSL, and with it the worker, for as long as it likes. With it the step
/// ends with `wait_read`, which is over at once, and all others have had their turn.
constexpr unsigned receives_per_step = 64;

} // namespace

struct tls_session::socket_bio {
    static tls_session& of(BIO* bio) noexcept
    {
        return *static_cast<tls_session*>(BIO_get_data(bio));
    }

    static int write(BIO* bio, const char* octets, std::size_t count, std::size_t* written)
    {
        BIO_clear_retry_flags(bio);
        const int descriptor = of(bio).descriptor_;
        // A client that goes away is a value: no SIGPIPE, whatever the process does with it.
        const ssize_t sent = ::send(descriptor, octets, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (is_temporary(errno)) BIO_set_retry_write(bio);
            return 0;
        }
        *written = static_cast<std::size_t>(sent);
        return 1;
    }

    static int read(BIO* bio, char* into, std::size_t count, std::size_t* got)
    {
        BIO_clear_retry_flags(bio);
        tls_session& session = of(bio);
        if (session.receives_left_ == 0) {
            BIO_set_retry_read(bio);
            return 0;
        }
        --session.receives_left_;
        const ssize_t received = ::recv(session.descriptor_, into, count, MSG_DONTWAIT);
        if (received < 0) {
            if (is_temporary(errno)) BIO_set_retry_read(bio);
            return 0;
        }
        session.is_at_end_ = received == 0;
        *got = static_cast<std::size_t>(received);
        return received > 0 ? 1 : 0;
    }

    static long control(BIO* bio, int what, long, void*)
    {
        switch (what) {
        case BIO_CTRL_EOF: return of(bio).is_at_end_ ? 1 : 0;
        case BIO_CTRL_FLUSH: return 1; // nothing is kept here
        default: return 0;
        }
    }

    static bool is_temporary(int error) noexcept
    {
        return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
    }

    struct method_freer {
        void operator()(BIO_METHOD* p) const noexcept { BIO_meth_free(p); }
    };
    /// One for the whole process; it holds nothing but these functions.
    static const BIO_METHOD* method()
    {
        static const std::unique_ptr<BIO_METHOD, method_freer> made = [] {
            const int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
            std::unique_ptr<BIO_METHOD, method_freer> m{BIO_meth_new(type, "fendmail socket")};
            if (m) {
                BIO_meth_set_write_ex(m.get(), write);
                BIO_meth_set_read_ex(m.get(), read);
                BIO_meth_set_ctrl(m.get(), control);
            }
            return m;
        }();
        return made.get();
    }

    static bool attach(SSL* ssl, tls_session& session)
    {
        BIO* bio = method() != nullptr ? BIO_new(method()) : nullptr;
        if (bio == nullptr) return false;
        BIO_set_data(bio, &session);
        BIO_set_init(bio, 1);
        SSL_set_bio(ssl, bio, bio);
        return true;
    }
};

tls_session::~tls_session() = default;

std::unique_ptr<tls_session> tls_session::make(const tls_context& context, int descriptor,
                                               const std::string& server_name)
{
    ERR_clear_error();
    std::unique_ptr<tls_session> made{new tls_session};
    made->descriptor_ = descriptor;
    made->ssl_.reset(SSL_new(context.native()));
    SSL* ssl = made->ssl_.get();
    if (ssl == nullptr || !socket_bio::attach(ssl, *made)) return nullptr;
    if (context.is_server()) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
        if (!server_name.empty() && SSL_set_tlsext_host_name(ssl, server_name.c_str()) != 1)
            return nullptr;
    }
    return made;
}

/// OpenSSL would go on with a handshake that was given up; here it was given up for good.
bool tls_session::is_usable() const noexcept
{
    return is_established_ && !is_broken_ && descriptor_ >= 0;
}

/// OpenSSL takes errors that are left over for its own.
void tls_session::begin() noexcept
{
    ERR_clear_error();
    errno = 0;
    receives_left_ = receives_per_step;
}

tls_step tls_session::step_after(int result, std::size_t octets) noexcept
{
    const int system_error = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE: return {tls_next::done, octets};
    case SSL_ERROR_WANT_READ: return {tls_next::wait_read, 0};
    case SSL_ERROR_WANT_WRITE: return {tls_next::wait_write, 0};
    case SSL_ERROR_ZERO_RETURN: return {tls_next::closed, 0};
    case SSL_ERROR_SYSCALL:
        error_ = system_error != 0 ? std::generic_category().message(system_error)
                                   : "the connection broke";
        break;
    default: error_ = openssl::take_error(); break;
    }
    is_broken_ = true;
    return {tls_next::failed, 0};
}

tls_step tls_session::handshake() noexcept
{
    if (is_broken_ || descriptor_ < 0) return {};
    begin();
    const auto step = step_after(SSL_do_handshake(ssl_.get()), 0);
    is_established_ = step.then == tls_next::done;
    if (step.then == tls_next::closed) error_ = "the connection was closed during the handshake";
    return step;
}

tls_step tls_session::read(std::span<char> into) noexcept
{
    if (!is_usable()) return {};
    begin();
    std::size_t octets = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &octets);
    return step_after(result, octets);
}

tls_step tls_session::look(std::span<char> into) noexcept
{
    if (!is_usable()) return {};
    begin();
    std::size_t octets = 0;
    const int result = SSL_peek_ex(ssl_.get(), into.data(), into.size(), &octets);
    return step_after(result, octets);
}

tls_step tls_session::write(std::string_view octets) noexcept
{
    if (!is_usable() || is_torn_) return {};
    begin();
    std::size_t written = 0;
    const int result = SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &written);
    return step_after(result, written);
}

void tls_session::give_up(std::string_view why)
{
    is_broken_ = true;
    error_ = why;
}

void tls_session::close_notify() noexcept
{
    if (!is_usable() || is_torn_) return;
    begin();
    SSL_shutdown(ssl_.get());
    ERR_clear_error(); // what the other side misses is only politeness
}

std::string tls_session::summary() const
{
    if (!is_established_) return {};
    int cipher_bits = 0;
    const int used_bits = SSL_get_cipher_bits(ssl_.get(), &cipher_bits);
    return fmt::format("{} with cipher {} ({}/{} bits)", SSL_get_version(ssl_.get()),
                       SSL_get_cipher_name(ssl_.get()), used_bits, cipher_bits);
}

std::string tls_session::certificate() const
{
    if (!is_established_) return {};
    const openssl::certificate_handle shown{SSL_get1_peer_certificate(ssl_.get())};
    const openssl::bio_handle out{BIO_new(BIO_s_mem())};
    if (!shown || !out) return {};
    X509_NAME_print_ex(out.get(), X509_get_subject_name(shown.get()), 0, XN_FLAG_ONELINE);
    char* text = nullptr;
    const long octets = BIO_get_mem_data(out.get(), &text);
    const std::string_view subject{text, octets > 0 ? static_cast<std::size_t>(octets) : 0};
    std::tm end{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(shown.get()), &end) != 1) return std::string{subject};
    return fmt::format("{}, until {:04}-{:02}-{:02}", subject, end.tm_year + 1900, end.tm_mon + 1,
                       end.tm_mday);
}

} // namespace fendmail::io
