// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/record.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail;
using spf::mechanism;
using spf::qualifier;

namespace {

/// What the parser made of the terms, in a form of its own.
std::string canonical(const spf::record& record)
{
    std::string out;
    for (const auto& d : record.directives) {
        out += out.empty() ? "" : " ";
        out += std::string{to_string(d.qualifier)} + std::string{to_string(d.mechanism)};
        if (!d.target.name.empty()) out += ":" + d.target.name;
        if (d.target.has_macro) out += "(macro)";
        if (d.mechanism == mechanism::ip4 || d.mechanism == mechanism::ip6)
            out += ":" + (d.net ? to_text(*d.net) : "nobody");
        if (d.mechanism == mechanism::a || d.mechanism == mechanism::mx)
            out += "/" + std::to_string(d.prefix_v4) + "//" + std::to_string(d.prefix_v6);
    }
    if (record.redirect)
        out += " redirect=" + record.redirect->name + (record.redirect->has_macro ? "(macro)" : "");
    return out;
}

} // namespace

TEST_CASE("spf record: only \"v=spf1\" with a blank or nothing behind it is one", "[spf]")
{
    for (const char* text : {"v=spf1", "v=spf1 ", "v=spf1 -all", "V=SPF1 mx", "v=spf1  nonsense"}) {
        CAPTURE(text);
        CHECK(spf::is_record(text));
    }
    for (const char* text : {"", "v=spf", "v=spf10", "v=spf1-all", " v=spf1", "v=spf2.0/pra -all",
                             "v=spf1\t-all", "google-site-verification=v=spf1"}) {
        CAPTURE(text);
        CHECK_FALSE(spf::is_record(text));
    }
}

