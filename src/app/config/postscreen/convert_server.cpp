// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/config/postscreen/logical_lines.hpp"
#include "fendmail/app/config/postscreen/parameter_table.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

std::string listen_text(const ip_address& address, std::uint16_t port)
{
    if (address.is_v6()) return to_text(endpoint{address, port});
    return fmt::format("{}:{}", to_text(address), port);
}

/// "192.0.2.1:smtp" apart; the host may be empty.
std::pair<std::string, std::string> split_service_name(std::string_view name)
{
    const std::size_t colon = name.rfind(':');
    if (colon == std::string_view::npos) return {"", std::string(name)};
    std::string_view host = name.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return {std::string(host), std::string(name.substr(colon + 1))};
}

class listen_finder {
public:
    explicit listen_finder(conversion& c)
        : c_{c}
        , on_{parse_protocols(c.text("inet_protocols"))}
        , interfaces_{to_lower(trim(c.text("inet_interfaces")))}
    {
    }

    std::vector<std::string> find()
    {
        for (const master_service* service : c_.around.listeners)
            add_service(*service);
        if (c_.around.screen == nullptr) add_interfaces(25);
        if (out_.empty()) {
            c_.warn("inet_interfaces", "no address to listen on was found; port 25 of all is used");
            interfaces_ = "all";
            on_ = {};
            add_interfaces(25);
        }
        return out_;
    }

private:
    void add(const ip_address& address, std::uint16_t port)
    {
        if (!(address.is_v4() ? on_.v4 : on_.v6)) return;
        auto text = listen_text(address, port);
        if (std::ranges::find(out_, text) == out_.end()) out_.push_back(std::move(text));
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
            add(ip_address::v4({}), port);
            add(ip_address::v6({}), port);
        } else if (interfaces_ == "loopback-only") {
            add_loopback(port);
        } else {
            for (std::string word : split_list(interfaces_)) {
                if (word.starts_with('[') && word.ends_with(']'))
                    word = word.substr(1, word.size() - 2);
                add_host(word, port, c_.place_of("inet_interfaces"));
            }
        }
    }

    void add_loopback(std::uint16_t port)
    {
        add(*parse_address("127.0.0.1"), port);
        add(*parse_address("::1"), port);
    }

    void add_host(const std::string& host, std::uint16_t port, const place& at)
    {
        if (const auto address = parse_address(host))
            add(*address, port);
        else if (host == "localhost")
            add_loopback(port);
        else
            c_.out.warn(at, fmt::format("names are not looked up: add the addresses of {} to "
                                        "server.listen",
                                        host));
    }

    conversion& c_;
    families on_;
    std::string interfaces_;
    std::vector<std::string> out_;
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

/// "smtp inet n - y - 1 postscreen (master.cf:12)".
std::string row_text(const master_service& s)
{
    return fmt::format("{} ({})", s.first_row, to_text(s.at));
}

