// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/domain.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail;

TEST_CASE("spf domain: names of senders come back in lower case and without final dot", "[spf]")
{
    struct row {
        const char* text;
        const char* domain;
    };
    for (const auto& [text, domain] :
         {row{"gmail.com", "gmail.com"}, row{"Outlook.COM", "outlook.com"},
          row{"example.org.", "example.org"}, row{"_spf.google.com", "_spf.google.com"},
          row{"xn--bcher-kva.example", "xn--bcher-kva.example"}, row{"1und1.de", "1und1.de"}}) {
        CAPTURE(text);
        const auto parsed = spf::parse_domain(text);
        REQUIRE(parsed.has_value());
        CHECK(*parsed == domain);
    }
}

TEST_CASE("spf domain: what DNS cannot be asked about is refused", "[spf]")
{
    const std::string label(63, 'a');
    for (const std::string& text :
         {std::string{}, std::string{"."}, std::string{"com"}, std::string{".example.org"},
          std::string{"example..org"}, std::string{"example.org.."}, std::string{"exa mple.org"},
          std::string{"user@example.org"},
          std::string{"b\xc3\xbc"
                      "cher.example"},
          std::string{"192.0.2.1"}, std::string{"2001:db8::1"}, std::string{"example.org/24"},
          std::string{"*.example.org"}, std::string{"a\\.example.org"}, label + "a.example.org",
          label + "." + label + "." + label + "." + label}) {
        CAPTURE(text);
        const auto parsed = spf::parse_domain(text);
        REQUIRE(parsed.has_error());
        CHECK((parsed.error() == error::bad_domain));
    }
    CHECK(spf::parse_domain(label + ".org").has_value());
}
