// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

bool is_any(const ip_address& a)
{
    return a == ip_address::v4({}) || a == ip_address::v6({});
}

/// The addresses to listen on, and what has to be said about them.
class listen_finder {
public:
    explicit listen_finder(conversion& c)
        : c_{c}
        , on_{parse_protocols(c.master.value("inet_protocols").text)}
        , interfaces_{to_lower(trim(c.master.value("inet_interfaces").text))}
    {
    }

    std::vector<std::string> find(const std::vector<const master_service*>& services)
    {
        for (const master_service* service : services)
            add_service(*service);
        if (services.empty()) add_interfaces(25);
        if (out_.empty()) {
            c_.warn("inet_interfaces", "no address to listen on was found; port 25 of all is used");
            interfaces_ = "all";
            on_ = {};
            add_interfaces(25);
        }
        std::vector<std::string> texts;
        for (const endpoint& at : out_)
            if (!is_within_all(at)) texts.push_back(listen_text(at.address, at.port));
        return texts;
    }

    [[nodiscard]] const std::vector<comment>& comments() const { return comments_; }
    /// No client from outside can connect, though the configuration does not say so in so many
    /// words.
    [[nodiscard]] bool is_loopback_by_name() const
    {
        return by_name_ && std::ranges::all_of(
                               out_, [](const endpoint& at) { return at.address.is_loopback(); });
    }

private:
    /// Where all addresses of a port are listened on, none is named besides.
    [[nodiscard]] bool is_within_all(const endpoint& one) const
    {
        return !is_any(one.address) && std::ranges::any_of(out_, [&](const endpoint& other) {
            return is_any(other.address) && other.port == one.port &&
                   other.address.is_v4() == one.address.is_v4();
        });
    }

    void add(const ip_address& address, std::uint16_t port)
    {
        if (!(address.is_v4() ? on_.v4 : on_.v6)) return;
        const endpoint made{address, port};
        if (std::ranges::find(out_, made) == out_.end()) out_.push_back(made);
    }

    void add_service(const master_service& service)
    {
        const auto [host, port_name] = split_service_name(service.name);
        const auto port = port_of(port_name);
        if (!port) {
            c_.out.warn(service.at, fmt::format("\"{}\" is no port that is known here; add it to "
                                                "server.listen",
                                                port_name));
            return;
        }
        if (host.empty())
            add_interfaces(*port);
        else
            add_host(host, *port, service.at);
    }

    void add_interfaces(std::uint16_t port)
    {
        if (interfaces_ == "all") {
            add_all(port);
        } else if (interfaces_ == "loopback-only") {
            add_loopback(port);
        } else {
            for (std::string word : split_list(interfaces_)) {
                if (word.starts_with('[') && word.ends_with(']'))
                    word = word.substr(1, word.size() - 2);
                const auto* set = c_.master.written("inet_interfaces");
                add_host(word, port, set != nullptr ? set->at : place{});
            }
        }
    }

    void add_all(std::uint16_t port)
    {
        add(ip_address::v4({}), port);
        add(ip_address::v6({}), port);
    }

    void add_loopback(std::uint16_t port)
    {
        add(*parse_address("127.0.0.1"), port);
        add(*parse_address("::1"), port);
    }

    void add_host(const std::string& host, std::uint16_t port, const place& at)
    {
        if (const auto address = parse_address(host)) return add(*address, port);
        if (host == "localhost") return add_loopback(port);
        add_name(host, port, at);
    }

    /// Postfix looks a name up when it starts. Where that does not work here, a port that is open
    /// on more addresses than before does less harm than one that is not listened on.
    void add_name(const std::string& host, std::uint16_t port, const place& at)
    {
        by_name_ = true;
        const auto found = c_.host.resolve ? c_.host.resolve(host) : std::vector<ip_address>{};
        std::string texts;
        for (const ip_address& address : found) {
            if (!(address.is_v4() ? on_.v4 : on_.v6)) continue;
            add(address, port);
            texts += (texts.empty() ? "" : ", ") + to_text(address);
        }
        if (texts.empty()) add_all(port);
        tell(at, texts.empty()
                     ? fmt::format("{} has no address that can be looked up here, so port {} of "
                                   "all addresses is listened on; write those that are meant",
                                   host, port)
                     : fmt::format("{} is {} here and now; fendmail does not look it up again",
                                   host, texts));
    }

    void tell(const place& at, std::string text)
    {
        const bool is_told = std::ranges::any_of(
            comments_, [&](const comment& known) { return known.text == text; });
        if (is_told) return;
        c_.out.warn(at, fmt::format("server.listen: {}", text));
        comments_.push_back({std::move(text), true});
    }

    conversion& c_;
    families on_;
    std::string interfaces_;
    bool by_name_ = false;
    std::vector<endpoint> out_;
    std::vector<comment> comments_;
};

/// The same ports on loopback, for a configuration that is not ready for the outside.
std::vector<std::string> on_loopback(const std::vector<std::string>& listen)
{
    std::vector<std::string> out;
    for (const std::string& text : listen) {
        const auto at = parse_endpoint(text);
        if (!at) continue;
        const auto* const host = at->address.is_v4() ? "127.0.0.1" : "::1";
        auto made = listen_text(*parse_address(host), at->port);
        if (std::ranges::find(out, made) == out.end()) out.push_back(std::move(made));
    }
    return out;
}

