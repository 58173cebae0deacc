// SPDX-License-Identifier: Apache-2.0
#include "build.hpp"

#include "fendmail/app/config/load.hpp"
#include "fendmail/app/config/section_builder.hpp"
#include "fendmail/app/config/section_source.hpp"
#include "fendmail/app/config/value_place.hpp"
#include "hints.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

bool has_control(std::string_view text)
{
    return std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void refuse_control_characters(const settings& from, problem_list& problems)
{
    for (const key& k : all_keys()) {
        if (!k.is_one_line) continue;
        for (const text_item& item : from.get(k.section, k.name).texts)
            if (has_control(item.text))
                problems.error(item.where,
                               fmt::format("{}.{}: control characters are not allowed (found {})",
                                           k.section, k.name, in_quotes(item.written)));
    }
}

} // namespace

config build_config(const settings& from, std::string_view default_hostname, problem_list& problems)
{
    config out;
    for (const key& k : all_keys())
        if (k.place) k.place->store(k, from.get(k.section, k.name), &out, problems);
    const section_builder parts{from, default_hostname, out, problems};
    for (const section_source* section : all_section_sources())
        if (section->build != nullptr) section->build(parts);
    refuse_control_characters(from, problems);
    warn_of_postfix_macros(from, problems);
    return out;
}

std::vector<std::string> waiting_for_restart(startup_config now, startup_config wanted)
{
    config before;
    before.startup = std::move(now);
    config after;
    after.startup = std::move(wanted);
    std::vector<std::string> out;
    for (const key& k : all_keys())
        if (!k.reloadable && !k.place->is_same(&before, &after))
            out.push_back(fmt::format("{}.{}", k.section, k.name));
    return out;
}

} // namespace fendmail::app
