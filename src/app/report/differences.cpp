// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/builder.hpp"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <utility>
#include <vector>

namespace fendmail::app {

using screen::verdict;

namespace {

constexpr std::size_t sentences_max = 12;
/// Smaller changes are chance.
constexpr std::uint64_t least_change = 20;

struct difference {
    std::uint64_t size = 0;
    std::string sentence;
};

/// Grown or shrunk by half, and not by a handful.
bool is_notable(std::uint64_t now, std::uint64_t before) noexcept
{
    const auto more = std::max(now, before);
    const auto less = std::min(now, before);
    return more - less >= least_change && more / 3 * 2 >= less;
}

class comparison {
public:
    void compare(std::string_view what, std::uint64_t now, std::uint64_t before)
    {
        if (!is_notable(now, before)) return;
        const auto size = std::max(now, before) - std::min(now, before);
        found_.push_back(
            {size, fmt::format("{}: {}, before {}", what, with_commas(now), with_commas(before))});
    }
    void tell(std::uint64_t size, std::string sentence)
    {
        found_.push_back({size, std::move(sentence)});
    }
    /// The greatest first.
    [[nodiscard]] std::vector<std::string> sentences()
    {
        std::ranges::stable_sort(found_, std::greater{}, &difference::size);
        std::vector<std::string> out;
        for (auto& one : found_)
            if (out.size() < sentences_max) out.push_back(std::move(one.sentence));
        return out;
    }

private:
    std::vector<difference> found_;
};

void compare_lists(comparison& to, const report_totals& now, const report_totals& before)
{
    for (const auto& [name, was] : before.lists) {
        const auto found = now.lists.find(name);
        const auto hits = found == now.lists.end() ? 0 : found->second.hits.all();
        if (hits == 0 && was.hits.all() >= least_change)
            to.tell(was.hits.all(), fmt::format("list {}: no hit, before {}; does it still answer?",
                                                name, with_commas(was.hits.all())));
        else
            to.compare(fmt::format("hits of the list {}", name), hits, was.hits.all());
    }
    for (const auto& [name, is] : now.lists) {
        const auto found = before.lists.find(name);
        if (found == before.lists.end())
            to.compare(fmt::format("hits of the list {}", name), is.hits.all(), 0);
        to.compare(fmt::format("clients about whom the list {} gave no answer", name), is.misses,
                   found == before.lists.end() ? 0 : found->second.misses);
    }
}

} // namespace

std::vector<std::string> differences(const report_totals& now, const report_totals& before)
{
    comparison found;
    found.compare("sessions", now.sessions(), before.sessions());
    found.compare("handed to the mail server", now.good(), before.good());
    found.compare("turned away", now.refused(), before.refused());
    found.compare("told to come again", now.of(verdict::deferred), before.of(verdict::deferred));
    found.compare("left before a verdict", now.of(verdict::left), before.of(verdict::left));
    found.compare("sessions in which lists were missing", now.incomplete, before.incomplete);
    for (const auto& [name, counts] : now.reasons) {
        const auto was = before.reasons.find(name);
        const bool is_new = was == before.reasons.end();
        found.compare(fmt::format("turned away by {}", name), counts.refused,
                      is_new ? 0 : was->second.refused);
        found.compare(fmt::format("told to come again by {}", name), counts.deferred,
                      is_new ? 0 : was->second.deferred);
    }
    for (const auto& [name, counts] : before.reasons)
        if (!now.reasons.contains(name))
            found.compare(fmt::format("turned away by {}", name), 0, counts.refused);
    compare_lists(found, now, before);
    return found.sentences();
}

} // namespace fendmail::app
