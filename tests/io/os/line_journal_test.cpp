// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/line_journal.hpp"

#include "fendmail/io/os/whole_file.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <string>
#include <vector>

using namespace fendmail;
using lines = std::vector<std::string>;

namespace {

lines lines_of(const std::filesystem::path& file)
{
    lines all;
    io::line_journal reader{file};
    CHECK_FALSE(reader.read([&](std::string_view line) { all.emplace_back(line); }));
    CHECK(reader.appended() == all.size());
    return all;
}

} // namespace

TEST_CASE("line journal: what was flushed is read, what waits is not", "[file]")
{
    const test_support::temp_dir dir;
    const auto file = dir.file("bans");
    CHECK(lines_of(file).empty()); // there is no file yet
    io::line_journal journal{file};
    journal.append("one");
    journal.append("two");
    CHECK_FALSE(journal.flush());
    journal.append("three");
    CHECK(lines_of(file) == lines{"one", "two"});
    CHECK_FALSE(journal.flush());
    CHECK(lines_of(file) == lines{"one", "two", "three"});
    CHECK(journal.appended() == 3);
    CHECK_FALSE(journal.rewrite("four\n"));
    CHECK(journal.appended() == 0);
    journal.append("five");
    CHECK_FALSE(journal.flush());
    CHECK(lines_of(file) == lines{"four", "five"});
}

TEST_CASE("line journal: a line that was cut is none, and the next one begins behind it", "[file]")
{
    const test_support::temp_dir dir;
    const auto file = dir.file("bans");
    REQUIRE_FALSE(io::replace_file(file, "one\ntw"));
    CHECK(lines_of(file) == lines{"one"});
    io::line_journal journal{file};
    journal.append("three");
    CHECK_FALSE(journal.flush());
    CHECK(lines_of(file) == lines{"one", "tw", "three"});
}

TEST_CASE("line journal: it goes on in a file that another process has put in its place", "[file]")
{
    const test_support::temp_dir dir;
    const auto file = dir.file("bans");
    io::line_journal old_process{file};
    io::line_journal successor{file};
    old_process.append("one");
    CHECK_FALSE(old_process.flush());
    CHECK_FALSE(successor.rewrite("compact\n"));
    old_process.append("two");
    CHECK_FALSE(old_process.flush());
    CHECK(lines_of(file) == lines{"compact", "two"});
}

TEST_CASE("line journal: what cannot be written waits", "[file]")
{
    const test_support::temp_dir dir;
    const auto file = dir.file("bans");
    std::filesystem::create_directory(file);
    io::line_journal journal{file};
    journal.append("one");
    CHECK(journal.flush());
    CHECK(journal.has_waiting());
    std::filesystem::remove(file);
    CHECK_FALSE(journal.flush());
    CHECK(lines_of(file) == lines{"one"});
}
