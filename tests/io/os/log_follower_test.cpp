// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/log_follower.hpp"

#include "support/catch.hpp"
#include "support/run_until.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
namespace fs = std::filesystem;

namespace {

struct fixture {
    boost::asio::io_context context{1};
    test_support::temp_dir dir;
    fs::path file = dir.file("mail.log");
    std::vector<std::string> lines;
    std::vector<std::string> states;
    std::unique_ptr<io::log_follower> follower;

    void follow()
    {
        io::log_follower::listener to;
        to.on_line = [this](std::string_view line) { lines.emplace_back(line); };
        to.on_state = [this](std::string_view why) { states.emplace_back(why); };
        follower = std::make_unique<io::log_follower>(context, file, std::move(to));
    }
    void append(std::string_view text) const
    {
        std::ofstream{file, std::ios::app | std::ios::binary} << text;
    }
    [[nodiscard]] bool has_lines(const std::vector<std::string>& wanted)
    {
        return test::run_until(context, [&] { return lines == wanted; });
    }
    [[nodiscard]] bool has_state(std::string_view state)
    {
        return test::run_until(context, [&] { return !states.empty() && states.back() == state; });
    }
};

} // namespace

TEST_CASE("log follower: what is there before is not read, what comes is, by whole lines", "[file]")
{
    fixture f;
    f.append("old\nhalf");
    f.follow();
    REQUIRE(f.has_state(""));
    f.append(" old\none\n\ntw");
    // The rest of a line is none.
    REQUIRE(f.has_lines({"one", ""}));
    f.append("o\n");
    REQUIRE(f.has_lines({"one", "", "two"}));
}

TEST_CASE("log follower: a file that comes later is read from its start", "[file]")
{
    fixture f;
    f.follow();
    REQUIRE(f.has_state("No such file or directory"));
    f.append("one\n");
    REQUIRE(f.has_lines({"one"}));
    CHECK(f.states == std::vector<std::string>{"No such file or directory", ""});
}

TEST_CASE("log follower: both kinds of rotation lose no line", "[file]")
{
    fixture f;
    f.append("");
    f.follow();
    REQUIRE(f.has_state(""));
    f.append("one\n");
    REQUIRE(f.has_lines({"one"}));

    std::ofstream writer{f.file, std::ios::app | std::ios::binary};
    fs::rename(f.file, f.dir.file("mail.log.1"));
    writer << "two\n" << std::flush;
    REQUIRE(f.has_lines({"one", "two"}));
    f.append("three\n");
    REQUIRE(f.has_lines({"one", "two", "three"}));
    writer << "four\n" << std::flush;
    REQUIRE(f.has_lines({"one", "two", "three", "four"}));

    fs::resize_file(f.file, 0);
    f.append("5\n");
    REQUIRE(f.has_lines({"one", "two", "three", "four", "5"}));
    CHECK(f.states.size() == 1);
}

TEST_CASE("log follower: a line that is too long is left out, and none besides", "[file]")
{
    fixture f;
    f.append("");
    f.follow();
    REQUIRE(f.has_state(""));
    const std::string longest(io::log_follower::line_octets_max, 'x');
    for (const std::size_t more : {std::size_t{1}, std::size_t{100'000}, std::size_t{300'000}}) {
        f.lines.clear();
        f.append(fmt::format("{}\n{}{}\nnext\n", longest, longest, std::string(more, 'y')));
        REQUIRE(f.has_lines({longest, "next"}));
    }
}

TEST_CASE("log follower: a burst leaves others their turns", "[file]")
{
    fixture f;
    f.append("");
    f.follow();
    REQUIRE(f.has_state(""));
    constexpr std::size_t count = 200'000;
    std::string burst;
    for (std::size_t n = 0; n < count; ++n)
        burst += fmt::format("line {:08}\n", n);
    f.append(burst);
    REQUIRE(test::run_until(f.context, [&] { return !f.lines.empty(); }));
    // One turn of another handler for each of theirs.
    std::size_t most = 0;
    while (f.lines.size() < count) {
        const auto before = f.lines.size();
        bool had_turn = false;
        boost::asio::post(f.context, [&] { had_turn = true; });
        REQUIRE(test::run_until(f.context, [&] { return had_turn; }));
        most = std::max(most, f.lines.size() - before);
    }
    CHECK(most * 14 <= 2 * io::log_follower::octets_of_turn);
    CHECK(f.lines.back() == fmt::format("line {:08}", count - 1));
}

TEST_CASE("log follower: what is no file, and an end at any time, do no harm", "[file]")
{
    fixture f;
    fs::create_directory(f.file);
    f.follow();
    REQUIRE(f.has_state("it is not a regular file"));
    CHECK(io::why_not_followed(f.file) == "it is not a regular file");
    fs::remove(f.file);
    f.append("one\n");
    REQUIRE(f.has_state(""));
    f.append("two\n");
    f.follower.reset();
    const auto heard = f.lines;
    f.append("three\n");
    f.context.restart();
    f.context.run(); // to its end: nothing is waited for any more
    CHECK(f.lines == heard);
}
