// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/load.hpp"
#include "files.hpp"
#include "support/catch.hpp"
#include "support/tls_certificate.hpp"

#include <chrono>
#include <unistd.h>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::test_files;
using namespace fendmail::test_support;
using namespace std::chrono_literals;
using lines = std::vector<std::string>;

namespace {

/// Certificates in files that only we may read.
struct certificate_files {
    temporary_directory dir;
    tls_certificate ecdsa;

    fs::path secret(const fs::path& name, const std::string& text) const
    {
        const auto file = dir.write(name, text);
        fs::permissions(file, fs::perms{0600});
        return file;
    }
    certificate_files()
    {
        secret("cert.pem", ecdsa.certificate());
        secret("key.pem", ecdsa.key());
        secret("both.pem", ecdsa.key() + ecdsa.certificate());
    }
    [[nodiscard]] loaded load(std::string_view toml) const
    {
        return test_files::load(dir.write("fendmail.toml", toml));
    }
};

} // namespace

TEST_CASE("config: tls is off by default, and then its files need not be there", "[config][tls]")
{
    const auto got = parse("[tls]\ncertificate = \"missing\"\nchain_files = [\"missing\"]\n");
    REQUIRE(lines_of(got) == lines{});
    const tls_options& tls = got.value->runtime.tls;
    CHECK(tls.level == smtp::tls_level::none);
    CHECK(tls.context == nullptr);
    CHECK(tls.handshake_timeout == 60s);
    CHECK(tls.server.min_protocol == io::tls_version::v1_2);
    CHECK(tls.server.session_tickets);
}

TEST_CASE("config: tls files are read when the configuration is", "[config][tls]")
{
    const certificate_files files;
    const tls_certificate rsa{{.kind = key_kind::rsa}};
    files.secret("more/rsa.pem", rsa.key() + rsa.certificate());
    files.dir.write("conf.d/tls.toml", "[tls]\nchain_files = [\"../more/rsa.pem\"]\n");
    const auto got = files.load("[tls]\nlevel = \"encrypt\"\ncertificate = \"cert.pem\"\n"
                                "key = \"key.pem\"\nmin_protocol = \"TLSv1.3\"\n"
                                "session_tickets = false\nhandshake_timeout = \"5s\"\n");
    REQUIRE(lines_of(got) == lines{});
    const tls_options& tls = got.value->runtime.tls;
    CHECK(tls.level == smtp::tls_level::encrypt);
    CHECK(tls.context != nullptr);
    CHECK(tls.handshake_timeout == 5s);
    CHECK(tls.server.min_protocol == io::tls_version::v1_3);
    CHECK_FALSE(tls.server.session_tickets);
    // Each path starts at the file that holds it.
    REQUIRE(tls.server.identities.size() == 2);
    CHECK(tls.server.identities[0].certificate == files.dir.path() / "cert.pem");
    CHECK(tls.server.identities[0].key == files.dir.path() / "key.pem");
    CHECK(tls.server.identities[1].certificate == files.dir.path() / "conf.d/../more/rsa.pem");
    CHECK(tls.server.identities[1].key.empty());
}

TEST_CASE("config: the certificate's file may hold the key, chain files alone will do",
          "[config][tls]")
{
    const certificate_files files;
    for (const auto* toml : {"[tls]\nlevel = \"may\"\ncertificate = \"both.pem\"\n",
                             "[tls]\nlevel = \"may\"\nchain_files = [\"both.pem\"]\n"}) {
        const auto got = files.load(toml);
        CHECK(lines_of(got) == lines{});
        CHECK((got.value && got.value->runtime.tls.context));
    }
}

