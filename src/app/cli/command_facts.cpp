// SPDX-License-Identifier: Apache-2.0
#include "command_facts.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <string_view>

namespace fendmail::app {

namespace {

/// What an option takes, as CLI11 puts it.
struct type_text {
    std::string_view value;   ///< "FILE"
    std::string_view choices; ///< "a,b", as CLI::IsMember has it
    std::string_view range;   ///< "0 - 512", as CLI::Range has it
};

std::string_view between(std::string_view text, char first, char last)
{
    const auto begin = text.find(first);
    const auto end = text.rfind(last);
    if (begin == std::string_view::npos || end == std::string_view::npos) return {};
    return text.substr(begin + 1, end - begin - 1);
}

/// "TEXT:{a,b}", "INT:INT in [0 - 512]", "ADDRESS:PORT".
type_text split_type(std::string_view type)
{
    for (auto colon = type.find(':'); colon != std::string_view::npos;
         colon = type.find(':', colon + 1)) {
        const auto check = type.substr(colon + 1);
        if (check.starts_with('{')) return {type.substr(0, colon), between(check, '{', '}'), {}};
        if (check.find(" in [") != std::string_view::npos)
            return {type.substr(0, colon), {}, between(check, '[', ']')};
    }
    return {type, {}, {}};
}

std::vector<std::string> parts_of(std::string_view text)
{
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        out.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return out;
}

option_facts facts_of(const CLI::Option& option)
{
    option_facts out;
    for (const auto& name : option.get_snames())
        out.names.push_back(fmt::format("-{}", name));
    for (const auto& name : option.get_lnames())
        out.names.push_back(fmt::format("--{}", name));
    const bool is_flag = option.get_expected_max() == 0;
    const auto text = option.get_type_name();
    const auto type = split_type(text);
    out.choices = parts_of(type.choices);
    if (const auto dash = type.range.find(" - "); dash != std::string_view::npos)
        out.range =
            fmt::format("{} to {}", type.range.substr(0, dash), type.range.substr(dash + 3));
    if (out.is_positional())
        out.value = option.get_single_name();
    else if (!is_flag)
        out.value = type.value;
    out.what = option.get_description();
    out.default_value = is_flag ? std::string{} : option.get_default_str();
    out.is_required = option.get_required();
    out.repeats = option.get_items_expected_max() > 1;
    return out;
}

void collect(const CLI::App& command, const std::string& path, std::vector<command_facts>& into)
{
    command_facts facts{path, command.get_description(), {}, {}};
    for (const CLI::Option* option : command.get_options())
        if (option != command.get_help_ptr()) facts.options.push_back(facts_of(*option));
    const auto below = command.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* one : below)
        facts.below.push_back(one->get_name());
    into.push_back(std::move(facts));
    for (const CLI::App* one : below)
        collect(*one, path.empty() ? one->get_name() : fmt::format("{} {}", path, one->get_name()),
                into);
}

} // namespace

std::vector<command_facts> facts_of(const CLI::App& program)
{
    std::vector<command_facts> out;
    collect(program, "", out);
    return out;
}

} // namespace fendmail::app
