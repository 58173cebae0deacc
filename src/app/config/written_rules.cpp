// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/written_rules.hpp"

#include "fendmail/app/config/document.hpp"

namespace fendmail::app {

std::optional<std::vector<std::string>> written_rules(std::string_view toml)
{
    problem_list problems;
    const std::size_t file = problems.add_file("");
    const auto document = parse_document(toml, file, problems);
    if (!document) return std::nullopt;
    std::vector<std::string> out;
    for (const toml_value& section : document->items)
        for (const toml_value& key : section.items)
            if (section.name == "access" && key.name == "rules")
                for (const toml_value& rule : key.items)
                    out.push_back(rule.text);
    return out;
}

} // namespace fendmail::app
