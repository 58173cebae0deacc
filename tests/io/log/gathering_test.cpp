// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/log/writer.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace fendmail::io {

namespace {

using std::chrono::seconds;

/// Far more than anything here takes: what must not wait for the pause's end has not waited.
constexpr seconds pause{60};
constexpr seconds bound{20};

log_options to_stderr()
{
    return {.ident = "test", .hostname = "mx.example", .gathering = pause};
}

/// What is written to stderr while this lives can be read here.
class stderr_reader {
public:
    enum class kind { packets, pipe };

    /// @param k packets: each read gets what one write wrote
    explicit stderr_reader(kind k)
        : saved_{::dup(STDERR_FILENO)}
    {
        std::array<int, 2> ends{-1, -1};
        const int made = k == kind::pipe ? ::pipe2(ends.data(), O_CLOEXEC)
                                         : ::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data());
        REQUIRE(made == 0);
        reader_ = ends[0];
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[1]);
    }
    stderr_reader(const stderr_reader&) = delete;
    stderr_reader& operator=(const stderr_reader&) = delete;
    ~stderr_reader()
    {
        ::dup2(saved_, STDERR_FILENO);
        ::close(saved_);
        ::close(reader_);
    }

    /// What is there, waiting for it if need be; nothing when nothing came.
    std::optional<std::string> read(milliseconds time_limit = bound)
    {
        pollfd waiting{reader_, POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(time_limit.count())) != 1) return std::nullopt;
        std::string octets(65536, '\0');
        const ssize_t got = ::read(reader_, octets.data(), octets.size());
        if (got <= 0) return std::nullopt;
        octets.resize(static_cast<std::size_t>(got));
        return octets;
    }
    /// All that was written so far, one entry for each read.
    std::vector<std::string> read_all()
    {
        std::vector<std::string> all;
        while (auto octets = read(milliseconds{0}))
            all.push_back(*std::move(octets));
        return all;
    }

private:
    int saved_;
    int reader_ = -1;
};

std::size_t line_ends(std::string_view text)
{
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::vector<std::string> lines_of(const std::string& path)
{
    std::ifstream in{path};
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

} // namespace

TEST_CASE("log writer: a line after a quiet time is written without waiting for others",
          "[io][log]")
{
    stderr_reader out{stderr_reader::kind::packets};
    log_writer log{to_stderr()};
    log.on(event::notice{"alone"});
    const auto written = out.read();
    REQUIRE(written.has_value());
    CHECK_THAT(*written, Catch::Matchers::EndsWith("]: alone\n"));
}

TEST_CASE("log writer: lines of a pause go out in blocks of whole lines that no pipe splits",
          "[io][log]")
{
    stderr_reader out{stderr_reader::kind::packets};
    log_writer log{to_stderr()};
    log.on(event::notice{"first"});
    REQUIRE(out.read().has_value()); // the writer pauses now

    constexpr std::size_t count = 200;
    for (std::size_t i = 0; i < count; ++i)
        log.on(event::notice{std::string(i % 37, 'x') + " line " + std::to_string(i)});
    REQUIRE(log.flush(bound));

    const auto writes = out.read_all();
    CHECK(writes.size() > 1);
    std::string all;
    for (std::size_t i = 0; i < writes.size(); ++i) {
        CHECK(writes[i].size() <= PIPE_BUF);
        CHECK(writes[i].back() == '\n');
        all += writes[i];
        if (i == 0) continue;
        const auto first_line = writes[i].find('\n') + 1;
        CHECK(writes[i - 1].size() + first_line > PIPE_BUF); // would not have fitted
    }
    REQUIRE(line_ends(all) == count);
    std::size_t from = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto end = all.find('\n', from);
        const auto line = std::string_view{all}.substr(from, end - from);
        CHECK(line.ends_with(" line " + std::to_string(i)));
        CHECK(line.find(" mx.example test[") == 15);
        from = end + 1;
    }
}

TEST_CASE("log writer: a line longer than a block is written by itself", "[io][log]")
{
    stderr_reader out{stderr_reader::kind::packets};
    log_writer log{to_stderr()};
    log.on(event::notice{"first"});
    REQUIRE(out.read().has_value());
    log.on(event::notice{"before"});
    log.on(event::notice{std::string(4096, 'x')}); // and a stamp
    log.on(event::notice{"behind"});
    REQUIRE(log.flush(bound));

    const auto writes = out.read_all();
    REQUIRE(writes.size() == 3);
    CHECK_THAT(writes[0], Catch::Matchers::EndsWith("]: before\n"));
    CHECK_THAT(writes[1], Catch::Matchers::EndsWith("]: " + std::string(4096, 'x') + "\n"));
    CHECK_THAT(writes[2], Catch::Matchers::EndsWith("]: behind\n"));
}

