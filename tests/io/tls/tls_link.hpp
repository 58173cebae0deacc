// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/net/stream.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/tls/context.hpp"
#include "support/run_until.hpp"
#include "support/sockets.hpp"
#include "support/temp_dir.hpp"
#include "support/tls_certificate.hpp"
#include "support/tls_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

/// A stream that speaks TLS and the other end of its connection, for tests.
namespace fendmail::test_support {

/// Writes PEM files that go away with it.
class pem_files {
public:
    [[nodiscard]] std::filesystem::path write(const char* name, const std::string& text) const
    {
        const std::filesystem::path file = directory_.file(name);
        std::ofstream{file, std::ios::binary} << text;
        std::filesystem::permissions(file, std::filesystem::perms{0600});
        return file;
    }
    /// A file with the key in front, as Postfix's chain files have it.
    [[nodiscard]] io::tls_identity identity(const char* name, const tls_certificate& one) const
    {
        return {write(name, one.key() + one.certificate()), {}};
    }
    [[nodiscard]] std::filesystem::path path() const { return directory_.path(); }

private:
    temp_dir directory_;
};

/// A context with an ECDSA certificate.
[[nodiscard]] inline std::shared_ptr<const io::tls_context>
make_tls_context(io::tls_server_options options = {})
{
    static const tls_certificate certificate;
    const pem_files files;
    if (options.identities.empty())
        options.identities.push_back(files.identity("ecdsa.pem", certificate));
    std::vector<io::tls_problem> problems;
    auto made = io::tls_context::for_server(options, io::wall_now(), problems);
    if (!made) throw std::runtime_error(problems.front().text);
    return made;
}

/// Speaks this version and no other.
[[nodiscard]] inline tls_client_side::options only(int version)
{
    // TLS 1.1 and older sign with SHA-1, which the client must be willing to do to be refused.
    return {.min_protocol = version, .max_protocol = version, .ciphers = "DEFAULT@SECLEVEL=0"};
}

/// A stream under test (`near`), which begins its handshake at once, and a TLS client.
struct tls_link {
    boost::asio::io_context context;
    io::deadline_queue deadlines{context};
    connected_pair pair{context};
    tls_client client;
    io::deadline limit{deadlines, pair.near};
    std::optional<io::wait_end> shaken; ///< how start_tls() ended
    std::string unsent;                 ///< of the client, what the socket did not take yet

    tls_link(const io::tls_context& server, tls_client_side& side, milliseconds limit_span)
        : client{side}
    {
        limit.set_after(limit_span);
        boost::asio::co_spawn(context, shake(server), boost::asio::detached);
        client.begin();
    }
    tls_link(const io::tls_context& server, tls_client_side& side)
        : tls_link{server, side, milliseconds{60000}}
    {
    }

    io::awaitable<void> shake(const io::tls_context& server)
    {
        shaken = co_await pair.near.start_tls(server, &limit);
    }
    /// Moves what the client has to say and to hear.
    void exchange()
    {
        unsent += client.take_output();
        if (!unsent.empty()) {
            const ssize_t sent =
                ::send(pair.far.get(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent > 0) unsent.erase(0, static_cast<std::size_t>(sent));
        }
        client.receive(pair.far.take());
    }
    /// Exchanges until `condition` holds.
    template <class Condition>
    [[nodiscard]] bool until(Condition condition)
    {
        return test::run_until(context, [&] {
            exchange();
            return condition();
        });
    }
    /// Both sides are done with the handshake.
    [[nodiscard]] bool shakes_hands()
    {
        return until([&] { return shaken && client.is_established(); }) &&
               *shaken == io::wait_end::ready;
    }
    /// Runs the stream's side, and lets the client's octets wait.
    void settle()
    {
        context.restart();
        while (context.poll() != 0)
            context.restart();
    }
};

/// A read that a test looks at while it is under way.
struct pending_read {
    std::string buffer = std::string(65536, '\0');
    std::optional<io::read_result> result;

    pending_read(boost::asio::io_context& context, io::stream& from,
                 const io::deadline* limit = nullptr)
    {
        boost::asio::co_spawn(context, run(from, limit), boost::asio::detached);
    }
    io::awaitable<void> run(io::stream& from, const io::deadline* limit)
    {
        result = co_await from.read_some(boost::asio::buffer(buffer), limit);
    }
    [[nodiscard]] std::string text() const { return buffer.substr(0, result->octets); }
};

/// What is read next, whatever it takes.
[[nodiscard]] inline std::string read_text(tls_link& link)
{
    const pending_read read{link.context, link.pair.near};
    const bool done = link.until([&] { return read.result.has_value(); });
    return done && read.result->end == io::wait_end::ready ? read.text() : "(no text)";
}

struct pending_write {
    std::string octets;
    std::optional<io::wait_end> result;

    pending_write(boost::asio::io_context& context, io::stream& to, std::string what,
                  const io::deadline* limit = nullptr)
        : octets{std::move(what)}
    {
        boost::asio::co_spawn(context, run(to, limit), boost::asio::detached);
    }
    io::awaitable<void> run(io::stream& to, const io::deadline* limit)
    {
        result = co_await to.write(octets, limit);
    }
};

} // namespace fendmail::test_support
