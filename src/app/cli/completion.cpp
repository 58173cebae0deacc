// SPDX-License-Identifier: Apache-2.0
#include "command_facts.hpp"
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fendmail::app {

namespace {

constexpr std::string_view head = R"(# SPDX-License-Identifier: Apache-2.0
# bash completion for fendmail(8); made by `fendmail completion bash`.

# What there is of a kind of value, or of the words that are given.
_fendmail_values()
{
    local word=$2
    case $1 in
        FILE) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        DIR) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        USER) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
        GROUP) mapfile -t COMPREPLY < <(compgen -g -- "$word") ;;
        =*) mapfile -t COMPREPLY < <(compgen -W "${1#=}" -- "$word") ;;
    esac
}

_fendmail()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' commands='' options='' value='' place='' i
    COMPREPLY=()
    # "--config=FILE" comes as three words.
    if [[ $word == '=' ]]; then
        word=''
    elif [[ $before == '=' ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$command ${COMP_WORDS[i]}" in
            {known}) command="$command ${COMP_WORDS[i]}" ;;
        esac
    done
    case $command in
)";

constexpr std::string_view tail = R"(    esac
    if [[ -n $value ]]; then
        _fendmail_values "$value" "$word"
    elif [[ $word == -* ]]; then
        _fendmail_values "=$options" "$word"
    elif [[ -n $commands ]]; then
        _fendmail_values "=$commands" "$word"
    elif [[ -n $place ]]; then
        _fendmail_values "$place" "$word"
    else
        _fendmail_values "=$options" "$word"
    fi
}
complete -F _fendmail fendmail
)";

/// What _fendmail_values() is told; "-" for a value that nothing is known of.
std::string kind_of(const option_facts& option)
{
    if (!option.choices.empty()) return fmt::format("={}", fmt::join(option.choices, " "));
    for (const std::string_view known : {"FILE", "DIR", "USER", "GROUP"})
        if (option.value == known) return option.value;
    return "-";
}

void add_case(std::string& out, const command_facts& command)
{
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "        '{}')\n", command.path.empty() ? "" : " " + command.path);
    std::vector<std::string> names{"--help"};
    std::string values;
    for (const option_facts& option : command.options) {
        names.insert(names.end(), option.names.begin(), option.names.end());
        if (option.is_positional())
            fmt::format_to(to, "            place='{}'\n", kind_of(option));
        else if (!option.value.empty())
            values += fmt::format("                {}) value='{}' ;;\n",
                                  fmt::join(option.names, " | "), kind_of(option));
    }
    if (!command.below.empty())
        fmt::format_to(to, "            commands='{}{}'\n", fmt::join(command.below, " "),
                       command.path.empty() ? " help" : "");
    fmt::format_to(to, "            options='{}'\n", fmt::join(names, " "));
    if (!values.empty())
        fmt::format_to(to, "            case $before in\n{}            esac\n", values);
    out += "            ;;\n";
}

std::string bash_completion(const std::vector<command_facts>& all)
{
    constexpr std::string_view mark = "{known}";
    std::vector<std::string> known{"' help'"};
    for (const command_facts& command : all)
        if (!command.path.empty()) known.push_back(fmt::format("' {}'", command.path));
    std::string out{head};
    out.replace(out.find(mark), mark.size(), fmt::format("{}", fmt::join(known, " | ")));
    for (const command_facts& command : all)
        add_case(out, command);
    fmt::format_to(std::back_inserter(out), "        ' help') commands='{}' ;;\n",
                   fmt::join(all.front().below, " "));
    out += tail;
    return out;
}

int print_completion(std::string_view shell, const command_set& all)
{
    if (shell != "bash") return exit_usage;
    fmt::print("{}", bash_completion(facts_of(all.app())));
    return std::fflush(stdout) == 0 ? exit_ok : exit_failure;
}

} // namespace

void add_completion(command_set& all)
{
    const auto shell = std::make_shared<std::string>();
    all.add("completion",
            "Print what completes the commands, their options and files in a shell; in bash "
            "`eval \"$(fendmail completion bash)\"` takes it.",
            [shell, &all] { return print_completion(*shell, all); })
        .add_option("SHELL", *shell, "For which shell")
        ->check(CLI::IsMember({"bash"}))
        ->required();
}

} // namespace fendmail::app