/// Options of the service that do not reach master, which opens the sockets.
void report_ignored_overrides(conversion& c)
{
    if (c.around.screen == nullptr) return;
    for (const std::string_view name : {"inet_interfaces", "inet_protocols", "queue_directory"}) {
        const auto found = c.around.screen->overrides.find(name);
        if (found == c.around.screen->overrides.end()) continue;
        c.out.warn(found->second.at,
                   fmt::format("-o {}: master opens the sockets, by what main.cf says of it; as an "
                               "option of the service it changes no address",
                               name));
    }
}

std::vector<comment> listen_comments(conversion& c, const listen_finder& finder)
{
    std::vector<comment> out;
    for (const master_service* s : c.around.listeners)
        out.push_back({row_text(*s), false});
    for (const std::string_view name : {"inet_interfaces", "inet_protocols"})
        if (const auto* set = c.master.written(name))
            out.push_back({fmt::format("{} = {} ({})", name, set->text, to_text(set->at)), false});
    out.insert(out.end(), finder.comments().begin(), finder.comments().end());
    if (finder.is_loopback_by_name()) {
        const auto* const text = "only this machine can connect to these addresses: if mail comes "
                                 "from outside, write the ones it comes to";
        out.push_back({text, true});
        c.out.warn({}, fmt::format("server.listen: {}", text));
    }
    if (!c.from.has_master) {
        out.push_back({"No master.cf was given: port 25 is assumed.", false});
    } else if (c.around.screen == nullptr) {
        const auto* const text = "master.cf has no postscreen service; what is converted is what "
                                 "postscreen would do on port 25";
        out.push_back({text, true});
        c.out.warn({}, text);
    }
    return out;
}

std::string proxy_protocol_of(const conversion& c, const master_service& s)
{
    const evaluator values{c.from.main, &s.overrides, c.host, c.options.config_directory};
    return to_lower(trim(values.value("postscreen_upstream_proxy_protocol").text));
}

/// Whether they differ in nothing but that balancers connect to one of them.
bool differ_in_proxy_alone(const master_service& a, const master_service& b)
{
    const auto rest = [](const master_service& s) {
        std::vector<std::pair<std::string, std::string>> out;
        for (const auto& [name, value] : s.overrides)
            if (!name.starts_with("postscreen_upstream_proxy_")) out.emplace_back(name, value.text);
        return out;
    };
    return rest(a) == rest(b);
}

/// What to do about postscreens whose options are not those of the one converted.
std::string advice_about(conversion& c, const std::vector<const master_service*>& group)
{
    const master_service& first = *group.front();
    const bool is_proxied = !proxy_protocol_of(c, first).empty();
    if (!differ_in_proxy_alone(first, *c.around.screen))
        return fmt::format("not converted, its options differ{}. One fendmail has one policy: make "
                           "one for it with `fendmail migrate --service {}`, with a store and an "
                           "admin.listen of its own",
                           is_proxied ? ", and load balancers connect to it (PROXY)" : "",
                           first.name);
    const auto listen = toml_list(listen_finder{c}.find(group));
    if (is_proxied)
        return fmt::format("not converted: load balancers connect to it, with a PROXY header. Name "
                           "them in proxy_protocol.trusted, and then add {} to server.listen",
                           listen);
    return fmt::format("not converted: clients connect to it without a PROXY header. Add {} to "
                       "server.listen",
                       listen);
}

} // namespace

void convert_listen(conversion& c)
{
    report_ignored_overrides(c);
    listen_finder finder{c};
    const auto listen = finder.find(c.around.listeners);
    auto comments = listen_comments(c, finder);
    const std::string protocol = to_lower(trim(c.text("postscreen_upstream_proxy_protocol")));
    if (protocol.empty()) {
        c.out.put("server", "listen", toml_list(listen), std::move(comments));
        return;
    }
    // No mail may be refused because a load balancer's header is taken for a pregreet, and
    // no peer may claim any address: until the admin has said whom to trust, no client gets here.
    comments.push_back({fmt::format("only this machine can connect until proxy_protocol.trusted "
                                    "names your load balancers. Then put this here: listen = {}",
                                    toml_list(listen)),
                        true});
    c.out.put("server", "listen", toml_list(on_loopback(listen)), std::move(comments));
    c.put("proxy_protocol", "trusted", "[]", {"postscreen_upstream_proxy_protocol"},
          {{"write the addresses of your load balancers here, such as [\"192.0.2.10\"], and then "
            "correct server.listen.",
            true}});
    c.warn("postscreen_upstream_proxy_protocol",
           "fill in proxy_protocol.trusted, then server.listen: until then only this machine can "
           "connect");
    if (protocol != "haproxy")
        c.warn("postscreen_upstream_proxy_protocol", "only \"haproxy\" is known to Postfix");
    c.put_span("proxy_protocol", "timeout", c.span("postscreen_upstream_proxy_timeout", 's'),
               {"postscreen_upstream_proxy_timeout"});
}

void report_other_postscreens(conversion& c)
{
    for (const auto& group : c.around.others) {
        const std::string advice = advice_about(c, group);
        std::string rows;
        for (const master_service* s : group) {
            c.out.warn(s->at, fmt::format("{}: {}", s->first_row, advice));
            rows += (rows.empty() ? "" : "; ") + row_text(*s);
        }
        c.out.add_leftover({fmt::format("{}: {}.", rows, advice), true});
    }
}

} // namespace fendmail::app::postscreen
