// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "fendmail/app/config/local_names.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <vector>

namespace fendmail::app {

namespace {

/// Whether a connection to `to` reaches a listener on `at`.
bool reaches(const endpoint& to, const endpoint& at)
{
    if (to.port != at.port || to.address.is_v4() != at.address.is_v4()) return false;
    const auto is_any = [](const ip_address& a) {
        return std::ranges::all_of(a.octets(), [](auto octet) { return octet == 0; });
    };
    // Of the addresses that a wildcard stands for, only loopback is surely this host's.
    const bool to_this_host = is_any(to.address) || to.address.is_loopback();
    return to.address == at.address || (is_any(at.address) && to_this_host) ||
           (is_any(to.address) && at.address.is_loopback());
}

class backend_builder : section_builder {
public:
    explicit backend_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();

private:
    void details_without_effect(const backend_options& options);
    void tcp_backend(const text_item& address, place where);
    [[nodiscard]] bool are_several();
};

bool backend_builder::are_several()
{
    const auto all = from_.tables("backend", "");
    if (all.size() < 2) return false;
    problems_.error(all[1].name.where,
                    fmt::format("backend: several backends are not supported yet; leave one "
                                "[[backend]] (found {})",
                                all.size()));
    return true;
}

void backend_builder::build()
{
    backend_options& options = out_.runtime.backend;
    const setting& kind = get("backend", "kind");
    const setting& address = get("backend", "address");
    details_without_effect(options);
    if (are_several() || kind.broken || address.broken) return;

    constexpr std::string_view name = "backend.address";
    constexpr std::string_view unix_prefix = "unix:";
    const text_item& item = address.texts.front();
    if (item.text.starts_with(unix_prefix)) {
        options.unix_path = item.text.substr(unix_prefix.size());
        if (!options.unix_path.starts_with('/'))
            found(item, name, "write an absolute path, \"unix:/path\"");
        else if (options.unix_path.size() > limits::unix_path_octets)
            error(item.where, name,
                  fmt::format("the path of a socket has at most {} octets, this one has {}",
                              limits::unix_path_octets, options.unix_path.size()));
        return;
    }
    const place where = written(address, kind);
    if (options.kind == backend_kind::postfix_pass)
        return error(where, name,
                     fmt::format("kind = \"postfix-pass\" needs \"unix:/path\", mostly "
                                 "\"unix:/var/spool/postfix/public/smtpd\" (found {})",
                                 in_quotes(item.written)));
    tcp_backend(item, where);
}

void backend_builder::details_without_effect(const backend_options& options)
{
    if (options.tls != smtp::backend_tls::none && get("tls", "level").number == 0)
        problems_.warning(get("backend", "tls").where,
                          "backend.tls: nothing is encrypted by it while tls.level is \"none\": "
                          "clients then speak TLS with the backend themselves");
    if (options.kind == backend_kind::postfix_pass && options.data == backend_data::strict)
        problems_.warning(get("backend", "data").where,
                          "backend.data: with \"postfix-pass\" known clients are handed to Postfix "
                          "with their socket and are not guarded by us; Postfix's "
                          "smtpd_forbid_bare_newline does that");
}

void backend_builder::tcp_backend(const text_item& address, place where)
{
    constexpr std::string_view name = "backend.address";
    const auto parsed = parse_endpoint(address.text);
    std::vector<endpoint> all;
    if (parsed) {
        if (parsed->port == 0) return found(address, name, "port 0 cannot be connected to");
        out_.runtime.backend.tcp = *parsed;
        all.push_back(*parsed);
    } else {
        const auto host = dns::parse_named_host(address.text, 0);
        if (!host)
            return error(address, name,
                         parsed.error() == fendmail::error::bad_address ? host.error()
                                                                        : parsed.error());
        out_.runtime.backend.host = *host;
        for (const auto& here : addresses_here(host->name))
            all.push_back({here, host->port});
    }
    const auto& listen = out_.startup.server.listen;
    for (std::size_t i = 0; i < listen.size(); ++i)
        if (std::ranges::any_of(all, [&](const endpoint& one) { return reaches(one, listen[i]); }))
            return error(where, name,
                         fmt::format("{} is where server.listen has us listen ({}): each session "
                                     "would come back to us",
                                     in_quotes(address.written),
                                     in_quotes(get("server", "listen").texts[i].written)));
}

} // namespace

std::string hazard_of_plain(const backend_options& to)
{
    if (to.kind != backend_kind::plain) return {};
    return fmt::format("backend.kind is \"plain\": the mail server at {} sees our own address in "
                       "place of every client's. If it trusts that address (mynetworks and the "
                       "like, where loopback mostly is), it takes mail for anybody from anybody: "
                       "an open relay. Use proxy-v2, xclient or postfix-pass, or make sure that it "
                       "trusts nobody there",
                       to.address);
}

const section_source backend_section{
    {"backend", "The mail server behind fendmail, which gets the clients that passed."},
    [](section_rows& keys) {
        keys.add_part(&runtime_config::backend);
        keys.repeated(
            {.doc = "The same in the form in which there can be several, each with a name. Several "
                    "are not supported yet, so there is one such table, or [backend].",
             .unique = "name"},
            [](key_rows<config>& rows) {
                rows.built(
                    "name", key_type::text, R"("")",
                    {.doc = "What it is called where there are several.", .example = R"("mta1")"});
            });
    },
    build_with<backend_builder>,
};

} // namespace fendmail::app
