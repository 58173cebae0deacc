// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/tls/context.hpp"
#include "support/catch.hpp"
#include "tls_link.hpp"

#include <algorithm>
#include <memory>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

using namespace fendmail;
using namespace fendmail::io;
using namespace fendmail::test_support;

namespace {

/// What loading says, without the directory of the files: "KIND INDEX FILE: TEXT".
std::vector<std::string> problems_of(const pem_files& files, std::vector<tls_identity> identities)
{
    tls_server_options options;
    options.identities = std::move(identities);
    std::vector<tls_problem> problems;
    const auto made = tls_context::for_server(options, wall_now(), problems);
    std::vector<std::string> out;
    bool fatal = false;
    const auto prefix = files.path().string() + "/";
    for (const auto& p : problems) {
        fatal = fatal || p.fatal;
        auto line = std::string{p.fatal ? "error " : "warning "} + std::to_string(p.identity) +
                    (p.in_key ? " key: " : " certificate: ") + p.text;
        for (std::size_t at = 0; (at = line.find(prefix)) != line.npos;)
            line.erase(at, prefix.size());
        out.push_back(line);
    }
    CHECK((made == nullptr) == fatal);
    return out;
}

std::string day_text(int days)
{
    const std::chrono::year_month_day day{
        std::chrono::floor<std::chrono::days>(wall_now() + std::chrono::days{days})};
    char out[32];
    std::snprintf(out, sizeof(out), "%04d-%02u-%02u", static_cast<int>(day.year()),
                  static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
    return out;
}

using lines = std::vector<std::string>;

std::string pem_of(X509* certificate)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), BIO_free};
    REQUIRE(PEM_write_bio_X509(out.get(), certificate) == 1);
    const char* text = nullptr;
    const long octets = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(octets)};
}

} // namespace

TEST_CASE("tls context: certificate and key come from one file or from two", "[io][tls]")
{
    const pem_files files;
    const tls_certificate one;
    const auto certificate = files.write("cert.pem", one.certificate());
    const auto key = files.write("key.pem", one.key());
    CHECK(problems_of(files, {{certificate, key}}) == lines{});
    CHECK(problems_of(files, {{files.write("a.pem", one.key() + one.certificate()), {}}}) ==
          lines{});
    CHECK(problems_of(files, {{files.write("b.pem", "words\n" + one.certificate() + one.key()),
                               {}}}) == lines{});
    CHECK(problems_of(files, {}) == lines{});
}

TEST_CASE("tls context: a file that cannot be used is named, with the reason", "[io][tls]")
{
    const pem_files files;
    const tls_certificate one;
    const tls_certificate other;
    const tls_certificate rsa{{.kind = key_kind::rsa}};
    const auto certificate = files.write("cert.pem", one.certificate());
    const auto key = files.write("key.pem", one.key());
    const auto text = files.write("text", "words\n");
    const auto none = files.path() / "none";
    auto broken = one.certificate();
    broken[100] = '!';
    auto broken_key = one.key();
    broken_key.replace(40, 8, "AAAAAAAA");
    const auto key_line = [](std::string_view what) {
        return lines{"error 0 key: " + std::string{what}};
    };

    CHECK(problems_of(files, {{none, key}}) ==
          lines{"error 0 certificate: cannot read \"none\": No such file or directory"});
    CHECK(problems_of(files, {{certificate, none}}) ==
          key_line("cannot read \"none\": No such file or directory"));
    CHECK(problems_of(files, {{none, none}}).size() == 2);
    CHECK(problems_of(files, {{none, {}}}).size() == 1);
    CHECK(problems_of(files, {{text, key}}) ==
          lines{"error 0 certificate: \"text\" holds no certificate in PEM form"});
    CHECK(problems_of(files, {{key, key}}) ==
          lines{"error 0 certificate: \"key.pem\" holds no certificate in PEM form"});
    CHECK(problems_of(files, {{certificate, text}}) == key_line("\"text\" holds no private key"));
    CHECK(problems_of(files, {{certificate, {}}}) ==
          lines{"error 0 certificate: \"cert.pem\" holds no private key"});
    CHECK(problems_of(files, {{certificate, files.write("two", one.key() + one.key())}}) ==
          key_line("\"two\" holds 2 private keys; write one file for each certificate"));
    CHECK(problems_of(files, {{certificate, files.write("other", other.key())}}) ==
          key_line("the private key in \"other\" does not belong to the certificate in "
                   "\"cert.pem\""));
    CHECK(problems_of(files, {{certificate, files.write("rsa", rsa.key())}}) ==
          key_line("the private key in \"rsa\" does not belong to the certificate in "
                   "\"cert.pem\""));
    CHECK(problems_of(files, {{files.write("broken", broken), key}}) ==
          lines{"error 0 certificate: a certificate in \"broken\" cannot be read: bad base64 "
                "decode"});
    const auto unreadable = problems_of(files, {{certificate, files.write("bad-key", broken_key)}});
    REQUIRE(unreadable.size() == 1);
    CHECK(
        unreadable[0].starts_with("error 0 key: the private key in \"bad-key\" cannot be read: "));
}

