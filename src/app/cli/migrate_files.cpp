// SPDX-License-Identifier: Apache-2.0
#include "migrate_parts.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <grp.h>
#include <iterator>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::app {

namespace {

namespace fs = std::filesystem;

constexpr const char* user = "fendmail";

/// What is left of `path` below `directory`, or nothing.
std::optional<fs::path> below(const fs::path& path, const fs::path& directory)
{
    const auto relative = path.lexically_normal().lexically_relative(directory.lexically_normal());
    if (relative.empty() || *relative.begin() == "..") return std::nullopt;
    return relative;
}

std::runtime_error cannot_write(const fs::path& path)
{
    return std::runtime_error(
        fmt::format("cannot write {}: {}", path.string(), std::generic_category().message(errno)));
}

/// fendmail's user has to read what root writes, whatever root's umask is. No secret is in it.
void make_readable(const fs::path& path)
{
    std::error_code ignored; // of a file of another user
    fs::permissions(path, fs::perms::group_read | fs::perms::others_read, fs::perm_options::add,
                    ignored);
}

void write_text(const fs::path& path, const std::string& text)
{
    std::ofstream out{path, std::ios::binary | std::ios::trunc};
    out << text;
    out.flush();
    if (!out) throw cannot_write(path);
}

/// A secret: fendmail's group may read it, no one else. Where that cannot be had, its owner alone.
void write_secret(const fs::path& path, const std::string& text)
{
    fs::remove(path); // its rights were those of another file
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) throw cannot_write(path);
    const group* const owners = ::getgrnam(user);
    if (owners != nullptr && ::fchown(file, static_cast<uid_t>(-1), owners->gr_gid) == 0)
        (void)::fchmod(file, 0640); // NOLINT(bugprone-unused-return-value): 0600 is safe
    ::close(file);
    write_text(path, text + "\n");
}

} // namespace

std::optional<std::string> read_whole(const fs::path& path, std::string& why)
{
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
        why = std::generic_category().message(EISDIR);
        return std::nullopt;
    }
    errno = 0;
    std::ifstream in{path, std::ios::binary};
    if (in) return std::string{std::istreambuf_iterator<char>{in}, {}};
    // The standard promises no errno here; libstdc++ leaves the one of open().
    why = errno != 0 ? std::generic_category().message(errno) : "cannot be read";
    return std::nullopt;
}

// ── tables ────────────────────────────────────────────────────────────────────────────────────

table_places::table_places(std::string base, bool base_holds_tables, bool is_own)
    : base_{std::move(base)}
    , base_holds_tables_{base_holds_tables}
    , is_own_{is_own}
{
}

void table_places::map(const std::string& text)
{
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
        throw std::runtime_error(fmt::format("--map {}: write FROM=TO, two directories", text));
    maps_.emplace_back(text.substr(0, equals), text.substr(equals + 1));
}

void table_places::add_instance(const std::string& directory)
{
    if (directory.starts_with('/')) instances_.emplace_back(directory);
}

void table_places::set_queue_directory(const std::string& directory)
{
    if (directory.starts_with('/')) queue_directory_ = directory;
}

/// "$config_directory/x" has been expanded to what --config-dir says, which may be relative.
bool table_places::is_relative(const std::string& path) const
{
    return !path.starts_with('/') && !below(path, base_);
}

fs::path table_places::find(const std::string& path, bool& is_mapped) const
{
    if (is_relative(path)) {
        fs::path where = find((queue_directory_ / path).string(), is_mapped);
        if (is_mapped || is_own_) return where;
        is_mapped = true;
        return fs::path(base_) / path;
    }
    is_mapped = true;
    std::optional<fs::path> best;
    std::size_t longest = 0;
    for (const auto& [from, to] : maps_)
        if (const auto rest = below(path, from); rest && from.string().size() >= longest) {
            best = to / *rest;
            longest = from.string().size();
        }
    if (best) return *best;
    if (below(path, base_)) return path;
    for (const fs::path& instance : instances_) {
        const auto rest = below(path, instance);
        if (!rest) continue;
        fs::path beside = fs::path(base_) / *rest;
        std::error_code ignored;
        if (base_holds_tables_ || fs::exists(beside, ignored)) return beside;
    }
    is_mapped = false;
    return path;
}

std::optional<std::string> table_places::read(const std::string& path, std::string& why)
{
    bool is_mapped = false;
    const fs::path where = find(path, is_mapped);
    auto text = read_whole(where, why);
    if (!text && is_relative(path))
        why += fmt::format("; Postfix takes it for {}", (queue_directory_ / path).string());
    const bool is_foreign = text && !is_mapped && !is_own_;
    if (is_foreign && std::ranges::find(foreign_, path) == foreign_.end()) foreign_.push_back(path);
    return text;
}

// ── the result ────────────────────────────────────────────────────────────────────────────────

void write_migration(const postscreen::migration& made, const fs::path& directory, bool overwrites)
{
    std::vector<std::pair<fs::path, const std::string*>> files;
    files.emplace_back(directory / "fendmail.toml", &made.toml);
    for (const auto& [name, text] : made.access_files)
        files.emplace_back(directory / name, &text);
    std::vector<std::pair<fs::path, const std::string*>> secrets;
    for (const auto& [name, text] : made.key_files)
        secrets.emplace_back(directory / name, &text);
    for (const auto* some : {&files, &secrets})
        for (const auto& [path, text] : *some)
            if (!overwrites && fs::exists(fs::symlink_status(path)))
                throw std::runtime_error(
                    fmt::format("{} is there already; --force overwrites it", path.string()));
    if (fs::create_directories(directory)) {
        make_readable(directory);
        fs::permissions(directory, fs::perms::group_exec | fs::perms::others_exec,
                        fs::perm_options::add);
    }
    for (const auto& [path, text] : files) {
        const bool is_new = !fs::exists(path);
        write_text(path, *text);
        if (is_new) make_readable(path);
        fmt::print("wrote {}\n", path.string());
    }
    for (const auto& [path, text] : secrets) {
        write_secret(path, *text);
        fmt::print("wrote {}\n", path.string());
    }
}

} // namespace fendmail::app
