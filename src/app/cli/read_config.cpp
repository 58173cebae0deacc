// SPDX-License-Identifier: Apache-2.0
#include "read_config.hpp"

#include "fendmail/io/os/variables.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

loaded read_config(const std::filesystem::path& file, std::string_view default_hostname)
{
    return load_config(file, default_hostname, io::environment_variables());
}

std::optional<config> read_config_or_tell(const std::filesystem::path& file,
                                          std::string_view default_hostname)
{
    auto found = read_config(file, default_hostname);
    if (!found.value) print_problems(found);
    return std::move(found.value);
}

void print_problems(const loaded& from)
{
    for (const auto& problem : from.problems)
        fmt::print(stderr, "{}\n", to_text(problem));
}

} // namespace fendmail::app
