// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/admin/http.hpp"
#include "support/catch.hpp"
#include "support/run_until.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

using namespace fendmail;
using namespace fendmail::app;
using boost::asio::local::stream_protocol;

namespace {

/// An admin server on a UNIX socket, on a thread of its own.
class serving {
public:
    serving()
    {
        admin_.emplace(context_, "unix:" + path(),
                       [this] { return std::string(ready.load() ? "" : "stopping"); });
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
    std::atomic<bool> ready{true};

private:
    test_support::temp_dir directory_;
    boost::asio::io_context context_;
    std::optional<admin_http> admin_;
    std::jthread thread_;
};

} // namespace

TEST_CASE("admin: a health check learns whether it is ready", "[admin]")
{
    serving s;
    CHECK(ask_readiness("unix:" + s.path()).empty());
    s.ready = false;
    CHECK(ask_readiness("unix:" + s.path()) == "stopping\n");
    s.stop();
    CHECK(ask_readiness("unix:" + s.path()).find("refused") != std::string::npos);
}

TEST_CASE("admin: an idle connection does not hold up the end", "[admin]")
{
    boost::asio::io_context context;
    stream_protocol::socket idle{context};
    serving s;
    idle.connect(stream_protocol::endpoint{s.path()});
    CHECK(ask_readiness("unix:" + s.path()).empty()); // by now the idle one is accepted
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
    CHECK_THROWS_WITH(admin_http(context, "unix:" + path, [] { return std::string{}; }),
                      "Address already in use");
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
    CHECK_NOTHROW(admin_http(context, "unix:" + path, [] { return std::string{}; }));
    CHECK_FALSE(std::filesystem::exists(path)); // and ours goes with it
}
