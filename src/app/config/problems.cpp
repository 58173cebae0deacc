// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/problems.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace fendmail::app {

namespace {

/// Insertions, deletions and replacements that turn `a` into `b`; two neighbours that changed
/// places count as one.
std::size_t edit_distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

} // namespace

std::size_t problem_list::add(source one)
{
    const auto found = std::ranges::find(files_, one.name, &source::name);
    if (found != files_.end()) return static_cast<std::size_t>(found - files_.begin());
    files_.push_back(std::move(one));
    return files_.size() - 1;
}

std::size_t problem_list::add_file(std::string_view name)
{
    return add({std::string{name}});
}

std::size_t problem_list::add_variable(std::string_view name)
{
    return add({fmt::format("environment {}", name), true});
}

std::filesystem::path problem_list::directory_of(std::size_t file) const
{
    const source& from = files_[is_variable(file) ? 0 : file];
    return std::filesystem::path{from.name}.parent_path();
}

std::string problem_list::source_of(place where) const
{
    if (where.line == 0) return "default";
    if (is_variable(where.file)) return file_name(where.file);
    return fmt::format("{}:{}", file_name(where.file), where.line);
}

void problem_list::error(place where, std::string text)
{
    entries_.push_back({where, true, std::move(text)});
}

void problem_list::warning(place where, std::string text)
{
    entries_.push_back({where, false, std::move(text)});
}

bool problem_list::has_fatal() const noexcept
{
    return std::ranges::any_of(entries_, [](const entry& e) { return e.fatal; });
}

std::vector<problem> problem_list::sorted() const
{
    std::vector<const entry*> order;
    for (const entry& e : entries_)
        order.push_back(&e);
    std::ranges::stable_sort(order, [](const entry* a, const entry* b) {
        return std::tie(a->where.file, a->where.line, a->where.column) <
               std::tie(b->where.file, b->where.line, b->where.column);
    });
    std::vector<problem> out;
    for (const entry* e : order) {
        problem p{file_name(e->where.file), e->where.line, e->where.column, e->fatal, e->text};
        if (is_variable(e->where.file)) p.line = p.column = 0;
        // Two rules that name one bad file would tell everything twice; what is equal stands at
        // one place, and so close together.
        const auto same_place = std::find_if(out.rbegin(), out.rend(), [&](const problem& other) {
            return other == p || other.line != p.line || other.column != p.column;
        });
        if (same_place == out.rend() || *same_place != p) out.push_back(std::move(p));
    }
    return out;
}

std::string in_quotes(std::string_view text)
{
    constexpr std::size_t shown_octets = 200;
    std::string out = "\"";
    for (const char c : text.substr(0, shown_octets)) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (octet < 0x20 || octet == 0x7f) {
            out += fmt::format("\\x{:02x}", octet);
        } else {
            out += c;
        }
    }
    return out + (text.size() > shown_octets ? "...\"" : "\"");
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates)
{
    // Names here are short: a third of the letters may be wrong, but never all of a short one.
    std::size_t best_distance = std::min<std::size_t>(word.size() / 3 + 1, 4);
    // No name is anywhere near so long, and the distance costs time by the product of both.
    if (word.size() > 64) return {};
    std::string_view best;
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < candidate.size() &&
            (best.empty() ? distance <= best_distance : distance < best_distance)) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

} // namespace fendmail::app
