// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>

namespace fendmail::app {

namespace {

class server_builder : section_builder {
public:
    explicit server_builder(const section_builder& from)
        : section_builder{from}
    {
    }

    void build()
    {
        listen();
        for (const text_item& item : get("server", "groups").texts)
            if (item.text.empty()) found(item, "server.groups", "write the name of a group");
        hostname();
    }

private:
    void listen();
    void hostname();
};

void server_builder::listen()
{
    constexpr std::string_view name = "server.listen";
    const setting& written = get("server", "listen");
    if (written.texts.empty() && !written.broken)
        error(written.where, name, "write at least one address, such as \"0.0.0.0:25\"");
    const auto& all = out_.startup.server.listen;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto before = all.begin() + static_cast<std::ptrdiff_t>(i);
        if (all[i].port != 0 && std::find(all.begin(), before, all[i]) != before)
            found(written.texts[i], name, "the same address twice");
    }
}

void server_builder::hostname()
{
    constexpr std::string_view name = "server.hostname";
    const text_item& item = text("server", "hostname");
    std::string& host = out_.runtime.hostname;
    host = item.text.empty() ? std::string(default_hostname_) : item.text;
    if (host.empty())
        return error(item.where, name,
                     "this host has no name of its own; write one, such as \"mx1.example.org\"");
    if (!is_reply_text(host) || host.find(' ') != std::string::npos)
        return error(item.where, name,
                     fmt::format("a host name is printable ASCII without spaces (found {})",
                                 in_quotes(item.text.empty() ? host : item.written)));
    if (host.size() > limits::dns_name_octets)
        error(item.where, name,
              fmt::format("a host name has at most {} octets (found {})", limits::dns_name_octets,
                          host.size()));
}

} // namespace

const section_source server_section{
    {"server", "Where fendmail listens and as whom it runs."},
    [](section_rows& keys) {
        keys.add_part(&startup_config::server);
        keys.add_part(&runtime_config::server);
    },
    build_with<server_builder>,
};

} // namespace fendmail::app
