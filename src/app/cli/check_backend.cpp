// SPDX-License-Identifier: Apache-2.0
#include "check_start.hpp"
#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/core/event/render.hpp"
#include "fendmail/io/backend/backend_address.hpp"
#include "fendmail/io/backend/probe.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

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

io::proof ask(io::connector& backend, const std::string& hostname)
{
    boost::asio::io_context context{1};
    io::deadline_queue deadlines{context};
    io::stream server{context.get_executor()};
    const io::open_request request{io::probe_client, io::probe_local, deadlines};
    io::proof found;
    const auto probe = [&]() -> io::awaitable<void> {
        found = co_await io::probe_backend(backend, request, hostname, server);
    };
    boost::asio::co_spawn(context, probe(), [&context](const std::exception_ptr& broken) {
        context.stop();
        if (broken) std::rethrow_exception(broken);
    });
    context.run();
    return found;
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
    return about.judge(ask(*backend, config.hostname));
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
