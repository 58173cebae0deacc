# SPDX-License-Identifier: Apache-2.0
"""Helpers of the e2e and interop tests: the real binary, real mail servers, scripted peers.

Everything runs on loopback, on ports the kernel chose, in directories of its own under /tmp, and
every wait has a deadline.
"""
