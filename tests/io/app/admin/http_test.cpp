// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/admin/client.hpp"
#include "fendmail/app/admin/http.hpp"
#include "fendmail/io/net/socket_address.hpp"
#include "support/catch.hpp"
#include "support/run_until.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;
using boost::asio::local::stream_protocol;

namespace {

/// What is asked for here: /readyz is free, /read and /change are not, /stream goes on.
class small_site final : public admin_site {
public:
    [[nodiscard]] web::right needed_for(admin_verb verb, std::string_view path) const override
    {
        if (path == "/readyz") return web::right::none;
        return verb == admin_verb::get ? web::right::read : web::right::change;
    }
    [[nodiscard]] io::awaitable<admin_reply> answer(admin_request what) override
    {
        if (what.target.path == "/readyz" && !ready.load())
            co_return admin_reply{503, "text/plain", "stopping\n"};
        admin_reply reply{200, "text/plain", what.target.path + " " + what.body};
        if (what.target.path == "/throws") throw std::runtime_error("broken \"here\"");
        if (what.target.path == "/stream")
            reply.more = [n = 0]() mutable {
                return n < 3 ? fmt::format("data: {}\n\n", n++) : std::string{};
            };
        co_return reply;
    }
    std::atomic<bool> ready{true};
};

/// An admin server, on a thread of its own.
class serving {
public:
    explicit serving(web::access_rules rules = {}, std::optional<listen_address> where = {})
    {
        admin_.emplace(context_, admin_socket::bind(where.value_or(listen_address{{}, path()})),
                       site, [rules = std::move(rules)] { return rules; });
        where_ = admin_->where();
        if (where) where_.tcp = *io::local_address(admin_->duplicate().get());
        admin_->start();
        thread_ = std::jthread{[this] { context_.run(); }};
    }
    ~serving() { stop(); }
    serving(const serving&) = delete;
    serving& operator=(const serving&) = delete;

    /// Ends it in order; returns when its io_context has nothing left to do.
    void stop()
    {
        boost::asio::post(context_, [this] { admin_->stop(); });
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] std::string path() const { return directory_.file("admin.sock"); }
    [[nodiscard]] const listen_address& where() const noexcept { return where_; }
    small_site site;

private:
    listen_address where_;
    test_support::temp_dir directory_;
    boost::asio::io_context context_;
    std::optional<admin_http> admin_;
    std::jthread thread_;
};

} // namespace

TEST_CASE("admin: a health check learns whether it is ready", "[admin]")
{
    serving s;
    CHECK(ask_readiness({{}, s.path()}).empty());
    s.site.ready = false;
    CHECK(ask_readiness({{}, s.path()}) == "stopping\n");
    s.stop();
    CHECK(ask_readiness({{}, s.path()}).find("refused") != std::string::npos);
}

TEST_CASE("admin: an idle connection does not hold up the end", "[admin]")
{
    boost::asio::io_context context;
    stream_protocol::socket idle{context};
    serving s;
    idle.connect(stream_protocol::endpoint{s.path()});
    CHECK(ask_readiness({{}, s.path()}).empty()); // by now the idle one is accepted
    const auto begun = std::chrono::steady_clock::now();
    s.stop();
    // Its own limit would be 5 s.
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{4});
}

TEST_CASE("admin: a file that is no socket is neither used nor removed", "[admin]")
{
    const test_support::temp_dir directory;
    const auto path = directory.file("precious");
    std::ofstream{path} << "text";
    boost::asio::io_context context;
    CHECK_THROWS_WITH(admin_socket::bind({{}, path}), "Address already in use");
    CHECK(std::filesystem::file_size(path) == 4);
}

TEST_CASE("admin: a socket that a killed process left behind is replaced", "[admin]")
{
    const test_support::temp_dir directory;
    const auto path = directory.file("admin.sock");
    boost::asio::io_context context;
    {
        stream_protocol::acceptor left{context, stream_protocol::endpoint{path}};
    }
    REQUIRE(std::filesystem::is_socket(path));
    small_site site;
    {
        admin_http served{context, admin_socket::bind({{}, path}), site,
                          [] { return web::access_rules{}; }};
        CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::all) ==
              std::filesystem::perms{0660});
    }
    CHECK_FALSE(std::filesystem::exists(path)); // and ours goes with it
}

TEST_CASE("admin: the socket of a process that lives is not taken from it", "[admin]")
{
    serving s;
    CHECK_THROWS_WITH(admin_socket::bind(s.where()), "another process listens there");
    CHECK(ask_readiness(s.where()).empty());
}

TEST_CASE("admin: over its socket the user of the service may do all", "[admin]")
{
    serving s;
    const auto read = ask_admin(s.where(), admin_verb::get, "/read");
    CHECK(read.status == 200);
    const auto changed = ask_admin(s.where(), admin_verb::put, "/change", "{}");
    CHECK(changed.status == 200);
    CHECK(changed.body == "/change {}");
    CHECK(ask_admin(s.where(), admin_verb::post, "/x", std::string(70'000, 'x')).status == 413);
    CHECK(ask_admin(s.where(), admin_verb::get, "/%zz").status == 400);
    const auto broken = ask_admin(s.where(), admin_verb::get, "/throws");
    CHECK(broken.status == 500);
    CHECK(broken.body == "{\"error\":\"broken ?here?\"}\n");
}

TEST_CASE("admin: over TCP without a token only what is free is answered", "[admin]")
{
    const listen_address any{{ip_address::v4({127, 0, 0, 1}), 0}, {}};
    SECTION("and nothing else where there is no token")
    {
        serving s{{}, any};
        CHECK(ask_readiness(s.where()).empty());
        CHECK(ask_admin(s.where(), admin_verb::get, "/read").status == 403);
        CHECK(ask_admin(s.where(), admin_verb::put, "/change", "{}").status == 403);
    }
    SECTION("or a wrong one")
    {
        serving s{{{}, "reader-reader-reader", "admin-admin-admin-admin"}, any};
        CHECK(ask_admin(s.where(), admin_verb::get, "/read").status == 401);
        CHECK(ask_admin(s.where(), admin_verb::put, "/change", "{}").status == 401);
        CHECK(ask_readiness(s.where()).empty());
    }
}

TEST_CASE("admin: a stream gives what comes up, until its reader goes", "[admin]")
{
    serving s;
    std::vector<std::string> heard;
    const auto answer = follow_admin(s.where(), "/stream", [&](std::string_view line) {
        if (!line.empty()) heard.emplace_back(line);
        return heard.size() < 3;
    });
    CHECK(answer.status == 200);
    CHECK(heard == std::vector<std::string>{"data: 0", "data: 1", "data: 2"});
}
