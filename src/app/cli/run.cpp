// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/load.hpp"
#include "fendmail/app/server.hpp"
#include "fendmail/io/privilege.hpp"

#include <cstdio>
#include <fmt/format.h>

namespace fendmail::app {

int cli_run(const std::string& config_path)
{
    // Relative to where it was started: a reload must find the same file.
    const auto path = std::filesystem::absolute(config_path);
    const auto hostname = io::host_name();
    auto first = load_config(path, hostname);
    for (const auto& problem : first.problems)
        fmt::print(stderr, "{}\n", to_text(problem));
    if (!first.value) return exit_failure;
    server one{std::move(*first.value), path.string(),
               [path, hostname] { return load_config(path, hostname); }};
    one.run();
    return exit_ok;
}

} // namespace fendmail::app