void convert_listen(conversion& c)
{
    std::vector<comment> comments;
    const auto listen = listen_finder{c}.find();
    for (const master_service* s : c.around.listeners)
        comments.push_back({row_text(*s), false});
    if (c.values.written("inet_interfaces") != nullptr)
        comments.push_back({c.source_text("inet_interfaces"), false});
    if (c.values.written("inet_protocols") != nullptr)
        comments.push_back({c.source_text("inet_protocols"), false});
    if (!c.from.has_master) {
        comments.push_back({"No master.cf was given: port 25 is assumed.", false});
    } else if (c.around.screen == nullptr) {
        comments.push_back({"master.cf has no postscreen service: port 25 is assumed.", true});
        c.out.warn({}, "master.cf has no postscreen service; what is converted is what postscreen "
                       "would do on port 25");
    }
    const std::string protocol = to_lower(trim(c.text("postscreen_upstream_proxy_protocol")));
    if (protocol.empty()) {
        c.out.put("server", "listen", toml_list(listen), std::move(comments));
        return;
    }
    // Nobody's mail may be refused because a load balancer's header is taken for a pregreet, and
    // nobody may claim any address: until the admin has said whom to trust, nobody gets here.
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

void convert_hostname(conversion& c)
{
    const std::string name{trim(c.text("myhostname"))};
    const bool is_name = !name.empty() && name.size() <= limits::dns_name_octets &&
                         name.find("${") == std::string::npos &&
                         std::ranges::all_of(name, [](char ch) { return ch > 0x20 && ch < 0x7f; });
    if (!is_name) return c.warn("myhostname", "no host name: write server.hostname");
    if (c.values.written("myhostname") != nullptr) {
        c.put("server", "hostname", toml_text(name), {"myhostname"});
        return;
    }
    c.out.put("server", "hostname", toml_text(name),
              {{"myhostname is not set: what Postfix would make of this machine's name.", false}});
    if (name.ends_with(".localdomain"))
        c.out.warn({}, fmt::format("myhostname is not set, and this machine is called \"{}\": "
                                   "write server.hostname",
                                   name));
}

/// A smtpd with PROXY protocol on an address of its own, for who has no pass service.
const master_service* find_proxy_smtpd(const conversion& c)
{
    for (const master_service& s : c.from.services) {
        if (s.type != "inet" || s.command != "smtpd" || &s == c.around.front_smtpd) continue;
        const evaluator of_service{c.from.main, &s.overrides, c.host, c.options.config_directory};
        const std::string protocol = of_service.value("smtpd_upstream_proxy_protocol").text;
        const auto [host, port] = split_service_name(s.name);
        if (protocol == "haproxy" && parse_address(host) && port_of(port)) return &s;
    }
    return nullptr;
}

/// "unix:/var/spool/postfix/private/smtpd".
std::string socket_path(conversion& c, std::string_view folder, std::string_view name)
{
    const auto joined = [&](std::string_view directory) {
        return fmt::format("{}/{}/{}", directory, folder, name);
    };
    std::string path = joined(trim(c.text("queue_directory")));
    if (!path.starts_with('/') || path.size() > limits::unix_path_octets) {
        c.warn("queue_directory", "no short absolute path: its default is used");
        path = joined(find_parameter("queue_directory")->default_text);
    }
    // A service of a name that no socket can have.
    if (path.size() > limits::unix_path_octets) path.resize(limits::unix_path_octets);
    return "unix:" + path;
}

void convert_backend(conversion& c)
{
    if (c.around.pass == nullptr && c.around.screen == nullptr) {
        if (const auto* proxy = find_proxy_smtpd(c)) {
            const auto [host, port] = split_service_name(proxy->name);
            c.out.put("backend", "kind", "\"proxy-v2\"", {{row_text(*proxy), false}});
            c.out.put("backend", "address",
                      toml_text(listen_text(*parse_address(host), *port_of(port))));
            return;
        }
    }
    const bool is_public =
        c.around.pass != nullptr ? !c.around.pass->is_private : !c.from.has_master;
    const std::string name =
        c.around.pass != nullptr ? c.around.pass->name : c.text("smtpd_service_name");
    const std::string path = socket_path(c, is_public ? "public" : "private", name);
    std::vector<comment> comments;
    if (c.around.pass != nullptr) {
        comments.push_back({row_text(*c.around.pass), false});
    } else if (!c.from.has_master) {
        comments.push_back({"No master.cf was given: a public pass service is assumed, \"smtpd "
                            "pass n - y - - smtpd\".",
                            false});
    } else {
        comments.push_back({fmt::format("master.cf has no pass service: add \"{} pass - - y - - "
                                        "smtpd\".",
                                        name),
                            true});
        c.out.warn({}, fmt::format("master.cf has no pass service for smtpd: add \"{} pass - - y "
                                   "- - smtpd\"",
                                   name));
    }
    c.out.put("backend", "kind", "\"postfix-pass\"", {{"As postscreen does it.", false}});
    c.out.put("backend", "address", toml_text(path), std::move(comments));

    const std::string owner = c.text("mail_owner");
    const std::string group = c.text("setgid_group");
    if (is_public) {
        c.out.add_comment("server", "",
                          {fmt::format("Where root starts it: user = \"fendmail\" and groups = "
                                       "[\"{}\"], which may reach the pass service. "
                                       "fendmail.service does this itself.",
                                       group),
                           false});
        return;
    }
    c.out.put("server", "user", toml_text(owner),
              {{fmt::format("Only this user reaches a private pass service. With "
                            "fendmail.service: User={} there. Better: write \"n\" in the third "
                            "column of the pass service, \"public\" for \"private\" in "
                            "backend.address, and run as a user of its own with groups = "
                            "[\"{}\"]; but then the way back to postscreen has to undo that, too.",
                            owner, group),
                false}});
}

} // namespace

void convert_server(conversion& c)
{
    convert_listen(c);
    convert_hostname(c);
    convert_backend(c);
    for (const master_service* other : c.around.others) {
        c.out.warn(other->at, fmt::format("{}: has other options than the first postscreen: it "
                                          "needs a fendmail of its own and is not converted",
                                          other->first_row));
        c.out.add_leftover({fmt::format("{}: its options differ from those of the one converted. "
                                        "One fendmail has one policy: give it one of its own, and "
                                        "a store of its own.",
                                        row_text(*other)),
                            true});
    }
}

} // namespace fendmail::app::postscreen
