// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

class bans_builder : section_builder {
public:
    explicit bans_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build()
    {
        points();
        never();
        kernel();
        auto& rules = out_.runtime.bans.rules;
        rules.ipv4_network_prefix = out_.runtime.rates.ipv4_network_prefix;
        rules.ipv6_network_prefix = out_.runtime.rates.ipv6_network_prefix;
        if (rules.max_time < rules.time)
            problems_.warning(written(get("bans", "max_time"), get("bans", "time")),
                              "bans.max_time: it is less than bans.time, and each ban lasts as "
                              "long as this says");
        if (rules.points[abuse::offence::no_ptr] != 0)
            out_.runtime.screening.tests[screen::test::dnsbl].enabled = true;
    }

private:
    void points();
    void never();
    void kernel();
};

void bans_builder::points()
{
    for (const auto& [name, value] : get("bans", "points").pairs) {
        const auto which = std::ranges::find(abuse::all_offences, std::string_view{name.text},
                                             [](abuse::offence o) { return to_string(o); });
        if (which == abuse::all_offences.end()) {
            std::string known;
            for (const auto each : abuse::all_offences)
                known += fmt::format("{}{}", known.empty() ? "" : ", ", to_string(each));
            found(name, "bans.points", fmt::format("the offences are {}", known));
        } else {
            out_.runtime.bans.rules.points[*which] = std::stoi(value.text);
        }
    }
}

void bans_builder::never()
{
    for (const text_item& item : get("bans", "never").texts) {
        if (const auto net = parse_network(item.text))
            out_.runtime.bans.never.push_back(*net);
        else
            error(item, "bans.never", net.error());
    }
}

void bans_builder::kernel()
{
    const auto& bans = out_.runtime.bans;
    const text_item& socket = text("bans", "kernel_socket");
    if (!socket.text.starts_with('/') || socket.text.size() > limits::unix_path_octets)
        found(socket, "bans.kernel_socket",
              fmt::format("write an absolute path of at most {} octets", limits::unix_path_octets));
    if (bans.kernel != ban_kernel::off && bans.rules.action == abuse::ban_action::ignore)
        problems_.warning(written(get("bans", "kernel"), get("bans", "action")),
                          "bans.kernel: bans.action is \"ignore\", and so the kernel keeps no "
                          "client off");
}

} // namespace

const section_source bans_section{
    {"bans", "Clients that are kept away for a time, for what they did."},
    [](section_rows& keys) { keys.add_part(&runtime_config::bans); },
    build_with<bans_builder>,
};

} // namespace fendmail::app
