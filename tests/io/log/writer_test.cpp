// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/log/writer.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

log_options to(log_destination target, event::log_format format = event::log_format::postscreen)
{
    return {.format = format,
            .target = std::move(target),
            .ident = "postfix/postscreen",
            .hostname = "mx.example"};
}

log_options to_file(const std::string& path,
                    event::log_format format = event::log_format::postscreen)
{
    return to({log_destination::kind::file, path}, format);
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

/// A log daemon's end of a socket.
class log_daemon {
public:
    explicit log_daemon(std::string path)
        : path_{std::move(path)}
        , socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)}
    {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        REQUIRE(path_.size() < sizeof at.sun_path);
        path_.copy(at.sun_path, path_.size());
        REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
        const timeval bound{20, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    }
    log_daemon(const log_daemon&) = delete;
    log_daemon& operator=(const log_daemon&) = delete;
    ~log_daemon() { ::close(socket_); }

    /// Its socket is gone, as while it restarts.
    void vanish()
    {
        ::close(std::exchange(socket_, -1));
        ::unlink(path_.c_str());
    }
    void take(std::vector<std::string>& into, std::size_t count)
    {
        std::array<char, 4096> message{};
        for (; count > 0; --count) {
            const auto size = ::recv(socket_, message.data(), message.size(), 0);
            REQUIRE(size >= 0);
            into.emplace_back(message.data(), static_cast<std::size_t>(size));
        }
    }

private:
    std::string path_;
    int socket_;
};

template <class Condition>
[[nodiscard]] bool comes_true(Condition&& condition)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

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
        log_writer log{to({})};
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
                      ContainsSubstring(fifo)); // has no reader: must not wait
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
    for (std::size_t i = 0; i < sent; ++i) // more than pipe and queue hold, without a reader
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
            lost += std::stoul(line.substr(line.find("lines=") + 6));
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
    CHECK_THAT(lines[4],
               Catch::Matchers::Matches(
                   ".*: warning: 4 log lines lost between 20.*Z and 20.*Z: write: File too "
                   "large"));
}

TEST_CASE(
    "log writer: a file that cannot be opened yet is opened later, and stderr serves meanwhile",
    "[io][log]")
{
    const test_support::temp_dir dir;
    const auto directory = dir.file("missing");
    const auto path = directory + "/mail.log";
    const auto errors = dir.file("stderr");
    auto options = to_file(path);
    options.must_open = false;
    CHECK(trouble_with_log(options.target) == path + ": No such file or directory");
    {
        const redirected stderr_to{STDERR_FILENO, errors};
        log_writer log{options};
        log.on(event::notice{"first"});
        log.flush();
        log.on(event::notice{"second"});
        log.flush();
        fs::create_directory(directory);
        CHECK(trouble_with_log(options.target).empty());
        REQUIRE(comes_true([&] {
            log.on(event::notice{"later"});
            log.flush();
            return !lines_of(path).empty();
        }));
    }
    const auto aside = lines_of(errors);
    REQUIRE(aside.size() >= 3);
    const std::string start =
        " mx.example postfix/postscreen[" + std::to_string(::getpid()) + "]: ";
    CHECK(aside[0].substr(15) == start + "first");
    CHECK(aside[1].substr(15) == start + "warning: cannot write the log to file:" + path + ": " +
                                     path +
                                     ": No such file or directory; until that works, it "
                                     "goes to stderr");
    CHECK(aside[2].substr(15) == start + "second");
    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].substr(15) == start + "later");
    CHECK_THAT(lines[1],
               Catch::Matchers::Matches(".*: the log goes to file:.* again after \\d+ s"));
    CHECK_THAT(lines[2],
               Catch::Matchers::ContainsSubstring("warning: " + std::to_string(aside.size() - 1) +
                                                  " log lines lost between 20"));
}

