# SPDX-License-Identifier: Apache-2.0
"""Helpers of the e2e and interop tests: the real binary, real mail servers, scripted peers.

Everything runs on loopback, on ports the kernel chose, in directories of its own under /tmp, and
every wait has a deadline.
"""

import os

# A FENDMAIL_… of the caller's shell would be a setting of each fendmail that a test starts.
for _name in [name for name in os.environ if name.startswith("FENDMAIL_")]:
    del os.environ[_name]
