// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include "handles.hpp"
#include "map_fault.hpp"

#include "fendmail/io/os/clock.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace fendmail::io::lmdb {

namespace {

// ── in the child: the file ────────────────────────────────────────────────────────────────────

constexpr MDB_dbi free_list = 0; // LMDB's own database of unused pages
constexpr std::size_t first_data_page = 2;

finding damaged(std::string reason)
{
    return {file_state::damaged, std::move(reason)};
}

bool is_our_key(std::span<const std::byte> key) noexcept
{
    if (key.empty()) return false;
    switch (std::to_integer<char>(key[0])) {
    case '4': return key.size() == 6;
    case '6': return key.size() == 18;
    case '!': return true;
    default: return false;
    }
}

/// LMDB's order of keys.
bool is_before(std::span<const std::byte> a, std::span<const std::byte> b) noexcept
{
    const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
    return order != 0 ? order < 0 : a.size() < b.size();
}

/// Touches every octet: a page behind the end of the file is found only by reading it.
void read_all(std::span<const std::byte> octets) noexcept
{
    const volatile std::byte* at = octets.data();
    for (std::size_t i = 0; i < octets.size(); ++i)
        static_cast<void>(at[i]);
}

/// Calls `std::string visit(key, data)` for each record of a database; a text ends the walk.
/// Order and number are checked as well, so that pages that point at each other end it too.
template <class Visit>
finding walk(MDB_txn* txn, MDB_dbi dbi, bool has_number_keys, Visit&& visit)
{
    MDB_stat stat{};
    cursor_handle cursor;
    int code = mdb_stat(txn, dbi, &stat);
    if (code == 0) code = open_cursor(cursor, txn, dbi);
    if (code != 0) return damaged(error_text(code));
    MDB_val key{}, data{};
    std::vector<std::byte> last;
    std::size_t records = 0;
    while ((code = mdb_cursor_get(cursor.get(), &key, &data, MDB_NEXT)) == 0) {
        const auto octets = to_octets(key);
        read_all(octets);
        read_all(to_octets(data));
        if (!has_number_keys && records > 0 && !is_before(last, octets))
            return damaged("its keys are not in order");
        last.assign(octets.begin(), octets.end());
        if (++records > stat.ms_entries) return damaged("it holds more records than it says");
        if (std::string wrong = visit(octets, to_octets(data)); !wrong.empty())
            return damaged(std::move(wrong));
    }
    if (code != MDB_NOTFOUND) return damaged(error_text(code));
    if (records != stat.ms_entries) return damaged("it holds fewer records than it says");
    return {};
}

/// Adds the page numbers of one record of the free list: a count, then so many numbers.
std::string collect_pages(std::span<const std::byte> data, std::size_t last_page,
                          std::vector<std::size_t>& pages)
{
    constexpr auto size = sizeof(std::size_t);
    std::size_t count = 0;
    if (data.size() < size) return "its list of free pages is damaged";
    std::memcpy(&count, data.data(), size);
    if (count > data.size() / size - 1) return "its list of free pages is damaged";
    for (std::size_t i = 1; i <= count; ++i) {
        std::size_t page = 0;
        std::memcpy(&page, data.data() + i * size, size);
        if (page < first_data_page || page > last_page) return "its list of free pages is damaged";
        pages.push_back(page);
    }
    return {};
}

/// The file must hold every page up to the last one that it knows of. A free one may be missing
/// at its end: LMDB does not write pages that were taken and freed in one transaction.
finding check_length(std::size_t pages_in_file, std::size_t last_page,
                     std::vector<std::size_t>& free_pages)
{
    std::sort(free_pages.begin(), free_pages.end());
    if (std::adjacent_find(free_pages.begin(), free_pages.end()) != free_pages.end())
        return damaged("its list of free pages is damaged");
    const auto missing_free = static_cast<std::size_t>(
        free_pages.end() - std::lower_bound(free_pages.begin(), free_pages.end(), pages_in_file));
    const std::size_t missing = last_page >= pages_in_file ? last_page + 1 - pages_in_file : 0;
    if (missing > missing_free) return damaged("it is shorter than it says");
    return {};
}

finding examine_snapshot(MDB_env* env, const std::string& path, std::size_t known_last_page)
{
    txn_handle txn;
    int code = begin(txn, env, MDB_RDONLY);
    MDB_dbi dbi = 0;
    unsigned flags = 0;
    if (code == 0) code = mdb_dbi_open(txn.get(), nullptr, 0, &dbi);
    if (code == 0) code = mdb_dbi_flags(txn.get(), dbi, &flags);
    if (code == MDB_READERS_FULL) return {file_state::unknown, error_text(code)};
    if (code != 0) return damaged(error_text(code));
    if (flags != 0) return damaged("it is a file of another program");

    MDB_envinfo info{};
    MDB_stat stat{};
    struct stat file{};
    if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0)
        return damaged("it has no valid header");
    if (::stat(path.c_str(), &file) != 0) return {file_state::unknown, std::strerror(errno)};

