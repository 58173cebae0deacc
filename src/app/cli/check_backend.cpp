// SPDX-License-Identifier: Apache-2.0
#include "check_start.hpp"
#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/core/event/render.hpp"
#include "fendmail/io/backend/backend_address.hpp"
#include "fendmail/io/backend/probe.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"
#include "fendmail/io/tls/context.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fendmail::app {

namespace {

/// What another program says, for a terminal.
std::string shown(std::string_view text)
{
    constexpr std::size_t octets_max = 200;
    fmt::memory_buffer out;
    event::append_escaped(out, text, octets_max);
    return fmt::to_string(out);
}

std::string first_line_of(std::string_view text)
{
    return shown(text.substr(0, text.find_first_of("\r\n")));
}

/// Makes the session with a backend that is open in no other way.
/// @param speak takes the request and a stream, and gives what it found
template <class Speak>
auto ask(Speak speak)
{
    boost::asio::io_context context{1};
    io::deadline_queue deadlines{context};
    io::stream server{context.get_executor()};
    const io::open_request request{io::probe_client, io::probe_local, deadlines};
    typename decltype(speak(request, server))::value_type found;
    const auto session = [&]() -> io::awaitable<void> { found = co_await speak(request, server); };
    boost::asio::co_spawn(context, session(), [&context](const std::exception_ptr& broken) {
        context.stop();
        if (broken) std::rethrow_exception(broken);
    });
    context.run();
    return found;
}

io::proof probe(io::connector& backend, const std::string& hostname)
{
    return ask([&](const io::open_request& request, io::stream& server) {
        return io::probe_backend(backend, request, hostname, server);
    });
}

io::tls_trial try_tls(io::connector& backend, const runtime_config& config)
{
    const auto context = io::tls_context::for_client();
    if (!context) return {false, "OpenSSL cannot be used"};
    return ask([&](const io::open_request& request, io::stream& server) {
        return io::try_tls(backend, request, config.hostname, config.backend.tls, *context, server);
    });
}

std::string offer_text(const smtp::extensions& offered)
{
    std::vector<std::string> words;
    for (const auto& one : offered.all()) {
        auto word = one.keyword;
        for (const auto& parameter : one.parameters)
            word += " " + parameter;
        words.push_back(std::move(word));
    }
    return words.empty() ? std::string{"no extensions"}
                         : shown(fmt::format("{}", fmt::join(words, ", ")));
}

/// What it said, and what follows from it.
class finding {
public:
    finding(const runtime_config& config, const std::string& config_path, std::string where,
            const io::connector_traits& traits)
        : config_{config}
        , config_path_{config_path}
        , where_{std::move(where)}
        , traits_{traits}
    {
    }

    /// @return whether clients can be sent there
    [[nodiscard]] bool judge(const io::proof& found) const
    {
        if (!found.greeting.empty())
            fmt::print("try: backend {}: it greets with \"{}\" after {} ms\n", where_,
                       first_line_of(found.greeting), found.until_greeted.count());
        switch (found.end) {
        case io::proof_end::taken: return judge_offer(found);
        case io::proof_end::mistaken:
            tell("error", fmt::format("it does not take the address of the client: {}; {}",
                                      shown(found.reason), traits_.advice));
            return false;
        case io::proof_end::refused:
            tell("warning",
                 fmt::format("it refuses the address that is used to ask it, {}, which proves "
                             "nothing for or against others: {}",
                             to_text(io::probe_client.address), shown(found.reason)));
            return true;
        case io::proof_end::undecided: break;
        }
        tell("error",
             fmt::format("clients would get 421 or 451: {}{}", shown(found.reason),
                         found.greeting.empty() ? "; does the mail server run, and listen there?"
                                                : ""));
        return false;
    }

    /// @return whether clients that came to us encrypted can be sent there
    [[nodiscard]] bool judge_tls(const io::tls_trial& found) const
    {
        if (!found.is_usable) {
            tell("error",
                 fmt::format("TLS with it does not work, and clients that spoke TLS with us would "
                             "be told to come again: {}; mend its TLS, or take backend.tls away",
                             shown(found.reason)));
            return false;
        }
        if (found.summary.empty()) {
            tell("warning", "it offers STARTTLS and does not do it, so the way to it will not be "
                            "encrypted");
            return true;
        }
        print_good(fmt::format("backend {}: STARTTLS: {}; any certificate is taken, it has {}",
                               where_, shown(found.summary),
                               found.certificate.empty() ? "none" : shown(found.certificate)));
        return true;
    }

private:
    [[nodiscard]] bool judge_offer(const io::proof& found) const
    {
        using smtp::backend_tls;
        if (!found.offered) {
            tell("warning", fmt::format("it takes the address, and refuses EHLO to the one that is "
                                        "used to ask it, {}: {}",
                                        to_text(io::probe_client.address), shown(found.reason)));
            return true;
        }
        if (config_.backend.tls == backend_tls::require && !found.offered->has("STARTTLS")) {
            tell("error", "backend.tls is \"require\", and it offers no STARTTLS");
            return false;
        }
        if (config_.backend.tls == backend_tls::opportunistic && !found.offered->has("STARTTLS"))
            tell("warning", "it offers no STARTTLS, so the way to it will not be encrypted");
        print_good(fmt::format("backend {}: {}; it offers {}", where_,
                               traits_.tells_client
                                   ? "it takes the address of the client"
                                   : "it is told no address and sees every client as this host",
                               offer_text(*found.offered)));
        return true;
    }
    void tell(const char* level, const std::string& what) const
    {
        std::fflush(stdout); // in order
        fmt::print(stderr, "{}: {}: backend {}: {}\n", config_path_, level, where_, what);
    }

    const runtime_config& config_;
    const std::string& config_path_;
    std::string where_;
    const io::connector_traits& traits_;
};

bool speak_with(const runtime_config& config, const std::string& config_path,
                const std::optional<endpoint>& where)
{
    std::shared_ptr<io::backend_address> address;
    auto name = config.backend.address;
    if (where) {
        address = std::make_shared<io::backend_address>(io::backend_address::endpoints{*where});
        if (config.backend.host) name += fmt::format(" ({})", to_text(where->address));
    }
    const auto backend = make_connector(config, std::move(address));
    const finding about{config, config_path,
                        fmt::format("{}, {}", name, to_string(config.backend.kind)),
                        backend->traits()};
    const auto found = probe(*backend, config.hostname);
    if (!about.judge(found)) return false;
    const bool is_tried = config.backend.tls != smtp::backend_tls::none && found.offered &&
                          found.offered->has("STARTTLS");
    return !is_tried || about.judge_tls(try_tls(*backend, config));
}

} // namespace

std::size_t speak_with_backend(const runtime_config& config, const std::string& config_path)
{
    if (!config.backend.unix_path.empty())
        return speak_with(config, config_path, std::nullopt) ? 0 : 1;
    std::string why;
    const auto all = addresses_of(config.backend, why);
    std::size_t bad = all.empty() ? 1 : 0;
    // Of several servers behind one name each gets clients.
    for (const auto& where : all)
        if (!speak_with(config, config_path, where)) ++bad;
    return bad;
}

} // namespace fendmail::app