TEST_CASE("tls context: nothing is waited for or asked", "[io][tls]")
{
    const pem_files files;
    const tls_certificate one;
    const auto certificate = files.write("cert.pem", one.certificate());
    const auto fifo = files.path() / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(problems_of(files, {{certificate, fifo}}) ==
          lines{"error 0 key: cannot read \"fifo\": not a regular file"});
    CHECK(problems_of(files, {{files.path(), {}}}).front().ends_with("not a regular file"));
    CHECK(problems_of(files, {{certificate, files.write("big", std::string(2'000'000, 'x'))}}) ==
          lines{"error 0 key: cannot read \"big\": larger than 1048576 octets"});
    CHECK(problems_of(files, {{certificate, files.write("secret", one.encrypted_key("x"))}}) ==
          lines{"error 0 key: the private key in \"secret\" is encrypted, and nobody is asked for "
                "its passphrase; write it without one: openssl pkey -in OLD -out NEW"});
}

TEST_CASE("tls context: what is too weak or there twice is refused", "[io][tls]")
{
    const pem_files files;
    const tls_certificate weak{{.kind = key_kind::rsa_1024}};
    CHECK(problems_of(files, {files.identity("weak", weak)}) ==
          lines{"error 0 certificate: the certificate in \"weak\" cannot be used: ee key too "
                "small"});
    const tls_certificate one;
    const tls_certificate two;
    const tls_certificate rsa{{.kind = key_kind::rsa}};
    CHECK(problems_of(files, {files.identity("one", one), files.identity("rsa", rsa),
                              files.identity("two", two)}) ==
          lines{"error 2 certificate: the certificate in \"two\" cannot be used: another one has "
                "the same kind of key"});
}

TEST_CASE("tls context: dates that make clients turn away are a warning", "[io][tls]")
{
    const pem_files files;
    const auto warning = [&](int begins, int ends) {
        const tls_certificate one{{.begins_in_days = begins, .ends_in_days = ends}};
        return problems_of(files, {files.identity("a.pem", one)});
    };
    const auto says = [](const std::string& what) {
        return lines{"warning 0 certificate: the certificate in \"a.pem\" " + what};
    };
    CHECK(warning(-1, 15) == lines{});
    CHECK(warning(-1, 13) == says("expires on " + day_text(13)));
    CHECK(warning(-9, -2) == says("expired on " + day_text(-2)));
    CHECK(warning(2, 90) == says("is not valid before " + day_text(2)));

    const tls_certificate root{{.name = "Root", .begins_in_days = -9, .ends_in_days = -2}};
    const tls_certificate leaf{{.issuer = &root}};
    CHECK(problems_of(
              files,
              {{files.write("chain", leaf.key() + leaf.certificate() + root.certificate()), {}}}) ==
          lines{"warning 0 certificate: a certificate of the chain in \"chain\" expired on " +
                day_text(-2)});
}

TEST_CASE("tls context: a key that everybody can read is a warning", "[io][tls]")
{
    const pem_files files;
    const tls_certificate one;
    const auto certificate = files.write("cert.pem", one.certificate());
    const auto key = files.write("key.pem", one.key());
    const auto both = files.write("both.pem", one.key() + one.certificate());
    std::filesystem::permissions(certificate, std::filesystem::perms{0644});
    std::filesystem::permissions(key, std::filesystem::perms{0640});
    CHECK(problems_of(files, {{certificate, key}}) == lines{});
    std::filesystem::permissions(key, std::filesystem::perms{0644});
    std::filesystem::permissions(both, std::filesystem::perms{0604});
    CHECK(problems_of(files, {{certificate, key}}) ==
          lines{"warning 0 key: every user of this machine can read the private key in "
                "\"key.pem\"; take that away: chmod o-r"});
    CHECK(problems_of(files, {{both, {}}}) ==
          lines{"warning 0 certificate: every user of this machine can read the private key in "
                "\"both.pem\"; take that away: chmod o-r"});
}