    finding found = walk(txn.get(), dbi, false, [](auto key, auto) -> std::string {
        return is_our_key(key) ? "" : "it holds keys that are not fendmail's";
    });
    if (found.state != file_state::sound) return found;
    std::vector<std::size_t> free_pages;
    found = walk(txn.get(), free_list, true, [&](auto, auto data) {
        return collect_pages(data, info.me_last_pgno, free_pages);
    });
    if (found.state != file_state::sound) return found;
    const auto in_file = static_cast<std::size_t>(file.st_size) / stat.ms_psize;
    return check_length(in_file, known_last_page, free_pages);
}

/// LMDB reports a header with an absurd size as want of memory; tells one from the other.
bool is_memory_short() noexcept
{
    constexpr std::size_t octets = std::size_t{1} << 30;
    void* where =
        ::mmap(nullptr, octets, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (where == MAP_FAILED) return true;
    ::munmap(where, octets);
    return false;
}

/// The system's own errors say nothing about what is in the file, but for those that absurd numbers
/// in it bring about.
bool is_no_damage(int code) noexcept
{
    switch (code) {
    case EINVAL:
    case EFBIG:
    case EOVERFLOW: return false;
    case ENOMEM: return is_memory_short();
    case map_fault:
    case MDB_READERS_FULL: return true;
    default: return code > 0;
    }
}

finding examine(const std::string& path)
{
    env_handle env;
    if (const int code = open_env(env, path, MDB_RDONLY, 0); code != 0)
        return {is_no_damage(code) ? file_state::unknown : file_state::damaged, error_text(code)};
    // LMDB prints its failed assertions before it aborts; the parent tells of them instead.
    mdb_env_set_assert(env.get(), [](MDB_env*, const char*) { std::abort(); });
    // The last page before the snapshot: another process may add some at any time.
    MDB_envinfo info{};
    if (const int code = mdb_env_info(env.get(), &info); code != 0)
        return damaged(error_text(code));
    return examine_snapshot(env.get(), path, info.me_last_pgno);
}

// ── in the child: the process ─────────────────────────────────────────────────────────────────

/// Leaves nothing of the parent's that could act in the child: its signal handlers would write to
/// its descriptors, and what LMDB or a sanitizer prints would stand in its log.
void detach_from_parent() noexcept
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < NSIG; ++number)
        std::signal(number, SIG_DFL);
    // A request to stop is for the parent. A child that it ended would look like a damaged file.
    for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2})
        std::signal(number, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);

    // A core handler that is a program gets a dump whatever the limit says, unless this is off.
    ::prctl(PR_SET_DUMPABLE, 0);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(null, standard);
}

