// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/log_writer.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <boost/json/src.hpp>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fendmail::io {

namespace {

namespace fs = std::filesystem;

const endpoint client{ip_address::v4({192, 0, 2, 1}), 12345};

std::vector<std::string> lines_of(const std::string& path)
{
    std::ifstream in{path};
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

log_options to(std::string target, event::log_format format = event::log_format::postscreen)
{
    return {.format = format,
            .target = std::move(target),
            .ident = "postfix/postscreen",
            .hostname = "mx.example"};
}

log_options to_file(const std::string& path,
                    event::log_format format = event::log_format::postscreen)
{
    return to("file:" + path, format);
}

/// Descriptor `fd` goes to `path` while this lives.
class redirected {
public:
    redirected(int fd, const std::string& path)
        : fd_{fd}
        , saved_{::dup(fd)}
    {
        const int to = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(to, fd_);
        ::close(to);
    }
    redirected(const redirected&) = delete;
    redirected& operator=(const redirected&) = delete;
    ~redirected()
    {
        ::dup2(saved_, fd_);
        ::close(saved_);
    }

private:
    int fd_;
    int saved_;
};

/// No file may grow beyond `octets` while this lives: a disk that is full.
class full_disk {
public:
    explicit full_disk(rlim_t octets)
    {
        ::getrlimit(RLIMIT_FSIZE, &saved_);
        const rlimit low{octets, saved_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &low);
    }
    full_disk(const full_disk&) = delete;
    full_disk& operator=(const full_disk&) = delete;
    ~full_disk() { ::setrlimit(RLIMIT_FSIZE, &saved_); }

private:
    rlimit saved_{};
};

} // namespace

TEST_CASE("log writer: a line in a file looks like one of syslog's mail log", "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("mail.log");
    {
        log_writer log{to_file(path)};
        log.on(event::connected{client, client});
        log.on(event::caution{"look here"});
    }
    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 2);
    const std::string stamp =
        "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 1-3][0-9] "
        "[0-2][0-9]:[0-5][0-9]:[0-6][0-9] mx\\.example postfix/postscreen\\[" +
        std::to_string(::getpid()) + "\\]: ";
    CHECK_THAT(lines[0], Catch::Matchers::Matches(
                             stamp + R"(CONNECT from \[192\.0\.2\.1\]:12345 to .*:12345)"));
    CHECK_THAT(lines[1], Catch::Matchers::Matches(stamp + "warning: look here"));
}

TEST_CASE("log writer: a file is appended to and not for others to read", "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("mail.log");
    for (int run = 0; run < 2; ++run) {
        log_writer log{to_file(path)};
        log.on(event::notice{"hello"});
    }
    CHECK(lines_of(path).size() == 2);
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0137) == 0);
}

TEST_CASE("log writer: a JSON line is one object with its time", "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("log.json");
    const std::string hostile = "a\"b\\c\r\n\x1b[m\xc3\x28\xff";
    {
        log_writer log{to_file(path, event::log_format::json)};
        log.on(event::pregreeted{client, hostile.size(), milliseconds{230}, hostile});
    }
    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 1);
    const auto object = boost::json::parse(lines[0]).as_object();
    const std::string time{object.at("time").as_string()};
    CHECK_THAT(time, Catch::Matchers::Matches(
                         R"(20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d\.\d\d\dZ)"));
    CHECK(object.at("event").as_string() == "pregreeted");
    CHECK(object.at("client").as_string() == "192.0.2.1");
    CHECK(object.at("client_port").as_int64() == 12345);
    CHECK(object.at("after_seconds").as_double() == Approx(0.23));
    CHECK(object.at("text").as_string() == R"(a"b\\c\r\n\033[m\303(\377)");
}

TEST_CASE("log writer: a logfmt line starts with its time", "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("log");
    {
        log_writer log{to_file(path, event::log_format::logfmt)};
        log.on(event::store_swept{1, 2});
    }
    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines[0], Catch::Matchers::Matches(
                             R"(time=20\S+Z event=store_swept level=info retained=1 dropped=2)"));
}

