// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/sources.hpp"

#include "support/catch.hpp"

#include <initializer_list>

namespace fendmail::app::postscreen {
namespace {

using texts = std::vector<std::string>;

sources read(std::initializer_list<input_file> files)
{
    return read_sources(std::vector<input_file>(files));
}

texts remarks_of(const sources& from)
{
    texts out;
    for (const remark& r : from.remarks)
        out.push_back(to_text(r));
    return out;
}

} // namespace

TEST_CASE("postscreen: of a parameter the last value counts, with its place", "[migrate]")
{
    const auto got =
        read({{"main.cf", "a = 1\n# b = 0\nb=2,\n 3\na = 4\n"}, {"dir/main.cf", "c =\n"}});
    CHECK(got.remarks.empty());
    CHECK(got.has_main);
    CHECK_FALSE(got.has_master);
    REQUIRE(got.main.size() == 3);
    CHECK(got.main.at("a").text == "4");
    CHECK(to_text(got.main.at("a").at) == "main.cf:5");
    CHECK(got.main.at("b").text == "2, 3");
    CHECK(to_text(got.main.at("b").at) == "main.cf:3");
    CHECK(got.main.at("c").text.empty());
}

TEST_CASE("postscreen: services have their columns and overrides", "[migrate]")
{
    const auto got = read({{"master.cf", R"(
# a comment
smtp      inet  n       -       y       -       1       postscreen -v
  -o one=1 -o { two = 2 and more }
  # within
  -othree=3
  -o one=4
smtpd     pass  -       -       n       -       -       /usr/lib/postfix/sbin/smtpd
uucp unix - n n - - pipe flags=F user=x argv=uux -r $nexthop
smtpd     pass  n       -       n       -       -       smtpd
)"}});
    CHECK(got.remarks.empty());
    REQUIRE(got.services.size() == 3);
    const master_service& smtp = got.services[0];
    CHECK(smtp.name == "smtp");
    CHECK(smtp.type == "inet");
    CHECK(smtp.command == "postscreen");
    CHECK(smtp.chroot == "y");
    CHECK_FALSE(smtp.is_private);
    CHECK(smtp.first_row == "smtp inet n - y - 1 postscreen");
    CHECK(smtp.at.line == 3);
    CHECK(smtp.overrides.at("one").text == "4");
    CHECK(smtp.overrides.at("two").text == "2 and more");
    CHECK(smtp.overrides.at("three").text == "3");
    // The later one of two with one name, in its place.
    CHECK(got.services[2].name == "smtpd");
    CHECK(got.services[2].command == "smtpd");
    CHECK_FALSE(got.services[2].is_private);
}

TEST_CASE("postscreen: lines of any other text are told by their form", "[migrate]")
{
    const auto got = read({{"-", "smtp/inet/soft_bounce = yes\n"
                                 "myhostname = mx.example.org\n"
                                 "smtp inet n - n - 1 postscreen\n"
                                 "relay/unix/x=1\n"
                                 "whatever\n"}});
    CHECK(got.has_main);
    CHECK(got.has_master);
    REQUIRE(got.services.size() == 1);
    CHECK(got.services[0].overrides.at("soft_bounce").text == "yes");
    CHECK(got.main.count("myhostname") == 1);
    CHECK(remarks_of(got) ==
          texts{"standard input:5: warning: neither \"name = value\" nor a service: not read",
                "standard input:4: warning: an override for relay/unix, but no such service is "
                "given: not read"});
}

TEST_CASE("postscreen: a file that is named is only what its name says", "[migrate]")
{
    const auto got = read({{"main.cf", "smtp inet n - n - 1 postscreen\nsecretkey.zone.example\n"},
                           {"master.cf", "a = b\nsmtp inet n -\n"}});
    CHECK(got.services.empty());
    CHECK(got.main.empty());
    CHECK(got.remarks.size() == 4);
    // A line that is not understood may be the rest of a list with a key in it.
    for (const remark& r : got.remarks)
        CHECK(r.text.find("secretkey") == std::string::npos);
}

TEST_CASE("postscreen: names of other transports' limits are names", "[migrate]")
{
    const auto got = read({{"main.cf", "policyd-spf_time_limit = 3600\na.b-c_x=1\n"},
                           {"-", "policyd-spf_time_limit = 60s\npolicyd-spf/unix/x = y\n"
                                 "policyd-spf unix - n n - 0 spawn user=nobody argv=/x --a=b\n"}});
    CHECK(got.remarks.empty());
    CHECK(got.main.at("policyd-spf_time_limit").text == "60s");
    CHECK(got.main.count("a.b-c_x") == 1);
    REQUIRE(got.services.size() == 1);
    CHECK(got.services[0].overrides.at("x").text == "y");
}

TEST_CASE("postscreen: what a service replaced is remembered, line by line", "[migrate]")
{
    const auto got = read({{"master.cf", "smtp inet n - y - - smtpd\n"
                                         "smtp unix - - y - - smtp\n"
                                         "smtp inet n - n - 1 postscreen\n"
                                         "smtp inet n - n - 2 postscreen\n"}});
    REQUIRE(got.services.size() == 2);
    CHECK(got.services[0].replaced_rows.empty());
    CHECK(row_text(got.services[1]) == "smtp inet n - n - 2 postscreen (master.cf:4)");
    CHECK(got.services[1].replaced_rows == texts{"smtp inet n - y - - smtpd (master.cf:1)",
                                                 "smtp inet n - n - 1 postscreen (master.cf:3)"});
}

TEST_CASE("postscreen: a comment behind a service is none", "[migrate]")
{
    const auto got = read({{"master.cf", "smtp inet n - y - 1 postscreen -o a=b # old: -o c=d\n"
                                         "x unix - n n - - pipe argv=/x # y\n"}});
    REQUIRE(got.services.size() == 2);
    CHECK(got.services[0].overrides.size() == 1);
    CHECK(remarks_of(got) ==
          texts{"master.cf:1: warning: a \"#\" behind a service begins no comment: Postfix takes "
                "it and what follows for arguments"});
}

TEST_CASE("postscreen: options without a value and orphans are told of", "[migrate]")
{
    const auto got = read({{"master.cf", "  smtp inet n - n - 1 postscreen\n"
                                         "smtp inet n - n - 1 postscreen -o x -o\n"}});
    CHECK(remarks_of(got) ==
          texts{"master.cf:1: warning: begins with a blank but continues nothing: not read",
                "master.cf:2: warning: an option -o that is not \"-o name=value\": not read",
                "master.cf:2: warning: an option -o that is not \"-o name=value\": not read"});
}

TEST_CASE("postscreen: services may come field by field, as postconf -F writes them", "[migrate]")
{
    const std::string rows = "smtp/inet/service = smtp\nsmtp/inet/type = inet\n"
                             "smtp/inet/private = n\nsmtp/inet/unprivileged = -\n"
                             "smtp/inet/chroot = y\nsmtp/inet/wakeup = -\n"
                             "smtp/inet/process_limit = 1\n"
                             "smtp/inet/command = postscreen -o {a=b c} -o d=e\n";
    const auto got = read({{"-", "myhostname = mx\nsmtp/inet/d = f\n" + rows}});
    CHECK(remarks_of(got) == texts{});
    REQUIRE(got.services.size() == 1);
    const master_service& smtp = got.services[0];
    CHECK(smtp.name == "smtp");
    CHECK(smtp.command == "postscreen");
    CHECK(smtp.first_row == "smtp inet n - y - 1 postscreen");
    CHECK(to_text(smtp.at) == "standard input:3");
    CHECK(smtp.overrides.at("a").text == "b c");
    CHECK(smtp.overrides.at("d").text == "f"); // of `postconf -P`, whatever comes first
    const auto json =
        read({{"-", "{\"smtp/inet/service\": \"smtp\"}\n{\"smtp/inet/type\": \"inet\"}\n"
                    "{\"smtp/inet/private\": \"n\"}\n"}});
    CHECK(json.services.empty());
    CHECK(remarks_of(json) ==
          texts{"standard input:1: warning: smtp/inet: a service without all its "
                "fields: not read"});
}

} // namespace fendmail::app::postscreen
