// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/sender_file.hpp"

#include "fendmail/core/acl/access_list.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace fendmail;
using spf::known_sender;

namespace {

std::vector<known_sender> two_senders()
{
    const instant when{std::chrono::seconds{1763720008}}; // 2025-11-21T10:13:28Z
    return {{"gmail.com", when, {*parse_network("192.0.2.0/24"), *parse_network("2001:db8::/32")}},
            {"example.org", when - std::chrono::hours{24 * 365 * 50}, {}}};
}

const std::string two_senders_text =
    "# Known senders: the addresses that the SPF records of these domains permit.\n"
    "# Written by fendmail at every refresh; what is changed here is lost then.\n"
    "\n"
    "# domain gmail.com, refreshed 2025-11-21T10:13:28Z, networks: 2\n"
    "192.0.2.0/24\n"
    "2001:db8::/32\n"
    "\n"
    "# domain example.org, refreshed 1975-12-04T10:13:28Z, networks: 0\n"
    "\n"
    "# end, domains: 2\n";

} // namespace

TEST_CASE("sender file: what is written can be read by people and by us", "[spf]")
{
    const auto text = spf::write_sender_file(two_senders());
    CHECK(text == two_senders_text);
    const auto read = spf::parse_sender_file(text);
    CHECK(read.bad_line == 0);
    CHECK((read.senders == two_senders()));
    const auto none = spf::parse_sender_file(spf::write_sender_file({}));
    CHECK(none.bad_line == 0);
    CHECK(none.senders.empty());
}

TEST_CASE("sender file: it is an access file as well", "[spf]")
{
    std::size_t nets = 0;
    for (std::string_view rest = two_senders_text; !rest.empty();) {
        const auto end = rest.find('\n');
        const auto line = acl::parse_file_line(rest.substr(0, end));
        REQUIRE(line.has_value());
        nets += line->net.has_value();
        rest.remove_prefix(end + 1);
    }
    CHECK(nets == 2);
}

TEST_CASE("sender file: one that was cut off anywhere is seen to be damaged", "[spf]")
{
    // Without its last line end it is still whole.
    for (std::size_t size = 0; size + 1 < two_senders_text.size(); ++size) {
        CAPTURE(size);
        const auto read = spf::parse_sender_file(two_senders_text.substr(0, size));
        CHECK(read.bad_line != 0);
        CHECK(read.senders.empty());
    }
}

TEST_CASE("sender file: one that was changed is seen to be damaged, and where", "[spf]")
{
    struct row {
        const char* what;
        const char* by;
        unsigned line;
    };
    static const row rows[] = {
        {"192.0.2.0/24", "192.0.2.1/24", 5},
        {"192.0.2.0/24", "192.0.2.0/24 x", 5},
        {"192.0.2.0/24\n", "", 7},
        {"192.0.2.0/24", "192.0.2.0/24\n198.51.100.0/24", 7},
        {"gmail.com", "gmail", 4},
        {"2025-11-21T", "2025-11-31T", 4},
        {"2025-11-21T10", "2025-11-21T24", 4},
        {"2025-11-21T", "2025-11-21 ", 4},
        {"networks: 2", "networks: 20001", 4},
        {"networks: 2", "networks: ", 4},
        {"networks: 2", "networks: -2", 4},
        {", networks: 2", "", 4},
        {"# end, domains: 2\n", "# end, domains: 3\n", 10},
        {"# end, domains: 2\n", "# end, domains: 2\n192.0.2.1\n", 11},
        {"2001:db8::/32\n", "2001:db8::/32\n# a comment\n", 7},
        {"# Known senders", "192.0.2.0/24\n# Known senders", 1},
    };
    for (const row& r : rows) {
        CAPTURE(r.what, r.by);
        std::string text = two_senders_text;
        const auto at = text.find(r.what);
        REQUIRE(at != std::string::npos);
        text.replace(at, std::string_view{r.what}.size(), r.by);
        const auto read = spf::parse_sender_file(text);
        CHECK(read.bad_line == r.line);
        CHECK(read.senders.empty());
    }
}
