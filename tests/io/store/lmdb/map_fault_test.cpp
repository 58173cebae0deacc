// SPDX-License-Identifier: Apache-2.0
#include "../src/io/store/lmdb/map_fault.hpp"

#include "support/catch.hpp"

#include <csignal>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fendmail::io {

namespace {

/// A page that is mapped and that the file does not have: what a full disk gives.
class missing_page {
public:
    missing_page()
    {
        const int file = ::memfd_create("missing page", MFD_CLOEXEC);
        REQUIRE(file >= 0);
        at_ = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        ::close(file);
        REQUIRE(at_ != MAP_FAILED);
    }
    ~missing_page() { ::munmap(at_, 4096); }
    missing_page(const missing_page&) = delete;
    missing_page& operator=(const missing_page&) = delete;

    [[nodiscard]] int touch() const { return *static_cast<volatile char*>(at_); }

private:
    void* at_ = nullptr;
};

} // namespace

TEST_CASE("map fault: a page that cannot be had is a code, as often as it is met", "[io]")
{
    const missing_page page;
    for (int i = 0; i < 3; ++i)
        CHECK(guard_map([&] { return page.touch(); }) == map_fault);
    CHECK(guard_map([] { return 7; }) == 7);
}

TEST_CASE("map fault: guards nest, and only the inner one ends", "[io]")
{
    const missing_page page;
    const int code = guard_map([&] {
        const int inner = guard_map([&] { return page.touch(); });
        return inner == map_fault ? 42 : 0;
    });
    CHECK(code == 42);
}

TEST_CASE("map fault: what is not guarded ends the process as ever", "[io]")
{
    CHECK(guard_map([] { return 0; }) == 0); // the handler is there
    const missing_page page;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        // Whatever the tests run under has a handler of its own, which may tell and exit.
        std::signal(SIGBUS, SIG_DFL);
        ::_exit(page.touch());
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS));
}

} // namespace fendmail::io
