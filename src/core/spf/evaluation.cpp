// SPDX-License-Identifier: Apache-2.0
#include "evaluation.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/spf/domain.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

namespace fendmail::spf {

namespace {

/// A term for a report: a record may hold one of 64 KiB.
std::string in_quotes(std::string_view term)
{
    const bool is_long = term.size() > limits::log_text_octets;
    return fmt::format("\"{}{}\"", term.substr(0, limits::log_text_octets), is_long ? "..." : "");
}

bool is_too_wide(const network& net) noexcept
{
    const bool is_v4 = net.address.is_v4();
    return net.prefix_length < (is_v4 ? limits::spf_widest_v4 : limits::spf_widest_v6);
}

/// How much of one of the widest networks that SPF may name `net` takes.
double share(const network& net) noexcept
{
    const unsigned widest = net.address.is_v4() ? limits::spf_widest_v4 : limits::spf_widest_v6;
    double part = 1;
    for (unsigned length = widest; length < net.prefix_length; ++length)
        part /= 2;
    for (unsigned length = net.prefix_length; length < widest; ++length)
        part *= 2;
    return part;
}

/// Many networks, each of a size that is allowed, could add up to the whole world.
bool are_too_many_addresses(const std::vector<network>& nets) noexcept
{
    double v4 = 0;
    double v6 = 0;
    for (const network& net : nets)
        (net.address.is_v4() ? v4 : v6) += share(net);
    return v4 > 2 || v6 > 2;
}

std::string_view name_of(bool is_v4) noexcept
{
    return is_v4 ? "IPv4" : "IPv6";
}

} // namespace

expansion evaluation::run(const std::string& domain)
{
    auto found = walk(domain);
    expansion out;
    if (!has_failed() && collects_) {
        out.networks = found.nets.networks();
        if (are_too_many_addresses(out.networks))
            fail(outcome::permanent_error, "its networks hold more addresses than any sender has");
    }
    out.what = what_;
    if (has_failed()) out.networks.clear();
    out.reason = reason_;
    if (notes_left_out_ != 0) notes_.push_back(fmt::format("and {} more", notes_left_out_));
    out.notes = std::move(notes_);
    out.ttl = ttl_;
    return out;
}

// Recursion ends: every include and redirect is a lookup, of which there are ten.
evaluation::matched evaluation::walk(const std::string& domain)
{
    open_.push_back(domain);
    if (std::ranges::count(open_, domain) > 1) {
        fail(outcome::permanent_error,
             fmt::format("the records include each other: {}", fmt::join(open_, ", ")));
        return {};
    }
    matched out{.is_exact = false};
    if (const record* const terms = record_of(domain)) out = walk_terms(*terms, domain);
    open_.pop_back();
    return out;
}

evaluation::matched evaluation::walk_terms(const record& terms, const std::string& domain)
{
    matched out;
    network_set excluded;
    bool is_open = true; // until it cannot be told any more which the terms before have matched
    for (const directive& d : terms.directives) {
        const bool passes = d.qualifier == qualifier::pass;
        if (d.mechanism == mechanism::all) {
            if (!passes) return out;
            note(fmt::format("{} of {} would permit everybody", in_quotes(d.text), domain));
            out.is_exact = false;
            return out;
        }
        const matched found = match(d, domain);
        if (has_failed()) return out;
        if (passes && is_open) {
            add(found, excluded, out);
        } else if (passes) {
            out.is_exact = false;
        } else if (found.is_exact) {
            excluded.add(found.nets);
        } else if (std::exchange(is_open, false)) {
            note(fmt::format("nothing behind {} of {} is used, since it cannot be told whom that "
                             "excludes",
                             in_quotes(d.text), domain));
        }
    }
    if (terms.redirect && count_lookup(domain)) {
        const std::string term = "redirect=" + terms.redirect->name;
        const matched found = match_domain(*terms.redirect, term, domain);
        if (is_open)
            add(found, excluded, out);
        else
            out.is_exact = false;
    }
    return out;
}

void evaluation::add(const matched& found, const network_set& excluded, matched& to)
{
    to.is_exact = to.is_exact && found.is_exact;
    for (const network& net : found.nets.networks())
        for (const network& rest : excluded.rest_of(net))
            to.nets.add(rest);
    if (to.nets.size() > limits::spf_networks)
        fail(outcome::permanent_error, fmt::format("more than {} networks", limits::spf_networks));
}

const record* evaluation::record_of(const std::string& domain)
{
    const dns::answer* const said = look_up(dns::record_type::txt, domain);
    if (said == nullptr) return nullptr;
    return only_record(domain);
}

const record* evaluation::only_record(const std::string& domain)
{
    const auto found = known_->records.find(domain);
    const std::size_t count = found == known_->records.end() ? 0 : found->second.size();
    if (count == 0) {
        const bool is_root = open_.size() == 1;
        fail(is_root ? outcome::no_record : outcome::permanent_error,
             fmt::format("{} has no SPF record", domain));
        return nullptr;
    }
    if (count > 1) {
        fail(outcome::permanent_error, fmt::format("{} has {} SPF records", domain, count));
        return nullptr;
    }
    const parsed_record& parsed = found->second.front();
    if (parsed) return &*parsed;
    const record_fault& fault = parsed.error();
    fail(outcome::permanent_error, fmt::format("the SPF record of {} is wrong at {}: {}", domain,
                                               in_quotes(fault.term), message(fault.why)));
    return nullptr;
}

evaluation::matched evaluation::match(const directive& d, const std::string& domain)
{
    if (asks_dns(d.mechanism) && !count_lookup(domain)) return {};
    switch (d.mechanism) {
    case mechanism::include: return match_domain(d.target, d.text, domain);
    case mechanism::a:
    case mechanism::mx: return match_hosts(d, domain);
    case mechanism::ip4:
    case mechanism::ip6: {
        matched out;
        if (!d.net) return out;
        out.is_exact = may_add(d, *d.net, domain);
        if (out.is_exact) out.nets.add(*d.net);
        return out;
    }
    case mechanism::ptr:
    case mechanism::exists: not_expanded(d.text, domain); break;
    case mechanism::all: break;
    }
    return {.is_exact = false};
}

evaluation::matched evaluation::match_domain(const target& to, std::string_view term,
                                             const std::string& domain)
{
    if (!to.has_macro) return walk(to.name);
    not_expanded(term, domain);
    return {.is_exact = false};
}

evaluation::matched evaluation::match_hosts(const directive& d, const std::string& domain)
{
    matched out;
    if (d.target.has_macro) {
        not_expanded(d.text, domain);
        out.is_exact = false;
        return out;
    }
    const std::string& name = d.target.name.empty() ? domain : d.target.name;
    std::vector<std::string> hosts{name};
    if (d.mechanism == mechanism::mx) hosts = mail_hosts(name, out);
    for (const std::string& host : hosts)
        for (const family f : {v4, v6})
            add_addresses(d, f, host, out);
    return out;
}

std::vector<std::string> evaluation::mail_hosts(const std::string& host, matched& out)
{
    const dns::answer* const said = look_up(dns::record_type::mx, host);
    if (said == nullptr) {
        out.is_exact = false;
        return {};
    }
    if (said->what == dns::outcome::not_found) {
        count_void(v4);
        count_void(v6);
    }
    if (said->texts.size() > limits::spf_mx_names) {
        fail(outcome::permanent_error,
             fmt::format("{} has more than {} mail hosts", host, limits::spf_mx_names));
        return {};
    }
    std::vector<std::string> hosts;
    for (const std::string& text : said->texts) {
        std::string name = canonical_name(text);
        if (!name.empty()) hosts.push_back(std::move(name)); // RFC 7505 §3: "." is no host
    }
    return hosts;
}

void evaluation::add_addresses(const directive& d, family f, const std::string& host, matched& out)
{
    const auto type = f == v4 ? dns::record_type::a : dns::record_type::aaaa;
    const dns::answer* const said = look_up(type, host);
    if (said == nullptr) {
        out.is_exact = false;
        return;
    }
    if (said->what == dns::outcome::not_found) count_void(f);
    if (said->is_cut) out.is_exact = false;
    for (const ip_address& address : said->addresses) {
        // An AAAA record with an IPv4-mapped address matches no client (RFC 7208 §5).
        if (address.is_v4() != (f == v4)) continue;
        const std::uint8_t length = f == v4 ? d.prefix_v4 : d.prefix_v6;
        const network net{address.masked(length), length};
        if (may_add(d, net, host))
            out.nets.add(net);
        else
            out.is_exact = false;
    }
}

const dns::answer* evaluation::look_up(dns::record_type type, const std::string& name)
{
    // A name that cannot exist has no records (RFC 7208 §4.3).
    static const dns::answer nothing{.what = dns::outcome::not_found};
    if (!is_askable(name)) return &nothing;
    const dns::question asked{type, name};
    const auto found = known_->answers.find(asked);
    if (found == known_->answers.end()) {
        missing_.insert(asked);
        return nullptr;
    }
    const dns::answer& said = found->second;
    if (said.what == dns::outcome::failed) {
        fail(outcome::temporary_error,
             fmt::format("{} of {}: {}", to_string(type), name, said.reason));
        return nullptr;
    }
    if (said.ttl) ttl_ = ttl_ ? std::min(*ttl_, *said.ttl) : *said.ttl;
    return &said;
}

bool evaluation::may_add(const directive& d, const network& net, const std::string& domain)
{
    if (!collects_ || has_failed()) return false;
    if (++networks_ > limits::spf_networks) {
        fail(outcome::permanent_error, fmt::format("more than {} networks", limits::spf_networks));
        return false;
    }
    if (d.qualifier != qualifier::pass) return true;
    if (is_closed(net.address.is_v4() ? v4 : v6)) return false;
    if (!is_too_wide(net)) return true;
    note(fmt::format("{} of {} is wider than any sender's network", in_quotes(d.text), domain));
    return false;
}

bool evaluation::count_lookup(const std::string& domain)
{
    if (++lookups_ <= limits::spf_lookups) return true;
    fail(outcome::permanent_error, fmt::format("more than {} lookups are needed, which the record "
                                               "of {} reaches (RFC 7208, 4.6.4)",
                                               limits::spf_lookups, domain));
    return false;
}

bool evaluation::is_closed(family f) const noexcept
{
    return voids_[f] > limits::spf_void_lookups;
}

// A verifier asks either for IPv4 or for IPv6 addresses, and gives up at the third that finds
// nothing; a client that matched before that has passed all the same.
void evaluation::count_void(family f)
{
    if (++voids_[f] != limits::spf_void_lookups + 1) return;
    if (is_closed(v4) && is_closed(v6)) {
        fail(outcome::permanent_error,
             fmt::format("more than {} lookups find nothing", limits::spf_void_lookups));
        return;
    }
    note(fmt::format("no more {} addresses are taken from the record of {} on, since more than {} "
                     "lookups for them find nothing",
                     name_of(f == v4), open_.back(), limits::spf_void_lookups));
}

void evaluation::fail(outcome what, std::string reason)
{
    if (has_failed()) return;
    what_ = what;
    reason_ = std::move(reason);
}

void evaluation::note(std::string text)
{
    if (!collects_) return;
    if (notes_.size() < limits::spf_notes)
        notes_.push_back(std::move(text));
    else
        ++notes_left_out_;
}

void evaluation::not_expanded(std::string_view term, const std::string& domain)
{
    note(fmt::format("{} of {} is not expanded", in_quotes(term), domain));
}

} // namespace fendmail::spf
