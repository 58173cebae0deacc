// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

/// The command line.
///
/// Exit codes: 0 done, 1 it did not work (the reason is on stderr), 2 wrong usage.
namespace fendmail::app {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;

inline constexpr const char* default_config_path = "/etc/fendmail/fendmail.toml";

[[nodiscard]] int run_cli(int argc, char** argv) noexcept;

// One function for each subcommand, each in a file of its own.
[[nodiscard]] int cli_run(const std::string& config_path);
struct check_request {
    std::string config_path = default_config_path;
    bool as_service = false;         ///< also try what a start needs, as the service's user
    std::string user;                ///< instead of the service's; "" = that
    std::vector<std::string> groups; ///< supplementary ones of `user`
};
[[nodiscard]] int cli_check(const check_request& request);
/// Asks all lists of it; for up to nine seconds.
[[nodiscard]] int cli_check_lists(const std::string& config_path);
[[nodiscard]] int cli_known_senders(const std::string& config_path);
[[nodiscard]] int cli_demo(const std::string& listen);
[[nodiscard]] int cli_healthcheck(const std::string& config_path);

struct migrate_request {
    std::vector<std::string> files; ///< "-" = standard input, which is also what none means
    std::string config_directory;   ///< "" = where main.cf is, or /etc/postfix
    std::string output_directory;   ///< "" = standard output
    std::vector<std::string> maps;  ///< "FROM=TO": where directories that main.cf names are here
    std::string service;            ///< the postscreen to convert; "" = that of port 25
    bool renews_tables = false;     ///< only the access files in the output directory
    bool overwrites = false;
    bool shows_parameters = false; ///< as Postfix expands them, and nothing else
    bool shows_table = false;      ///< the table of docs/from-postscreen.md, and nothing else
};
[[nodiscard]] int cli_migrate(const migrate_request& request);
/// @param file what `postmap -s` printed; "-" = standard input
[[nodiscard]] int cli_migrate_cache(const std::string& file, const std::string& config_path);

} // namespace fendmail::app
