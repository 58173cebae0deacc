// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/whole_file.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <string>

using namespace fendmail;
namespace fs = std::filesystem;

namespace {

std::size_t files_in(const fs::path& directory)
{
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{directory}, fs::directory_iterator{}));
}

} // namespace

TEST_CASE("whole file: what is written is read, and a new text takes the place of the old",
          "[file]")
{
    const test_support::temp_dir dir;
    const fs::path file = dir.file("x.cidr");
    const std::string large(300'000, 'x');
    for (const std::string& text : {std::string{"one\n"}, large, std::string{}}) {
        CHECK_FALSE(io::replace_file(file, text));
        const auto read = io::read_whole_file(file);
        CHECK(read.failure.empty());
        REQUIRE(read.text);
        CHECK(*read.text == text);
    }
    CHECK(files_in(dir.path()) == 1);
}

TEST_CASE("whole file: one that is not there is no failure, a directory is", "[file]")
{
    const test_support::temp_dir dir;
    const auto none = io::read_whole_file(dir.path() / "none");
    CHECK_FALSE(none.text);
    CHECK(none.failure.empty());
    const auto directory = io::read_whole_file(dir.path());
    CHECK_FALSE(directory.text);
    CHECK_FALSE(directory.failure.empty());
}

TEST_CASE("whole file: what cannot be replaced stays, and nothing is left behind", "[file]")
{
    const test_support::temp_dir dir;
    const fs::path file = dir.file("x.cidr");
    // rename() does not put a file in the place of a directory, not even for root.
    fs::create_directory(file);
    CHECK(io::replace_file(file, "text"));
    CHECK(fs::is_directory(file));
    CHECK(files_in(dir.path()) == 1);
    CHECK(io::replace_file(dir.path() / "none" / "x", "text"));
    CHECK(io::replace_file("/proc/x", "text"));
}

TEST_CASE("whole file: the temporary file is never written through a link", "[file]")
{
    const test_support::temp_dir dir;
    std::ofstream{dir.file("other")} << "precious";
    fs::create_symlink(dir.file("other"), dir.file("x.new"));
    CHECK(io::replace_file(dir.file("x"), "text"));
    CHECK(io::read_whole_file(dir.file("other")).text == "precious");
}
