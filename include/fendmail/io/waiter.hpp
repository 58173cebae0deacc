// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fendmail::io {

/// Somebody who waits for several things at once on one worker: whatever becomes ready calls
/// wake(), and he looks himself at what it was. Waking twice, or for nothing, is harmless.
class waiter {
public:
    virtual void wake() noexcept = 0;

protected:
    ~waiter() = default;
};

} // namespace fendmail::io