TEST_CASE("spf record: every mechanism, qualifier and modifier of RFC 7208 §12", "[spf]")
{
    struct row {
        const char* text;
        const char* want;
    };
    static const row rows[] = {
        {"v=spf1", ""},
        {"v=spf1 all", "+all"},
        {"v=spf1   -all  ", "-all"},
        {"v=spf1 ~all", "~all"},
        {"v=spf1 ?ALL", "?all"},
        {"v=spf1 +a -mx ~ptr ?exists:x.test", "+a/32//128 -mx/32//128 ~ptr ?exists:x.test"},
        {"v=spf1 a:Mail.Example.ORG.", "+a:mail.example.org/32//128"},
        {"v=spf1 a/24", "+a/24//128"},
        {"v=spf1 a//64", "+a/32//64"},
        {"v=spf1 a/24//64", "+a/24//64"},
        {"v=spf1 mx:example.org/0//0", "+mx:example.org/0//0"},
        {"v=spf1 a:a/b.example.org/8", "+a:a/b.example.org/8//128"},
        {"v=spf1 a:%{d}/24", "+a:%{d}(macro)/24//128"},
        {"v=spf1 a:%{d1r.-+,/_=}/24", "+a:%{d1r.-+,/_=}(macro)/24//128"},
        {"v=spf1 include:_spf.example.org", "+include:_spf.example.org"},
        {"v=spf1 include:%{i}._spf.%{d2}", "+include:%{i}._spf.%{d2}(macro)"},
        {"v=spf1 exists:%{ir}.%{v}._spf.%%%_%-.example.org",
         "+exists:%{ir}.%{v}._spf.%%%_%-.example.org(macro)"},
        {"v=spf1 exists:%{S}%{L}%{O}%{P}%{H}", "+exists:%{S}%{L}%{O}%{P}%{H}(macro)"},
        {"v=spf1 ptr:example.org", "+ptr:example.org"},
        {"v=spf1 ip4:192.0.2.1", "+ip4:192.0.2.1/32"},
        {"v=spf1 ip4:192.0.2.0/24", "+ip4:192.0.2.0/24"},
        {"v=spf1 ip4:192.0.2.77/24", "+ip4:192.0.2.0/24"},
        {"v=spf1 IP4:0.0.0.0/0", "+ip4:0.0.0.0/0"},
        {"v=spf1 ip6:2001:DB8::/32", "+ip6:2001:db8::/32"},
        {"v=spf1 ip6:2001:db8::1", "+ip6:2001:db8::1/128"},
        {"v=spf1 ip6:2001:db8:ffff::1/33", "+ip6:2001:db8:8000::/33"},
        {"v=spf1 ip6:::1", "+ip6:::1/128"},
        // RFC 7208 §5: an IPv4 client is never compared with ip6.
        {"v=spf1 ip6:::ffff:192.0.2.1", "+ip6:nobody"},
        {"v=spf1 ip6:::ffff:192.0.2.0/120", "+ip6:nobody"},
        {"v=spf1 redirect=_spf.example.org", " redirect=_spf.example.org"},
        {"v=spf1 redirect=%{d}.example.org mx", "+mx/32//128 redirect=%{d}.example.org(macro)"},
        {"v=spf1 exp=explain._spf.%{d} -all", "-all"},
        {"v=spf1 ra=postmaster rp=100 rr=all moo.cow-far_out=%{t}man:dog/cat -all", "-all"},
        {"v=spf1 default= all=x -all", "-all"},
        {"v=spf1 -all mx", "-all +mx/32//128"},
        {"v=spf1 a:example.1com", "+a:example.1com/32//128"},
        {"v=spf1 a:example.x-1", "+a:example.x-1/32//128"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto parsed = spf::parse_record(r.text);
        REQUIRE(parsed.has_value());
        CHECK(canonical(*parsed) == r.want);
    }
}

TEST_CASE("spf record: a syntax error anywhere makes the whole record one", "[spf]")
{
    struct row {
        const char* term;
        error want;
    };
    static const row rows[] = {
        {"foo", error::bad_spf_term},
        {"foo:bar.test", error::bad_spf_term},
        {"-", error::bad_spf_term},
        {"--all", error::bad_spf_term},
        {"a\tmx", error::bad_spf_term},
        {"al", error::bad_spf_term},
        {"allx", error::bad_spf_term},
        {"all:", error::bad_spf_term},
        {"all:example.org", error::bad_spf_term},
        {"all/8", error::bad_spf_term},
        {"v:spf1", error::bad_spf_term},
        {"include", error::bad_domain},
        {"include:", error::bad_domain},
        {"include:localhost", error::bad_domain},
        {"include:example.123", error::bad_domain},
        {"include:example.-com", error::bad_domain},
        {"include:example.com-", error::bad_domain},
        {"include:example..", error::bad_domain},
        {"include:example.org/24", error::bad_domain},
        {"include/24", error::bad_domain},
        {"exists", error::bad_domain},
        {"exists:", error::bad_domain},
        {"exists:%{i}.x_y", error::bad_domain},
        {"a:", error::bad_domain},
        {"mx:", error::bad_domain},
        {"ptr:", error::bad_domain},
        {"ptr/24", error::bad_spf_term},
        {"a:%{d}x", error::bad_domain},
        {"a:exa%mple.org", error::bad_spf_macro},
        {"a:example.org%", error::bad_spf_macro},
        {"a:%{}.org", error::bad_spf_macro},
        {"a:%{x}.org", error::bad_spf_macro},
        {"a:%{d.org", error::bad_spf_macro},
        {"a:%{dr1}.org", error::bad_spf_macro},
        {"a:%{d;}.org", error::bad_spf_macro},
        {"a:%{c}.org", error::bad_spf_macro},
        {"a:b\xc3\xbc.org", error::bad_spf_macro},
        {"a/", error::bad_prefix_length},
        {"a/33", error::bad_prefix_length},
        {"a/024", error::bad_prefix_length},
        {"a/-1", error::bad_prefix_length},
        {"a//", error::bad_prefix_length},
        {"a//129", error::bad_prefix_length},
        {"a/24/64", error::bad_prefix_length},
        {"a/24//", error::bad_prefix_length},
        {"a///64", error::bad_prefix_length},
        {"mx:example.org/x", error::bad_prefix_length},
        {"ip4", error::bad_address},
        {"ip4:", error::bad_address},
        {"ip4/24", error::bad_address},
        {"ip4:192.0.2", error::bad_address},
        {"ip4:192.0.2.256", error::bad_address},
        {"ip4:192.0.02.1", error::bad_address},
        {"ip4:2001:db8::1", error::bad_address},
        {"ip4:example.org", error::bad_address},
        {"ip4:192.0.2.0/33", error::bad_prefix_length},
        {"ip4:192.0.2.0/", error::bad_prefix_length},
        {"ip4:192.0.2.0//24", error::bad_prefix_length},
        {"ip6:192.0.2.1", error::bad_address},
        {"ip6:2001:db8::/129", error::bad_prefix_length},
        {"ip6:2001:db8", error::bad_address},
        {"ip6", error::bad_address},
        {"redirect=", error::bad_domain},
        {"redirect=localhost", error::bad_domain},
        {"exp=", error::bad_domain},
        {"exp=%{q}.org", error::bad_spf_macro},
        {"=x", error::bad_spf_term},
        {"1x=y", error::bad_spf_term},
        {"+redirect=example.org", error::bad_spf_term},
        {"x=%", error::bad_spf_macro},
    };
    for (const row& r : rows) {
        CAPTURE(r.term);
        const auto parsed = spf::parse_record(std::string{"v=spf1 ip4:192.0.2.1 "} + r.term +
                                              " ip4:192.0.2.2 -all");
        REQUIRE(parsed.has_error());
        CHECK(message(parsed.error().why) == message(r.want));
        CHECK(parsed.error().term == r.term);
    }
}

TEST_CASE("spf record: redirect and exp stand there once at most", "[spf]")
{
    for (const char* text : {"v=spf1 redirect=a.test redirect=b.test",
                             "v=spf1 exp=a.test -all EXP=b.test", "v=spf1 exp=a.test exp=a.test"}) {
        CAPTURE(text);
        const auto parsed = spf::parse_record(text);
        REQUIRE(parsed.has_error());
        CHECK((parsed.error().why == error::repeated_spf_term));
    }
    CHECK(spf::parse_record("v=spf1 exp=a.test redirect=a.test x=1 x=2").has_value());
}

TEST_CASE("spf record: a record cut anywhere is parsed or refused, and never anything else",
          "[spf]")
{
    const std::string whole = "v=spf1 a:%{d2r.}/24//64 ip6:2001:db8::/32 ip4:192.0.2.0/24 "
                              "include:_spf.example.org redirect=x.test";
    for (std::size_t size = 6; size <= whole.size(); ++size) {
        const std::string text = whole.substr(0, size);
        if (!spf::is_record(text)) continue;
        CAPTURE(text);
        const auto parsed = spf::parse_record(text);
        if (parsed)
            CHECK(parsed->directives.size() <= 4);
        else
            CHECK_FALSE(parsed.error().term.empty());
    }
}
