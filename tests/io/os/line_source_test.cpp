// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/line_source.hpp"

#include "fendmail/io/os/child_output.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

using namespace fendmail;
using test_support::temp_dir;

namespace {

std::string write(const temp_dir& dir, const std::string& octets)
{
    const auto file = dir.file("log");
    std::ofstream{file, std::ios::binary} << octets;
    return file;
}

std::vector<std::string> lines_of(io::line_source& source)
{
    std::vector<std::string> out;
    while (const auto line = source.next())
        out.emplace_back(*line);
    return out;
}

std::vector<std::string> lines_of(const std::string& file)
{
    io::line_source source{io::open_to_read(file)};
    auto out = lines_of(source);
    CHECK(source.failure().empty());
    return out;
}

/// As gzip(1) packs it.
std::string packed(const temp_dir& dir, const std::string& text)
{
    const auto file = write(dir, text);
    io::child_output gzip{{"gzip", "-c", file}};
    const auto out = gzip.take_output();
    std::string octets;
    std::vector<char> buffer(4096);
    for (;;) {
        const auto got = ::read(out.get(), buffer.data(), buffer.size());
        if (got <= 0) break;
        octets.append(buffer.data(), static_cast<std::size_t>(got));
    }
    CHECK(gzip.wait().empty());
    return octets;
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("line source: lines with and without an end at the end of the file", "[file]")
{
    const temp_dir dir;
    CHECK(lines_of(write(dir, "")).empty());
    CHECK(lines_of(write(dir, "one")) == lines{"one"});
    CHECK(lines_of(write(dir, "one\n")) == lines{"one"});
    CHECK(lines_of(write(dir, "one\n\ntwo\r\n\n")) == lines{"one", "", "two\r", ""});
    CHECK(lines_of(write(dir, std::string{"a\0b\n\xff\n", 6})) ==
          lines{std::string{"a\0b", 3}, "\xff"});
}

TEST_CASE("line source: lines are whole wherever a buffer ends", "[file]")
{
    const temp_dir dir;
    std::string text;
    lines wanted;
    for (std::size_t i = 0; i < 3000; ++i) {
        wanted.emplace_back(i % 997, static_cast<char>('a' + i % 26));
        text += wanted.back() + "\n";
    }
    CHECK(lines_of(write(dir, text)) == wanted);
    CHECK(lines_of(write(dir, packed(dir, text))) == wanted);
}

TEST_CASE("line source: a line without end is cut, and the next one is whole", "[file]")
{
    const temp_dir dir;
    const std::string endless(3 * io::line_source::line_octets_max + 5, 'x');
    const auto found = lines_of(write(dir, "a\n" + endless + "\nb\n" + endless));
    const std::string cut(io::line_source::line_octets_max, 'x');
    CHECK(found == lines{"a", cut, "b", cut});
}

TEST_CASE("line source: several packed parts in one file are one log", "[file]")
{
    const temp_dir dir;
    const auto octets = packed(dir, "one\n") + packed(dir, "two\nthree\n");
    CHECK(lines_of(write(dir, octets)) == lines{"one", "two", "three"});
}

TEST_CASE("line source: a packed file that is cut off or damaged is read as far as it goes",
          "[file]")
{
    const temp_dir dir;
    std::string text;
    for (int i = 0; i < 100'000; ++i)
        text += std::to_string(i * 7919) + "\n";
    const auto octets = packed(dir, text);
    auto damaged = octets;
    damaged[octets.size() / 2] = static_cast<char>(damaged[octets.size() / 2] ^ 0x55);
    for (const auto& part : {octets.substr(0, octets.size() / 2), damaged}) {
        io::line_source source{io::open_to_read(write(dir, part))};
        const auto found = lines_of(source);
        CHECK(found.size() > 1000);
        CHECK_FALSE(source.failure().empty());
    }
}

TEST_CASE("line source: what cannot be opened or read says why", "[file]")
{
    const temp_dir dir;
    CHECK_FALSE(io::open_to_read(dir.file("none")));
    io::line_source directory{io::open_to_read(dir.path())};
    CHECK(lines_of(directory).empty());
    CHECK_FALSE(directory.failure().empty());
}

TEST_CASE("child output: what a program says is read, and its end is told", "[file]")
{
    io::child_output good{{"sh", "-c", "echo one; echo two"}};
    io::line_source source{good.take_output()};
    CHECK(lines_of(source) == lines{"one", "two"});
    CHECK(good.wait().empty());

    io::child_output bad{{"sh", "-c", "exit 3"}};
    CHECK(bad.wait() == "sh ended with exit code 3");
    io::child_output killed{{"sh", "-c", "kill -9 $$"}};
    CHECK(killed.wait() == "sh was ended by signal 9");
    CHECK_THROWS_AS(io::child_output({"fendmail-no-such-program"}), std::system_error);
}

TEST_CASE("child output: one that has not ended is ended", "[file]")
{
    std::optional<io::child_output> endless;
    endless.emplace(std::vector<std::string>{"sleep", "1000"});
    endless.reset();
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1); // no child is left
}
