// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/report.hpp"

#include "log_lines.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::log_lines;
using Catch::Matchers::ContainsSubstring;
using screen::verdict;
using std::chrono::hours;

namespace {

constexpr std::string_view evil = "<script>alert('x')</script>&\"";

/// Something in each of its parts, and nothing of it short.
report full_report()
{
    report_builder builder{{noon - hours{24}, noon}};
    feeder log{builder};
    const event::of_client client{{address("192.0.2.1"), 1}, 1};
    for (int i = 0; i < 30; ++i)
        log.add(noon - hours{47}, session("192.0.2.1", verdict::left, "bare_newline"));
    const std::string long_name(120, 'x');
    for (int i = 0; i < 200; ++i)
        log.add(noon - hours{i % 24} - seconds{1},
                session(fmt::format("2001:db8:ffff:ffff:ffff:ffff:ffff:{:x}", 0xff00 + i),
                        verdict::rejected, fmt::format("dnsbl,{}", evil),
                        fmt::format("{}.example:127.0.0.2*3,zen.example:127.0.0.2*3", long_name)));
    auto slow = session("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", verdict::pass_new);
    slow.screening = seconds{77};
    log.add(noon - hours{2}, slow);
    log.add(noon - hours{2}, event::backend_unavailable{client, "b1", evil, 1, {}});
    log.add(noon - hours{2}, event::list_suspended{long_name, "silent", long_name + long_name, ""});
    log.add(noon - hours{2}, event::internal_error{evil});
    log.add(noon - hours{2}, event::reload_rejected{evil});
    log.add_line("{");
    builder.note_failure("/var/log/x.gz could not be read to its end: unexpected end of file");
    return builder.finish("mx.example.net");
}

std::vector<std::string> lines_of(const std::string& text)
{
    std::vector<std::string> out{""};
    for (const char c : text)
        if (c == '\n')
            out.emplace_back();
        else
            out.back() += c;
    return out;
}

} // namespace

TEST_CASE("report: its text is a mail of 78 columns in ASCII", "[report]")
{
    const auto text = to_text(full_report(), utc());
    INFO(text);
    for (const auto& line : lines_of(text)) {
        CAPTURE(line);
        CHECK(line.size() <= 78);
        CHECK(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }));
        CHECK((line.empty() || line.back() != ' '));
    }
    CHECK(text.starts_with("fendmail mx.example.net: 201 sessions, 200 turned away, 3 troubles\n"
                           "Thu 20 Nov 2025 12:00 to Fri 21 Nov 2025 12:00\n"));
}

TEST_CASE("report: each part that has something is in the text", "[report]")
{
    const auto text = to_text(full_report(), utc());
    INFO(text);
    for (const std::string_view part :
         {"OVERVIEW", "TROUBLE", "NOT AS BEFORE", "STARTS AND RELOADS", "BY HOUR",
          "WHAT TURNED CLIENTS AWAY", "LISTS", "GOOD CLIENTS THAT WAITED LONGEST",
          "CLIENTS THAT CAME MOST OFTEN", "NETWORKS THAT CAME MOST OFTEN", "THE LOG"})
        CHECK(text.find(part) != std::string::npos);
    for (const std::string_view part :
         {"backend b1 unavailable", "sessions: 201, before 30", "2001:db8:ffff::/48",
          "internal error", "reload rejected", "1 damaged", "unexpected end of file"})
        CHECK(text.find(part) != std::string::npos);
    CHECK(text.find("zen.example") != std::string::npos);
    CHECK(text.find("1m 17s") != std::string::npos);
}

TEST_CASE("report: its page has no scripts, nothing from elsewhere and no markup of others",
          "[report]")
{
    const auto html = to_html(full_report(), utc());
    CHECK(html.find("<script") == std::string::npos);
    CHECK(html.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;") !=
          std::string::npos);
    for (const std::string_view none : {"http://", "https://", "src=", "href=", "url(", "@import"})
        CHECK(html.find(none) == std::string::npos);
    CHECK(html.starts_with("<!DOCTYPE html>"));
    CHECK(html.ends_with("</html>\n"));
}

TEST_CASE("report: its JSON is one object with all counts", "[report]")
{
    const auto text = to_json(full_report());
    const auto value = boost::json::parse(text);
    const auto& object = value.as_object();
    const auto& now = object.at("now").as_object();
    CHECK(now.at("sessions").to_number<int>() == 201);
    CHECK(now.at("verdicts").at("rejected").to_number<int>() == 200);
    CHECK(now.at("lists").at("zen.example").at("hits").to_number<int>() == 200);
    CHECK(object.at("before").at("sessions").to_number<int>() == 30);
    CHECK(object.at("hours").as_array().size() == 24);
    CHECK(object.at("waited").as_array().at(0).at("waited_seconds").to_number<double>() == 77.0);
    CHECK(object.at("log").at("damaged").to_number<int>() == 1);
    CHECK(object.at("begin").as_string() == "2025-11-20T12:00:00Z");
}

TEST_CASE("report: without clients it says how far the log reaches", "[report]")
{
    report_builder builder{{noon - hours{24}, noon}};
    CHECK_THAT(to_text(builder.finish("mx"), utc()),
               ContainsSubstring("Nothing of fendmail is in this log."));
    feeder log{builder};
    log.add(noon - hours{24 * 9}, session("192.0.2.1", verdict::left));
    CHECK_THAT(to_text(builder.finish("mx"), utc()),
               ContainsSubstring("The log reaches from Wed 12 Nov 2025"));
    log.add(noon - hours{1}, event::connected{{{address("192.0.2.1"), 1}, 1}, {}});
    CHECK_THAT(to_text(builder.finish("mx"), utc()), ContainsSubstring("log.summary"));
}

TEST_CASE("report: a mail has a subject that says what matters, and both forms", "[report]")
{
    const auto plain = to_mail(full_report(), "root", "TEXT\n", "");
    CHECK(plain.starts_with("To: root\nSubject: fendmail mx.example.net: 201 sessions, 200 turned "
                            "away, 3 troubles\n"));
    CHECK(plain.ends_with("\n\nTEXT\n"));
    const auto both = to_mail(full_report(), "root", "TEXT\n", "HTML\n");
    CHECK_THAT(both, ContainsSubstring("multipart/alternative"));
    CHECK(both.find("TEXT\n") < both.find("HTML\n"));
}

TEST_CASE("report: counts are grouped by thousands", "[report]")
{
    CHECK(with_commas(0) == "0");
    CHECK(with_commas(999) == "999");
    CHECK(with_commas(1000) == "1,000");
    CHECK(with_commas(1234567) == "1,234,567");
}