[[noreturn]] void run_child(const std::string& path, int answer_to) noexcept
{
    // The pipe must not lie where the standard streams are about to be.
    const int pipe = ::fcntl(answer_to, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    detach_from_parent();
    try {
        const finding found = examine(path);
        const std::string answer = static_cast<char>(found.state) + found.reason;
        const auto sent = ::write(pipe, answer.data(), answer.size());
        // _exit: what the parent registered with atexit and has in its buffers is the parent's.
        ::_exit(sent == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    } catch (...) {
        ::_exit(1);
    }
}

// ── in the parent ─────────────────────────────────────────────────────────────────────────────

class descriptor {
public:
    explicit descriptor(int number) noexcept
        : number_{number}
    {
    }
    ~descriptor() { close(); }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    [[nodiscard]] int get() const noexcept { return number_; }
    void close() noexcept
    {
        if (number_ >= 0) ::close(number_);
        number_ = -1;
    }

private:
    int number_;
};

/// What the child writes until it ends, cut at `octets_max`; false when the time is up.
bool read_answer(int from, tick deadline, const check_limits& limits, std::string& answer)
{
    constexpr std::size_t octets_max = 1024;
    constexpr milliseconds look_again{100};
    std::array<char, 256> chunk;
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - steady_now());
        if (left <= milliseconds{0} || (limits.give_up != nullptr && *limits.give_up)) return false;
        pollfd wait{from, POLLIN, 0};
        if (::poll(&wait, 1, static_cast<int>(std::min(left, look_again).count())) <= 0) continue;
        const auto got = ::read(from, chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return true;
        answer.append(chunk.data(),
                      std::min(static_cast<std::size_t>(got), octets_max - answer.size()));
    }
}

/// 0, or why the file cannot be read to its end.
int try_to_read(const std::string& path) noexcept
{
    std::array<char, 65536> chunk;
    const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.get() < 0) return errno;
    for (;;) {
        const auto got = ::read(file.get(), chunk.data(), chunk.size());
        if (got == 0) return 0;
        if (got < 0 && errno != EINTR) return errno;
    }
}

/// What a child has found that gave no answer. Damage makes it crash; but the kernel may have
/// killed it for want of memory, and a disk that cannot be read gives a signal as well.
finding finding_of_end(const std::string& path, int status)
{
    if (!WIFSIGNALED(status)) return damaged("reading it failed");
    const int number = WTERMSIG(status);
    const auto text =
        fmt::format("reading it ended with signal {} ({})", number, ::strsignal(number));
    switch (number) {
    case SIGBUS:
        if (const int code = try_to_read(path); code != 0)
            return {file_state::unknown, std::strerror(code)};
        return damaged(text);
    case SIGSEGV:
    case SIGABRT:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP: return damaged(text);
    default: return {file_state::unknown, text};
    }
}

finding parse_answer(const std::string& path, const std::string& answer, int status)
{
    for (const file_state each : {file_state::sound, file_state::damaged, file_state::unknown})
        if (!answer.empty() && answer[0] == static_cast<char>(each))
            return {each, answer.substr(1)};
    return finding_of_end(path, status);
}

} // namespace

finding check_in_child(const std::string& path, const check_limits& limits)
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return {file_state::unknown, std::strerror(errno)};
    const descriptor answer_from{ends[0]};
    descriptor answer_to{ends[1]};
    const pid_t child = ::fork();
    if (child < 0) return {file_state::unknown, std::strerror(errno)};
    if (child == 0) run_child(path, answer_to.get());
    answer_to.close();

    std::string answer;
    const bool is_in_time =
        read_answer(answer_from.get(), steady_now() + limits.time, limits, answer);
    if (!is_in_time) ::kill(child, SIGKILL);
    // Where SIGCHLD is ignored there is no status to get; the answer decides, it only explains.
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!is_in_time)
        return {file_state::unknown,
                fmt::format("reading it through takes longer than {}", limits.time)};
    return parse_answer(path, answer, status);
}

} // namespace fendmail::io::lmdb
