// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storm/scenario.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// What the user asked for on the command line.
///
/// Errors: told on the terminal; the process's exit code comes back in place of options.
namespace fendmail::storm {

struct options {
    storm::scenario scenario;
    boost::asio::ip::tcp::endpoint target;
    double rate = 0;                       ///< arrivals per second; 0 = closed loop
    bool at_once = false;                  ///< all `count` connect in the same moment
    std::uint32_t concurrency = 0;         ///< most clients at once
    std::uint64_t count = 0;               ///< clients in all; 0 = until `duration`
    std::chrono::milliseconds duration{0}; ///< 0 = until `count`
    std::chrono::milliseconds timeout{0};  ///< for one client, connect to close
    std::optional<source_pool> sources;
    std::optional<source_pool> listed_sources;
    std::string json; ///< file, "-" for the standard output, "" for none
};

struct parsed_options {
    std::optional<options> value;
    int exit_code = 0;
};

[[nodiscard]] parsed_options parse_options(int argc, char** argv);

} // namespace fendmail::storm