TEST_CASE("tls context: a problem is told with the number of its certificate", "[io][tls]")
{
    const pem_files files;
    const tls_certificate one;
    const auto none = files.path() / "none";
    CHECK(problems_of(files, {files.identity("one", one), {none, {}}, {none, {}}}) ==
          lines{"error 1 certificate: cannot read \"none\": No such file or directory",
                "error 2 certificate: cannot read \"none\": No such file or directory"});
}

TEST_CASE("tls context: the order of a chain does not matter", "[io][tls]")
{
    const pem_files files;
    const tls_certificate root{{.name = "Root"}};
    const tls_certificate middle{{.name = "Middle", .issuer = &root}};
    const tls_certificate leaf{{.issuer = &middle}};
    std::vector<std::string> parts{leaf.certificate(), middle.certificate(), root.certificate()};
    std::ranges::sort(parts);
    int orders = 0;
    do {
        const auto chain = files.write("chain.pem", parts[0] + parts[1] + parts[2]);
        const auto key = files.write("key.pem", leaf.key());
        CHECK(problems_of(files, {{chain, key}}) == lines{});
        // What is sent: the leaf first, and each one's issuer behind it.
        tls_server_options options;
        options.identities = {{chain, key}};
        std::vector<tls_problem> problems;
        const auto made = tls_context::for_server(options, wall_now(), problems);
        REQUIRE(made);
        CHECK(pem_of(SSL_CTX_get0_certificate(made->native())) == leaf.certificate());
        STACK_OF(X509)* rest = nullptr;
        REQUIRE(SSL_CTX_get0_chain_certs(made->native(), &rest) == 1);
        REQUIRE(sk_X509_num(rest) == 2);
        CHECK(pem_of(sk_X509_value(rest, 0)) == middle.certificate());
        CHECK(pem_of(sk_X509_value(rest, 1)) == root.certificate());
        ++orders;
    } while (std::ranges::next_permutation(parts).found);
    CHECK(orders == 6);
    CHECK(problems_of(files, {{files.write("chain", middle.certificate() + root.certificate()),
                               files.write("key", leaf.key())}}) ==
          lines{"error 0 key: the private key in \"key\" does not belong to any of the "
                "certificates in \"chain\""});
}

TEST_CASE("tls context: a certificate that the chain lacks is a hint", "[io][tls]")
{
    const pem_files files;
    const tls_certificate root{{.name = "Root"}};
    const tls_certificate middle{{.name = "Middle", .issuer = &root}};
    const tls_certificate leaf{{.issuer = &middle}};
    const auto lacks = [&](const std::string& chain, const std::string& missing) {
        CHECK(problems_of(files, {{files.write("a", chain), files.write("b", leaf.key())}}) ==
              lines{"warning 0 certificate: the chain in \"a\" may lack a certificate, that of "
                    "\"CN=" +
                    missing +
                    "\": clients that verify need it; put it behind the others "
                    "(\"fullchain.pem\")"});
    };
    lacks(leaf.certificate(), "Middle");
    lacks(leaf.certificate() + root.certificate(), "Middle");
    lacks(middle.certificate() + leaf.certificate(), "Root");
}

TEST_CASE("tls context: one of several for names that cannot be used takes no other down",
          "[io][tls]")
{
    const pem_files files;
    const tls_certificate common;
    const tls_certificate one{{.name = "one.example"}};
    const tls_certificate old{{.name = "*.old.example", .begins_in_days = -9, .ends_in_days = -2}};
    const auto load = [&](std::vector<tls_named_identity> named) {
        tls_server_options options;
        options.identities = {files.identity("common", common)};
        options.named = std::move(named);
        std::vector<tls_problem> problems;
        CHECK(tls_context::for_server(options, wall_now(), problems) != nullptr);
        lines out;
        for (const auto& p : problems) {
            CHECK_FALSE(p.fatal);
            out.push_back(std::to_string(p.identity) + ": " + p.text);
        }
        return out;
    };
    const auto first = files.identity("one", one);
    CHECK(load({{{"one.example"}, first}}) == lines{});
    CHECK(load({{{"one.example", "two.example"}, first}}) ==
          lines{"1: the certificate in \"" + first.certificate.string() +
                "\" is not for \"two.example\""});
    const auto none = files.path() / "none";
    CHECK(load({{{"lost.example"}, {none, {}}}, {{"one.example"}, first}}) ==
          lines{"1: cannot read \"" + none.string() +
                "\": No such file or directory; its clients get the certificate of all others"});
    const auto expired = load({{{".old.example"}, files.identity("old", old)}});
    REQUIRE(expired.size() == 1);
    CHECK(expired[0].find("expired on " + day_text(-2)) != std::string::npos);
}