TEST_CASE("config: what is wrong with a tls file stands where it is named", "[config][tls]")
{
    const certificate_files files;
    const tls_certificate old{{.begins_in_days = -9, .ends_in_days = -2}};
    files.secret("other.key", old.key());
    files.secret("old.pem", old.key() + old.certificate());
    const auto got = files.load("[tls]\nlevel = \"may\"\ncertificate = \"cert.pem\"\n"
                                "key = \"other.key\"\n"
                                "chain_files = [\"old.pem\", \"cert.pem\"]\n");
    CHECK_FALSE(got.value);
    auto problems = lines_of(got, files.dir.path());
    REQUIRE(problems.size() == 3);
    CHECK(problems[0] == "fendmail.toml:4:7: error: tls.key: the private key in \"other.key\" does "
                         "not belong to the certificate in \"cert.pem\"");
    CHECK(problems[1].starts_with("fendmail.toml:5:16: warning: tls.chain_files: the certificate "
                                  "in \"old.pem\" expired on "));
    CHECK(problems[2] ==
          "fendmail.toml:5:27: error: tls.chain_files: \"cert.pem\" holds no private "
          "key");
}

TEST_CASE("config: a chain file may hold the key of the certificate in the next", "[config][tls]")
{
    const certificate_files files;
    const tls_certificate rsa{{.kind = key_kind::rsa}};
    files.secret("rsa.key", rsa.key());
    files.dir.write("rsa.pem", rsa.certificate());
    files.secret("both.pem", files.ecdsa.key() + files.ecdsa.certificate());
    const auto with = [&](const char* list) {
        return files.load("[tls]\nlevel = \"may\"\nchain_files = " + std::string{list} + "\n");
    };
    for (const auto* list :
         {"[\"rsa.key\", \"rsa.pem\"]", "[\"rsa.key\", \"rsa.pem\", \"both.pem\"]",
          "[\"both.pem\", \"rsa.key\", \"rsa.pem\"]"}) {
        CAPTURE(list);
        CHECK(lines_of(with(list), files.dir.path()) == lines{});
    }
    CHECK(lines_of(with("[\"both.pem\", \"rsa.key\"]"), files.dir.path()) ==
          lines{"fendmail.toml:3:28: error: tls.chain_files: \"rsa.key\" holds a key without a "
                "certificate, and no file follows"});
}

TEST_CASE("config: tls warnings leave the configuration in use", "[config][tls]")
{
    const certificate_files files;
    fs::permissions(files.dir.path() / "key.pem", fs::perms{0644});
    const auto got = files.load("[tls]\nlevel = \"may\"\ncertificate = \"cert.pem\"\n"
                                "key = \"key.pem\"\n");
    CHECK((got.value && got.value->runtime.tls.context));
    CHECK(lines_of(got, files.dir.path()) ==
          lines{"fendmail.toml:4:7: warning: tls.key: every user of this machine can read the "
                "private key in \"key.pem\"; take that away: chmod o-r"});
}

TEST_CASE("config: a key that server.user cannot read is told by root", "[config][tls]")
{
    const certificate_files files;
    fs::permissions(files.dir.path(), fs::perms{0755});
    fs::permissions(files.dir.path() / "cert.pem", fs::perms{0644});
    const auto got = files.load("[server]\nuser = \"nobody\"\n"
                                "[tls]\nlevel = \"may\"\ncertificate = \"cert.pem\"\n"
                                "key = \"key.pem\"\nchain_files = []\n");
    CHECK(got.value.has_value());
    // No other user can try; then the first reload tells.
    const auto wanted = ::geteuid() == 0
                            ? lines{"fendmail.toml:6:7: warning: tls.key: \"nobody\" (server.user) "
                                    "cannot read \"key.pem\", so each reload would be refused"}
                            : lines{};
    CHECK(lines_of(got, files.dir.path()) == wanted);
    // We are who we were.
    CHECK(content(files.dir.path() / "key.pem") == files.ecdsa.key());
}

TEST_CASE("config: tls choices stand in the order of their enums", "[config][tls]")
{
    const auto levels = find_key("tls", "level")->choices;
    REQUIRE(levels.size() == 3);
    for (std::size_t i = 0; i < levels.size(); ++i)
        CHECK(levels[i] == to_string(static_cast<smtp::tls_level>(i)));
    CHECK(find_key("tls", "min_protocol")->choices ==
          std::vector<std::string_view>{"TLSv1.2", "TLSv1.3"});
}
