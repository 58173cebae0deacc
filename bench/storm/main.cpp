// SPDX-License-Identifier: Apache-2.0
#include "storm/load.hpp"
#include "storm/options.hpp"
#include "storm/report.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <fstream>

namespace fendmail::storm {
namespace {

constexpr int exit_failed = 1;

int write_json(const options& asked, const load_result& result)
{
    const auto text = to_json(asked, result);
    if (asked.json == "-") {
        fmt::print("{}", text);
        return 0;
    }
    std::ofstream file{asked.json};
    file << text << std::flush;
    if (file) return 0;
    fmt::print(stderr, "storm: cannot write {}\n", asked.json);
    return exit_failed;
}

int run(int argc, char** argv)
{
    // A server that closes while we write is a reset like others.
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    const auto asked = parse_options(argc, argv);
    if (!asked.value) return asked.exit_code;
    const auto result = load{*asked.value}.run();
    if (asked.value->json != "-") fmt::print("{}", to_text(*asked.value, result));
    return asked.value->json.empty() ? 0 : write_json(*asked.value, result);
}

} // namespace
} // namespace fendmail::storm

int main(int argc, char** argv)
{
    try {
        return fendmail::storm::run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "storm: {}\n", error.what());
        return 1;
    }
}