TEST_CASE("log writer: its end does not wait for the end of a pause", "[io][log]")
{
    stderr_reader out{stderr_reader::kind::packets};
    auto log = std::make_unique<log_writer>(to_stderr());
    log->on(event::notice{"first"});
    REQUIRE(out.read().has_value());
    const bool has_line = GENERATE(false, true);
    if (has_line) log->on(event::notice{"last"});

    const auto start = std::chrono::steady_clock::now();
    log.reset();
    CHECK(std::chrono::steady_clock::now() - start < bound);
    CHECK(out.read_all().size() == (has_line ? 1 : 0));
}

TEST_CASE("log writer: a burst ends the pause before the queue is full", "[io][log]")
{
    stderr_reader out{stderr_reader::kind::pipe};
    REQUIRE(::fcntl(STDERR_FILENO, F_SETPIPE_SZ, 1 << 20) >= 1 << 20); // so that no write waits
    log_writer log{to_stderr()};

    // Each round leaves at most the lines of one pause, 2048, so that the next has room in the
    // queue of 8192 however slow the writer is. All rounds together have not.
    constexpr std::size_t round = 6000;
    constexpr std::size_t rounds = 4;
    std::string all;
    for (std::size_t i = 1; i <= rounds; ++i) {
        for (std::size_t line = 0; line < round; ++line)
            log.on(event::notice{"a line"});
        while (line_ends(all) + 2048 < i * round) {
            const auto more = out.read();
            REQUIRE(more.has_value());
            all += *more;
        }
    }
    REQUIRE(log.flush(bound));
    for (const auto& more : out.read_all())
        all += more;
    CHECK(line_ends(all) == rounds * round);
    CHECK(all.find(" lost") == std::string::npos);
}

TEST_CASE("log writer: a pipe that does not block gets every line", "[io][log]")
{
    constexpr std::size_t count = 1000;
    stderr_reader out{stderr_reader::kind::pipe};
    REQUIRE(::fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096) >= 0);
    const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
    ::fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    std::string all;
    {
        log_writer log{to_stderr()};
        for (std::size_t i = 0; i < count; ++i)
            log.on(event::notice{i == count / 2 ? std::string(4096, 'x') : "a line"});
        std::thread flusher{[&log] { log.flush(bound); }};
        while (line_ends(all) < count) {
            const auto more = out.read();
            if (!more) break;
            all += *more;
        }
        flusher.join();
    }
    CHECK(line_ends(all) == count);
}

TEST_CASE("log writer: of a block that a full disk cuts, whole lines are not counted as lost",
          "[io][log]")
{
    const test_support::temp_dir dir;
    const auto path = dir.file("mail.log");
    rlimit saved{};
    ::getrlimit(RLIMIT_FSIZE, &saved);

    log_options options = to_stderr();
    options.format = event::log_format::logfmt;
    options.target = {log_destination::kind::file, path};
    stderr_reader complaints{stderr_reader::kind::pipe};
    log_writer log{options};
    log.on(event::store_swept{0, 0});
    log.flush();
    const auto octets =
        std::ifstream{path}.seekg(0, std::ios::end).tellg(); // each line has so many

    const rlimit low{static_cast<rlim_t>(octets) * 9 + 7, saved.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &low);
    for (std::size_t i = 0; i < 30; ++i)
        log.on(event::store_swept{i % 10, 0});
    const bool flushed = log.flush(bound);
    ::setrlimit(RLIMIT_FSIZE, &saved);
    REQUIRE(flushed);
    log.on(event::store_swept{77, 0});
    REQUIRE(log.flush(bound));

    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 1 + 8 + 1 + 2);
    CHECK(lines[9].size() == 7);
    CHECK(lines[10].find(" retained=77 ") != std::string::npos);
    CHECK(lines[11].find("event=log_lines_lost level=warning lines=22") != std::string::npos);
    const auto said = complaints.read_all();
    REQUIRE(said.size() == 1);
    CHECK(said[0] == "fendmail: cannot write the log to file:" + path +
                         ": write: File too large; said only once\n");
}

} // namespace fendmail::io
