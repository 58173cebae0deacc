// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/app/migrate/parameter_table.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

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

/// A smtpd with PROXY protocol on an address of its own, for servers without a pass service.
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

/// "unix:/var/spool/postfix/public/smtpd".
std::string socket_path(conversion& c, std::string_view name)
{
    const auto joined = [&](std::string_view directory) {
        return fmt::format("{}/public/{}", directory, name);
    };
    std::string path = joined(trim(c.master.value("queue_directory").text));
    if (!path.starts_with('/') || path.size() > limits::unix_path_octets) {
        c.warn("queue_directory", "no short absolute path: its default is used");
        path = joined(find_parameter("queue_directory")->default_text);
    }
    // A service of a name that no socket can have.
    if (path.size() > limits::unix_path_octets) path.resize(limits::unix_path_octets);
    return "unix:" + path;
}

/// postscreen runs as the user that private/ belongs to. fendmail is a user of its own, which
/// reaches public/ as a member of Postfix's group.
comment pass_comment(conversion& c, std::string_view name)
{
    const auto* const pass = c.around.pass;
    if (!c.from.has_master)
        return {"No master.cf was given: a public pass service is assumed, \"smtpd pass n - y - - "
                "smtpd\".",
                false};
    if (pass == nullptr) {
        auto text = fmt::format("master.cf has no pass service for smtpd: add \"{} pass n - y - - "
                                "smtpd\"",
                                name);
        c.out.warn({}, text);
        return {std::move(text), true};
    }
    if (!pass->is_private) return {row_text(*pass), false};
    auto text =
        c.added_pass.empty()
            ? fmt::format("{}: only Postfix's own user reaches a private pass service. When "
                          "fendmail takes over, write \"n\" in its third column: it is in "
                          "public/ then",
                          pass->first_row)
            : fmt::format("{}: only Postfix's own user reaches a private pass service, and the "
                          "postscreens that stay need this one. Add another, with its options: "
                          "\"{}\"",
                          pass->first_row, c.added_pass);
    c.out.warn(pass->at, text);
    return {std::move(text), true};
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
    const auto* const pass = c.around.pass;
    std::string name = pass != nullptr ? pass->name : c.text("smtpd_service_name");
    // postscreen knows private/ alone.
    if (pass != nullptr && pass->is_private && !c.around.others.empty()) {
        name = fmt::format("{}-public", name);
        c.added_pass = fmt::format("{} pass n - {} - - smtpd", name, pass->chroot);
    }
    c.hands_over_sockets = true;
    c.out.put("backend", "kind", "\"postfix-pass\"", {{"As postscreen does it.", false}});
    c.out.put("backend", "address", toml_text(socket_path(c, name)), {pass_comment(c, name)});
    c.out.add_comment("server", "",
                      {fmt::format("Where root starts it: user = \"fendmail\" and groups = "
                                   "[\"{0}\"], which may reach the pass service. fendmail.service "
                                   "runs as fendmail from the start; SupplementaryGroups={0} there "
                                   "does the same.",
                                   c.master.value("setgid_group").text),
                       false});
}

} // namespace

void convert_server(conversion& c)
{
    convert_listen(c);
    convert_hostname(c);
    convert_backend(c);
    report_other_postscreens(c);
}

} // namespace fendmail::app::postscreen
