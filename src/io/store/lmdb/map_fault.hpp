// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csetjmp>

/// Pages of a mapped file that cannot be had: the disk is full behind a hole, it is broken, or its
/// file system has gone read-only. That is no error of a call but a signal, SIGBUS, which would end
/// the process: here it ends only what was running, with a code.
///
/// Errors: `map_fault`, beside those of what runs.
/// Threads: any; each has its own place to go back to. The handler of SIGBUS is installed with the
/// first use and passes on every fault that comes from elsewhere.
namespace fendmail::io {

/// Not an errno of a call and not one of LMDB's codes (-30800 and above).
inline constexpr int map_fault = -20000;

/// Where a fault of this thread goes while this lives; places nest.
class fault_place {
public:
    fault_place() noexcept;
    ~fault_place();
    fault_place(const fault_place&) = delete;
    fault_place& operator=(const fault_place&) = delete;

    sigjmp_buf jump;

private:
    fault_place* outer_;
};

/// Runs `int body()`, which is to be C code, or C++ of which nothing has to be undone: after a
/// fault no destructor of it runs. What it worked on must not be trusted any more.
/// @return what it returns, or map_fault
template <class Body>
[[nodiscard]] int guard_map(Body&& body)
{
    fault_place here;
    if (sigsetjmp(here.jump, 0) != 0) return map_fault;
    return body();
}

} // namespace fendmail::io
