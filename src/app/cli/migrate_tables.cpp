// SPDX-License-Identifier: Apache-2.0
// `migrate --tables`: only the access files, for tables that a program rewrites.
#include "fendmail/app/config/written_rules.hpp"
#include "migrate_parts.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace fendmail::app {

namespace {

namespace fs = std::filesystem;

/// What each access file of ours begins with; one that was written by hand is left alone.
constexpr std::string_view our_mark = "# Part ";

/// The rules "permit file:NAME" of a fendmail.toml that name a file beside it, in order.
std::vector<std::string> file_rules(const std::string& toml, const std::string& name)
{
    const auto rules = written_rules(toml);
    if (!rules) throw std::runtime_error(fmt::format("{} is no TOML file", name));
    std::vector<std::string> out;
    for (const std::string& rule : *rules)
        if (rule.find(" file:") != std::string::npos && rule.find('/') == std::string::npos)
            out.push_back(rule);
    return out;
}

std::string file_of(std::string_view rule)
{
    return std::string(rule.substr(rule.find(':') + 1));
}

bool is_ours(const fs::path& path)
{
    std::string why;
    const auto text = read_whole(path, why);
    return text && text->starts_with(our_mark);
}

/// At once: fendmail may read it at any time.
void replace_file(const fs::path& path, const std::string& text)
{
    const fs::path fresh = path.string() + ".new";
    std::ofstream out{fresh, std::ios::binary | std::ios::trunc};
    out << text;
    out.close();
    if (!out)
        throw std::runtime_error(fmt::format("cannot write {}: {}", fresh.string(),
                                             std::generic_category().message(errno)));
    std::error_code is_new; // of a file that was not there
    const auto before = fs::status(path, is_new);
    fs::permissions(fresh, fs::exists(before) ? before.permissions() : fs::perms{0644});
    fs::rename(fresh, path);
}

/// Rules that fit the tables of today, where they stand in both in the same order.
void demand_same_rules(const std::vector<std::string>& there,
                       const std::vector<std::string>& wanted, const fs::path& config)
{
    const auto fail = [&](std::string_view what) {
        throw std::runtime_error(
            fmt::format("{}: {}. A table has changed more than its networks, so access.rules has "
                        "to change as well: run migrate with --force, or change it by hand. "
                        "Nothing was written",
                        config.string(), what));
    };
    for (const std::string& rule : wanted)
        if (std::ranges::find(there, rule) == there.end())
            fail(fmt::format("there is no rule \"{}\"", rule));
    std::vector<std::string> common;
    std::ranges::copy_if(there, std::back_inserter(common), [&](const std::string& rule) {
        return std::ranges::find(wanted, rule) != wanted.end();
    });
    if (common != wanted) fail("its rules with files stand in another order");
}

} // namespace

bool renew_tables(const postscreen::migration& made, const fs::path& directory)
{
    // Networks of a table that is not there, or behind one, must not vanish.
    if (made.lacks_tables)
        throw std::runtime_error("a table could not be read. Nothing was written");
    const fs::path config = directory / "fendmail.toml";
    std::string why;
    const auto text = read_whole(config, why);
    if (!text) throw std::runtime_error(fmt::format("cannot read {}: {}", config.string(), why));
    const auto there = file_rules(*text, config.string());
    const auto wanted = file_rules(made.toml, "what was made of the tables");
    demand_same_rules(there, wanted, config);

    std::vector<std::pair<fs::path, std::string>> changed;
    const auto keep = [&](const std::string& name, const std::string& content) {
        std::string ignored;
        if (read_whole(directory / name, ignored) != content)
            changed.emplace_back(directory / name, content);
    };
    for (const auto& [name, content] : made.access_files)
        keep(name, content);
    // A part of a table that has no networks any more.
    for (const std::string& rule : there)
        if (std::ranges::find(wanted, rule) == wanted.end() && is_ours(directory / file_of(rule)))
            keep(file_of(rule), fmt::format("{}of a table that has none any more.\n", our_mark));
    for (const auto& [path, content] : changed) {
        replace_file(path, content);
        fmt::print("wrote {}\n", path.string());
    }
    return !changed.empty();
}

} // namespace fendmail::app
