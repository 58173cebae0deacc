// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

// The part of settings about variables of the environment.
namespace fendmail::app {

namespace {

bool is_ours(const io::variable_map::value_type& variable)
{
    return variable.first.starts_with(variable_prefix) && variable.first != variable_prefix;
}

std::string ambiguous_text(const std::vector<const key*>& meant)
{
    std::vector<std::string> names;
    for (const key* k : meant)
        names.push_back(fmt::format("{}.{}", k->section, k->name));
    return fmt::format("could be {}; write it into a file", fmt::join(names, " or "));
}

std::string unknown_text(std::string_view name)
{
    // The prefix, which they all have, would let anything look near.
    std::vector<std::string> known;
    for (const key& k : all_keys())
        known.push_back(variable_of(k).substr(variable_prefix.size()));
    const std::vector<std::string_view> candidates{known.begin(), known.end()};
    const std::string_view meant = nearest(name.substr(variable_prefix.size()), candidates);
    if (meant.empty())
        return "no key has this name; docs/configuration.md and `fendmail config` say what there "
               "is";
    return fmt::format("no key has this name; did you mean {}{}?", variable_prefix, meant);
}

} // namespace

void settings::apply_variables(problem_list& problems)
{
    for (const auto& variable : names_.variables()) {
        const auto& [name, value] = variable;
        if (!is_ours(variable)) continue;
        const auto meant = keys_of_variable(name, all_keys());
        if (meant.empty()) continue;
        const std::size_t source = problems.add_variable(name);
        if (meant.size() > 1) {
            problems.error({source, 1, 1}, ambiguous_text(meant));
            continue;
        }
        const key& k = *meant.front();
        const auto document = parse_document(
            fmt::format("{} = {}\n", k.name, variable_toml(k, value)), source, problems);
        if (!document) continue;
        if (document->items.size() != 1)
            problems.error({source, 1, 1}, "not valid TOML: more than one value");
        else
            set(k, document->items.front(), problems);
    }
}

void settings::warn_of_unknown_variables(problem_list& problems) const
{
    for (const auto& variable : names_.variables()) {
        const auto& [name, value] = variable;
        if (is_ours(variable) && keys_of_variable(name, all_keys()).empty() &&
            !names_.was_asked_for(name) && !is_service_variable(name, value))
            problems.warning({problems.add_variable(name), 1, 1}, unknown_text(name));
    }
}

} // namespace fendmail::app
