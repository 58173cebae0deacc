// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/load.hpp"
#include "fendmail/io/privilege.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

namespace fendmail::app {

int cli_check(const std::string& config_path)
{
    const auto found = load_config(config_path, io::host_name());
    for (const auto& problem : found.problems)
        fmt::print(stderr, "{}\n", to_text(problem));
    if (!found.value) {
        const auto errors = std::count_if(found.problems.begin(), found.problems.end(),
                                          [](const problem& p) { return p.fatal; });
        fmt::print(stderr, "{}: {} error{}\n", config_path, errors, errors == 1 ? "" : "s");
        return exit_failure;
    }
    fmt::print("{}: ok\n", config_path);
    return exit_ok;
}

} // namespace fendmail::app
