// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/mta/delivery_line.hpp"

#include "fendmail/core/limits.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

namespace fendmail::mta {

namespace {

// No quote, blank, comma, bracket or the like: behind one of those a recipient could go on with a
// text that looks like the rest of the line.
constexpr std::string_view plain_address = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]+";
// The host is an address where the next hop was given as one.
constexpr std::string_view host_and_address =
    R"(([A-Za-z0-9.:_-]+)\[([0-9A-Fa-f.:]+)\]:[0-9]{1,5})";

/// Time, host, and with some daemons facility and level; or the time as in RFC 3339.
constexpr std::string_view syslog_header =
    R"((?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|)"
    R"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?:Z|[+-][0-9:]{4,5})))"
    R"( [A-Za-z0-9._:-]+ (?:[a-z0-9]+\.[a-z]+ )?)";

/// The last part of the program's name is that of Postfix's client; those before it are
/// syslog_name, by which instances and services are told apart.
std::string postfix_pattern()
{
    return fmt::format(
        R"({}postfix[A-Za-z0-9_-]*(?:/[A-Za-z0-9_-]+)*/smtp\[[0-9]+\]: [A-Za-z0-9]+: )"
        R"(to=<{}>, (?:orig_to=<{}>, )?relay={}, (?:conn_use=[0-9]+, )?delay=[0-9.]+, )"
        R"(delays=[0-9./]+, dsn=2\.[0-9]{{1,3}}\.[0-9]{{1,3}}, status=sent \(.*\))",
        syslog_header, plain_address, plain_address, host_and_address);
}

/// In a file of its own, or through syslog, where it may have its own time besides.
std::string exim_pattern()
{
    constexpr std::string_view time =
        R"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:\.[0-9]{3})?(?: [+-][0-9]{4})? (?:\[[0-9]+\] )?)";
    return fmt::format(
        R"((?:{}|{}exim4?\[[0-9]+\]: (?:{})?)[A-Za-z0-9]{{6}}-[A-Za-z0-9]{{6,11}})"
        R"(-[A-Za-z0-9]{{2,4}} )"
        R"([=-]> {}(?: <{}>)?(?: [FP]=<(?:{})?>)* R=[A-Za-z0-9_-]+(?: ST=[A-Za-z0-9_-]+)? )"
        R"(T=[A-Za-z0-9_-]*smtp[A-Za-z0-9_-]*(?: S=[0-9]+)? )"
        R"(H=([A-Za-z0-9._-]+) \[([0-9A-Fa-f.:]+)\](?::[0-9]{{1,5}})?(?: .*)?)",
        time, syslog_header, time, plain_address, plain_address, plain_address);
}

std::optional<delivery> delivery_to(std::string_view host, std::string_view address)
{
    if (host.size() > limits::dns_name_octets) return std::nullopt;
    const auto parsed = parse_address(address);
    if (!parsed) return std::nullopt;
    return delivery{*parsed, std::string{host}};
}

bool has_once(std::string_view text, std::string_view what)
{
    const auto first = text.find(what);
    return first != std::string_view::npos &&
           text.find(what, first + what.size()) == std::string_view::npos;
}

std::optional<delivery> match(const re2::RE2& form, std::string_view line)
{
    re2::StringPiece host;
    re2::StringPiece address;
    if (!re2::RE2::FullMatch({line.data(), line.size()}, form, &host, &address))
        return std::nullopt;
    return delivery_to({host.data(), host.size()}, {address.data(), address.size()});
}

} // namespace

std::optional<delivery> parse_delivery(std::string_view line)
{
    static const re2::RE2 of_postfix{postfix_pattern()};
    static const re2::RE2 of_exim{exim_pattern()};
    if (line.size() > line_octets_max) return std::nullopt;
    // Postfix may write recipients without quotes, so that one of "x@y>, relay=..." looks like a
    // line that has ended; the line's own part follows then, and makes two.
    if (line.find(", status=sent (") != std::string_view::npos)
        return has_once(line, " relay=") && has_once(line, " status=") && has_once(line, " to=<")
                   ? match(of_postfix, line)
                   : std::nullopt;
    const bool is_sure = has_once(line, " H=") && has_once(line, " T=") && has_once(line, " R=");
    return is_sure ? match(of_exim, line) : std::nullopt;
}

} // namespace fendmail::mta
