// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fendmail::io {

/// Code that waits for several things at once on one worker: whatever becomes ready calls
/// wake(), and it has to look itself at what that was. Waking twice, or for nothing, is harmless.
class waiter {
public:
    virtual void wake() noexcept = 0;

protected:
    ~waiter() = default;
};

} // namespace fendmail::io
