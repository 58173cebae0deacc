// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The command line.
///
/// Exit codes: 0 done, 1 it did not work (the reason is on stderr), 2 wrong usage.
namespace fendmail::app {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;

inline constexpr const char* default_config_path = "/etc/fendmail/fendmail.toml";

[[nodiscard]] int run_cli(int argc, char** argv) noexcept;

} // namespace fendmail::app