TEST_CASE("log writer: stderr gets the same lines as a file", "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("stderr");
    {
        const redirected stderr_to{STDERR_FILENO, path};
        log_writer log{to("stderr")};
        log.on(event::notice{"hello"});
    }
    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 1);
    const std::string end =
        " mx.example postfix/postscreen[" + std::to_string(::getpid()) + "]: hello";
    CHECK(lines[0].substr(15) == end);
}

TEST_CASE("log writer: a file that cannot be opened is an error that names it", "[io][log]")
{
    using Catch::Matchers::ContainsSubstring;
    const test_support::temp_dir dir;
    const auto missing = dir.file("missing/mail.log");
    CHECK_THROWS_WITH(log_writer{to_file(missing)},
                      ContainsSubstring(missing) && ContainsSubstring("No such file or directory"));
    const auto fifo = dir.file("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_THROWS_WITH(log_writer{to_file(fifo)},
                      ContainsSubstring(fifo)); // nobody reads: must not wait
    CHECK_THROWS_WITH(log_writer{to("nowhere")}, ContainsSubstring("unknown log target nowhere"));
    CHECK_THROWS_AS(log_writer{to("file:")}, std::runtime_error);
}

TEST_CASE("log writer: flush waits for the lines of all threads", "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("mail.log");
    log_writer log{to_file(path)};
    std::vector<std::thread> workers;
    for (int worker = 0; worker < 4; ++worker) {
        workers.emplace_back([&log] {
            for (int i = 0; i < 500; ++i)
                log.on(event::notice{"line"});
        });
    }
    for (auto& worker : workers)
        worker.join();
    log.flush();
    CHECK(lines_of(path).size() == 2000);
}

TEST_CASE("log writer: a target that stands still loses old lines, counted, and delays nobody",
          "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("fifo");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    auto log = std::make_unique<log_writer>(to_file(path, event::log_format::logfmt));

    constexpr std::size_t sent = 30000;
    for (std::size_t i = 0; i < sent; ++i) // more than pipe and queue hold; nobody reads yet
        log->on(event::store_swept{i, 0});

    ::fcntl(reader, F_SETFL, 0);
    std::thread closer{[&log] { log.reset(); }}; // flushes, then the pipe ends
    std::string all;
    std::array<char, 65536> chunk{};
    for (ssize_t got = 1; got > 0;) {
        got = ::read(reader, chunk.data(), chunk.size());
        if (got > 0) all.append(chunk.data(), static_cast<std::size_t>(got));
    }
    closer.join();
    ::close(reader);

    std::size_t arrived = 0;
    std::size_t lost = 0;
    std::istringstream in{all};
    for (std::string line; std::getline(in, line);) {
        if (line.find("event=log_lines_lost") == std::string::npos)
            ++arrived;
        else
            lost += std::stoul(line.substr(line.rfind('=') + 1));
    }
    CHECK(lost > 0);
    CHECK(arrived + lost == sent);
    CHECK(all.find("retained=" + std::to_string(sent - 1)) != std::string::npos);
}

TEST_CASE("log writer: a full disk is told once, and missing lines are counted when it has room",
          "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("mail.log");
    const auto errors = dir.file("stderr");
    // So long already that the limit leaves room for one line here and for all of stderr.
    std::ofstream{path} << std::string(850, 'x') << '\n';
    {
        const redirected stderr_to{STDERR_FILENO, errors};
        log_writer log{to_file(path)};
        {
            const full_disk limit{1000};
            for (int i = 0; i < 5; ++i)
                log.on(event::notice{"a line that has more octets than fit twice"});
            log.flush();
        }
        log.on(event::notice{"room again"});
        log.flush();
    }
    const auto complaints = lines_of(errors);
    REQUIRE(complaints.size() == 1);
    CHECK(complaints[0] == "fendmail: cannot write the log to file:" + path +
                               ": write: File too large; said only once");
    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 5); // what was there, one whole line, one torn, and these two
    CHECK_THAT(lines[3], Catch::Matchers::EndsWith(": room again"));
    CHECK_THAT(lines[4], Catch::Matchers::ContainsSubstring(": warning: 4 log lines lost: "));
}

TEST_CASE("log writer: a closed pipe on stderr does not end the process", "[io][log]")
{
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const int saved = ::dup(STDERR_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    {
        log_writer log{{}};
        log.on(event::notice{"nobody reads this"});
    }
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    SUCCEED();
}

} // namespace fendmail::io