TEST_CASE(
    "log writer: lines that syslog or the journal misses are on stderr, and it is told how many "
    "and when",
    "[io][log]")
{
    for (const std::string target : {"syslog", "journald"}) {
        CAPTURE(target);
        const test_support::temp_dir dir;
        const auto path = dir.file("socket");
        const auto errors = dir.file("stderr");
        auto options = to(*parse_log_destination(target));
        options.syslog_socket = options.journal_socket = path;
        CHECK_THROWS_WITH(log_writer{options}, Catch::Matchers::ContainsSubstring(path));
        options.must_open = false;
        std::vector<std::string> got;
        {
            const redirected stderr_to{STDERR_FILENO, errors};
            log_writer log{options};
            const auto say = [&](const char* what) {
                log.on(event::notice{what});
                log.flush();
            };
            say("before there is any");
            log_daemon first{path};
            say("first");
            first.take(got, 3);
            first.vanish();
            say("lost one");
            say("lost two");
            log_daemon second{path};
            say("second");
            second.take(got, 3);
            say("third");
            second.take(got, 1);
        }
        CAPTURE(got);
        REQUIRE(got.size() == 7);
        const bool is_syslog = target == "syslog";
        const auto holds = [&](std::size_t at, const std::string& text) {
            CAPTURE(at, got[at]);
            CHECK(got[at].find(text) != std::string::npos);
        };
        holds(0, is_syslog ? "postfix/postscreen[" + std::to_string(::getpid()) + "]: first"
                           : "MESSAGE=first\nPRIORITY=6\nSYSLOG_FACILITY=2\n"
                             "SYSLOG_IDENTIFIER=postfix/postscreen\nSYSLOG_PID=" +
                                 std::to_string(::getpid()) + "\n");
        if (is_syslog) CHECK(got[0].starts_with("<22>"));
        holds(1, "the log goes to " + target + " again after 0 s");
        holds(2, "warning: 1 log line lost between 20");
        holds(2, path + ": No such file or directory");
        holds(3, "second");
        holds(5, "warning: 2 log lines lost between 20");
        holds(6, "third");
        const auto aside = lines_of(errors);
        REQUIRE(aside.size() == 5); // three lines, and twice that it is so
        CHECK_THAT(aside[2], Catch::Matchers::EndsWith(": lost one"));
        CHECK_THAT(aside[3], Catch::Matchers::ContainsSubstring(
                                 "warning: cannot write the log to " + target));
        CHECK_THAT(aside[4], Catch::Matchers::EndsWith(": lost two"));
    }
}

TEST_CASE("log writer: who is called postscreen writes the lines of its helpers under their names",
          "[io][log]")
{
    struct row {
        const char* ident;
        event::log_format format;
        const char* want;
    };
    const row rows[] = {
        {"postfix/postscreen", event::log_format::postscreen, " postfix/dnsblog["},
        {"postfix-in/postscreen", event::log_format::postscreen, " postfix-in/dnsblog["},
        {"postscreen", event::log_format::postscreen, " dnsblog["},
        {"fendmail", event::log_format::postscreen, " fendmail["},
        {"notpostscreen", event::log_format::postscreen, " notpostscreen["},
    };
    for (const row& r : rows) {
        CAPTURE(r.ident);
        const test_support::temp_dir dir;
        const auto path = dir.file("mail.log");
        auto options = to_file(path, r.format);
        options.ident = r.ident;
        {
            log_writer log{options};
            log.on(event::dnsbl_listed{client.address, "zen.example", client.address});
            log.on(event::notice{"own"});
        }
        const auto lines = lines_of(path);
        REQUIRE(lines.size() == 2);
        CHECK_THAT(lines[0], Catch::Matchers::ContainsSubstring(r.want));
        CHECK_THAT(lines[1], Catch::Matchers::ContainsSubstring(" " + std::string{r.ident} + "["));
    }
}

TEST_CASE("log writer: the summary of each session can be left out, and nothing else", "[io][log]")
{
    for (const auto format : {event::log_format::postscreen, event::log_format::json}) {
        const test_support::temp_dir dir;
        const auto path = dir.file("log");
        auto options = to_file(path, format);
        options.summary = false;
        {
            log_writer log{options};
            log.on(event::connected{client, client});
            log.on(event::session_ended{});
            log.on(event::disconnected{client});
        }
        CHECK(lines_of(path).size() == 2);
    }
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
