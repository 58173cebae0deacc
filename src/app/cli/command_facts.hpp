// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

/// What CLI11 knows of the commands, for what is made of it: manual page and completion.
///
/// Memory: the texts.
/// Errors: none.
/// Threads: values only.
namespace fendmail::app {

struct option_facts {
    std::vector<std::string> names;   ///< "-c", "--config"; none of a positional one
    std::string value;                ///< what it takes: "FILE"; "" of a flag
    std::string what;                 ///< a sentence or two
    std::string default_value;        ///< "" = none is told
    std::vector<std::string> choices; ///< what it takes, where that is all
    std::string range;                ///< "0 to 512"; "" = none
    bool is_required = false;
    bool repeats = false; ///< it takes several values

    [[nodiscard]] bool is_positional() const noexcept { return names.empty(); }
};

struct command_facts {
    std::string path; ///< "check", "clients list"; "" is the program
    std::string what;
    std::vector<option_facts> options; ///< without --help
    std::vector<std::string> below;    ///< names of the commands that it has
};

/// The program, then its commands in order, each before those below it.
[[nodiscard]] std::vector<command_facts> facts_of(const CLI::App& program);

} // namespace fendmail::app
