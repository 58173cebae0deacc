// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/choice.hpp"
#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/abuse/ban_rules.hpp"
#include "fendmail/core/address.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// Section [bans]: clients that are kept away for what they did.
namespace fendmail::app {

/// What of the kernel's keeps banned clients away before they reach us.
enum class ban_kernel : std::uint8_t { off, nftables };
inline constexpr std::array ban_kernels{
    choice{ban_kernel::off, "off"},
    choice{ban_kernel::nftables, "nftables"},
};
[[nodiscard]] constexpr const auto& choice_table(ban_kernel) noexcept
{
    return ban_kernels;
}

struct bans_options {
    static constexpr const char* default_kernel_socket = "/run/fendmail/kernel-bans.sock";

    abuse::ban_rules rules;
    std::vector<network> never; ///< besides those that never are
    ban_kernel kernel = ban_kernel::off;
    std::uint32_t kernel_after = 2;
    std::string kernel_socket = default_kernel_socket;

    template <class Keys>
    static void describe(Keys& keys)
    {
        const auto add = [&keys](std::string_view name, auto member, const key_facts& facts) {
            keys.add(
                name, [member](bans_options& of) -> auto& { return std::invoke(member, of.rules); },
                facts);
        };
        using abuse::ban_rules;
        add("action", &ban_rules::action,
            {.doc =
                 "What a ban means: it is only told (ignore), the client gets 421 (defer), its "
                 "recipients are refused with a 550 that says why and for how long (enforce), or "
                 "the connection is closed without a word (drop)."});
        add("score", &ban_rules::score,
            {.doc = "Points at which a client is banned.", .min = 1, .max = 100000});
        keys.built("points", key_type::number_map,
                   "{ pregreet = 3, dnsbl = 5, non_smtp_command = 5, pipelining = 3, "
                   "bare_newline = 2, rate = 2, no_ptr = 0, unknown_recipients = 3 }",
                   {.doc = "What each offence counts, once in a session; one that is not named "
                           "keeps its default, 0 = nothing. Tests whose action is ignore count "
                           "nothing. unknown_recipients: the backend refused five or more as "
                           "unknown in a relayed session and took no mail. no_ptr makes DNS be "
                           "asked for the name of each client that is tested.",
                    .example = "{ pregreet = 5, no_ptr = 10 }",
                    .max = 100000});
        add("window", &ban_rules::window,
            {.doc = "In which as many points as make a ban leak away.",
             .min = spans::second,
             .max = 365 * spans::day});
        add("time", &ban_rules::time,
            {.doc = "How long the first ban of a client lasts, and up to a fifth more.",
             .min = spans::second,
             .max = spans::ttl_max});
        add("max_time", &ban_rules::max_time,
            {.doc = "Each further ban is twice as long, up to this.",
             .min = spans::second,
             .max = spans::ttl_max});
        add("forget", &ban_rules::forget,
            {.doc = "A client that did nothing for so long begins anew.",
             .min = spans::second,
             .max = spans::ttl_max});
        add("network_after", &ban_rules::network_after,
            {.doc = "So many banned addresses in a network ban all of it, but for clients that "
                    "have passed; 0 = never. How large a network is, [rates] says.",
             .example = "3",
             .max = 65536});
        add("network_time", &ban_rules::network_time,
            {.doc = "How long a network is banned.", .min = spans::second, .max = spans::ttl_max});
        keys.built("never", key_type::text_list, "[]",
                   {.doc = "Addresses and networks that are never banned. Besides them never: our "
                           "own, proxy_protocol.trusted, resolvers, backends, private networks, "
                           "permitted clients, known senders, clients that a list with a negative "
                           "weight names, and those whose mail was accepted in the last seven "
                           "days.",
                    .example = R"(["192.0.2.0/24", "2001:db8::1"])"});
        add("max_new_per_minute", &ban_rules::max_new_per_minute,
            {.doc = "More new bans in a minute are not believed: none is made until there are "
                    "fewer, and that is told.",
             .min = 1,
             .max = 1000000});
        describe_kernel(keys);
    }

private:
    template <class Keys>
    static void describe_kernel(Keys& keys)
    {
        keys.add("kernel", &bans_options::kernel,
                 {.doc = "Whether the kernel drops what banned clients send, before it costs us "
                         "anything: nftables needs the unit fendmail-nft beside fendmail. Without "
                         "it, and until a client is there, its bans are kept as ever."});
        keys.add("kernel_after", &bans_options::kernel_after,
                 {.doc = "From which ban of a client on the kernel keeps it off; with one that an "
                         "admin has made it does at once, and networks it never does.",
                  .min = 1,
                  .max = 1000000});
        keys.add(
            "kernel_socket", &bans_options::kernel_socket,
            {.doc = "Where fendmail-nft is told of bans; an absolute path.", .is_one_line = true});
    }
};

} // namespace fendmail::app
