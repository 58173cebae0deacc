// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/list_test.hpp"

#include "fendmail/core/dnsbl/query_name.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::dnsbl {
namespace {

/// ::ffff:7f00:<last>. Not by query_name(): an ip_address of it would be the IPv4 one.
std::string mapped_name(unsigned last, std::string_view zone)
{
    return fmt::format("{}.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.{}", last,
                       zone);
}

/// Of 127.64.0.0 to 127.127.255.255, where no list has test entries.
std::string nobody_name(std::uint32_t random, std::string_view zone)
{
    const auto octet = [random](unsigned shift) {
        return static_cast<std::uint8_t>(random >> shift & 0xFF);
    };
    const auto second = static_cast<std::uint8_t>(64 + octet(16) % 64);
    return query_name(ip_address::v4({127, second, octet(8), octet(0)}), zone);
}

} // namespace

std::string test_name(test_question what, std::string_view zone, std::uint32_t random)
{
    switch (what) {
    case test_question::entry: return fmt::format("2.0.0.127.{}", zone);
    case test_question::no_entry: return fmt::format("1.0.0.127.{}", zone);
    case test_question::entry_v6: return mapped_name(2, zone);
    case test_question::no_entry_v6: return mapped_name(1, zone);
    case test_question::nobody: return nobody_name(random, zone);
    case test_question::no_such_name: return fmt::format("fendmail-{:08x}.example", random);
    }
    return {};
}

test_reply reply_to(test_question what, const zone_answer& answer,
                    const answer_rules& rules) noexcept
{
    switch (answer.what) {
    case dns::outcome::failed: return test_reply::none;
    case dns::outcome::not_found: return test_reply::unlisted;
    case dns::outcome::found: break;
    }
    const auto has = [&](answer_kind kind) {
        return std::ranges::any_of(answer.addresses, [&](const ip_address& address) {
            return classify(address, rules) == kind;
        });
    };
    if (has(answer_kind::listing)) return test_reply::listed;
    if (has(answer_kind::error_code)) return test_reply::error_code;
    // Some lists answer 127.0.0.1 for their test entry, and for nothing else.
    const bool is_entry = what == test_question::entry || what == test_question::entry_v6;
    const bool is_loopback = std::ranges::any_of(
        answer.addresses, [](const ip_address& address) { return address.is_loopback(); });
    return is_entry && is_loopback ? test_reply::listed : test_reply::foreign;
}

std::string_view to_string(zone_trouble t) noexcept
{
    switch (t) {
    case zone_trouble::none: return "none";
    case zone_trouble::silent: return "silent";
    case zone_trouble::lists_everybody: return "lists_everybody";
    case zone_trouble::lists_nothing: return "lists_nothing";
    case zone_trouble::refuses: return "refuses";
    case zone_trouble::foreign: return "foreign";
    case zone_trouble::resolver: return "resolver";
    }
    return "?";
}

std::string_view reason_of(zone_trouble t) noexcept
{
    switch (t) {
    case zone_trouble::none: return "";
    case zone_trouble::silent:
        return "it does not answer its test, while the resolver answers others";
    case zone_trouble::lists_everybody:
        return "it lists 127.0.0.1 or another address that no list may have (RFC 5782), so it may "
               "list everybody";
    case zone_trouble::lists_nothing: return "it no longer lists its test address 127.0.0.2";
    case zone_trouble::refuses: return "it answers its test with an error code";
    case zone_trouble::foreign: return "it answers its test with an address that no list answers";
    case zone_trouble::resolver: return "its resolver answers for names that do not exist";
    }
    return "?";
}

std::string_view advice_on(zone_trouble t) noexcept
{
    switch (t) {
    case zone_trouble::none: return "";
    case zone_trouble::silent:
        return "nobody waits for it; if this lasts, check the resolver and whether the list still "
               "exists";
    case zone_trouble::lists_everybody:
    case zone_trouble::lists_nothing:
        return "if this lasts, it has been shut down: take it out of dnsbl.sites; if it was always "
               "like this, name it in dnsbl.untestable";
    case zone_trouble::refuses:
        return "it does not let this resolver ask: use one of your own instead of a public one "
               "(dnsbl.zone_resolvers), check key and registration";
    case zone_trouble::foreign:
        return "if this lasts, its domain has been sold or something blocks it: take it out of "
               "dnsbl.sites";
    case zone_trouble::resolver:
        return "use a resolver that does not rewrite answers (dnsbl.resolvers)";
    }
    return "?";
}

zone_trouble judge(const test_replies& replies, const site_set::zone_entry& zone, bool has_entry,
                   bool was_silent) noexcept
{
    using enum test_question;
    const auto entry_reply = replies[entry];
    const auto no_entry_reply = replies[no_entry];
    const bool is_silent =
        replies[nobody] == test_reply::none &&
        (was_silent || (entry_reply == test_reply::none && no_entry_reply == test_reply::none));
    if (is_silent) return zone_trouble::silent;

    const auto name_reply = replies[no_such_name];
    const bool rewritten = name_reply != test_reply::none && name_reply != test_reply::unlisted;
    const auto any = [&](test_reply reply) {
        // What a list may say of 127.0.0.0/8 by its own rules, a resolver may have said.
        if (zone.lists_loopback) return rewritten && replies[nobody] == reply;
        return no_entry_reply == reply || replies[no_entry_v6] == reply || replies[nobody] == reply;
    };
    const bool everybody = any(test_reply::listed);
    const bool somebody_else = any(test_reply::foreign) || entry_reply == test_reply::foreign;
    if ((everybody || somebody_else) && rewritten) return zone_trouble::resolver;
    if (everybody) return zone_trouble::lists_everybody;
    if (entry_reply == test_reply::error_code || no_entry_reply == test_reply::error_code)
        return zone_trouble::refuses;
    if (somebody_else) return zone_trouble::foreign;
    if (entry_reply == test_reply::unlisted && has_entry) return zone_trouble::lists_nothing;
    return zone_trouble::none;
}

} // namespace fendmail::dnsbl
