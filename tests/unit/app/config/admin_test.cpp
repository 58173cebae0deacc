// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"
#include "support/catch.hpp"

using namespace fendmail::app;
using namespace fendmail::app::test_files;
using lines = std::vector<std::string>;

namespace {

constexpr const char* secret = "0123456789abcdefABCDEF-._~+/==";

/// Writes a token file that only its owner can read.
void write_token(const temporary_directory& dir, const char* name, const std::string& text)
{
    fs::permissions(dir.write(name, text), fs::perms::owner_read);
}

loaded load_admin(const temporary_directory& dir, const std::string& keys)
{
    return load(dir.write("f.toml", "[admin]\n" + keys + "\n"));
}

} // namespace

TEST_CASE("config: the admin's tokens come out of files, relative to the one that names them",
          "[config]")
{
    const temporary_directory dir;
    write_token(dir, "read.token", std::string{secret} + "\n");
    write_token(dir, "admin.token", "another-token-of-the-admin\r\n");
    const auto got = load_admin(dir, "token_file = \"read.token\"\nadmin_token_file = \"" +
                                         (dir.path() / "admin.token").string() + "\"");
    REQUIRE(lines_of(got) == lines{});
    CHECK(got.value->runtime.admin.read_token == secret);
    CHECK(got.value->runtime.admin.admin_token == "another-token-of-the-admin");
    const auto none = load_admin(dir, "");
    REQUIRE(none.value);
    CHECK(none.value->runtime.admin.read_token.empty());
    CHECK(none.value->runtime.admin.admin_token.empty());
}

TEST_CASE("config: a token file that cannot be used is an error that does not show it", "[config]")
{
    struct row {
        const char* title;
        std::string token;
        const char* want;
    };
    const std::string wrong_size = "a token has 16 to 512 octets, that in the file has ";
    const std::string hint = "; `openssl rand -hex 32` makes one (found \"t\")";
    const std::string wrong_form = "a token is one line of letters, digits and -._~+/, with "
                                   "nothing else in its file";
    const row rows[] = {
        {"empty", "\n", "0"},
        {"short", "s3cret-s3cret-1\n", "15"},
        {"long", std::string(513, 's'), "513"},
        {"two lines", "s3cret-s3cret-s3cret\ns3cret-s3cret-s3cret\n", nullptr},
        {"a blank", "s3cret s3cret s3cret\n", nullptr},
        {"= in its middle", "s3cret=s3cret=s3cret\n", nullptr},
        {"only =", "================\n", nullptr},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const temporary_directory dir;
        write_token(dir, "t", r.token);
        const auto got = load_admin(dir, "token_file = \"t\"");
        CHECK_FALSE(got.value);
        CHECK(lines_of(got, dir.path()) ==
              lines{"f.toml:2:14: error: admin.token_file: " +
                    (r.want != nullptr ? wrong_size + r.want : wrong_form) + hint});
    }
    const temporary_directory dir;
    CHECK(lines_of(load_admin(dir, "admin_token_file = \"none\""), dir.path()) ==
          lines{"f.toml:2:20: error: admin.admin_token_file: cannot read: No such file or "
                "directory (found \"none\")"});
}

TEST_CASE("config: a token that every user can read, or that serves for both, is a warning",
          "[config]")
{
    const temporary_directory dir;
    fs::permissions(dir.write("open", secret), fs::perms::owner_read | fs::perms::others_read);
    auto got = load_admin(dir, "token_file = \"open\"");
    CHECK(got.value);
    CHECK(lines_of(got, dir.path()) ==
          lines{"f.toml:2:14: warning: admin.token_file: every user of this host can read "
                "\"open\"; `chmod o-r` helps"});
    write_token(dir, "one", secret);
    got = load_admin(dir, "token_file = \"one\"\nadmin_token_file = \"one\"");
    CHECK(got.value);
    CHECK(lines_of(got, dir.path()) ==
          lines{"f.toml:2:14: warning: admin.token_file: admin_token_file holds the same token, "
                "so whoever reads may change as well"});
}

TEST_CASE("config: the admin's socket is a path of its own", "[config]")
{
    const auto got = parse("[admin]\nsocket = \"/run/x.sock\"\n");
    REQUIRE(lines_of(got) == lines{});
    CHECK(got.value->startup.admin.socket == "/run/x.sock");
    CHECK(lines_of(parse("[admin]\nsocket = \"x.sock\"\n")) ==
          lines{"t.toml:2:10: error: admin.socket: write an absolute path of at most 107 octets "
                "(found \"x.sock\")"});
    CHECK(lines_of(parse("[admin]\nlisten = \"unix:/run/x\"\nsocket = \"/run/x\"\n")) ==
          lines{"t.toml:3:10: error: admin.socket: admin.listen is there already; leave one of "
                "them out (found \"/run/x\")"});
}
