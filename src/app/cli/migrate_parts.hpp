// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/convert.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What `fendmail migrate` reads and writes around the conversion, which itself does neither.
///
/// Errors: std::runtime_error says why it cannot go on.
/// Threads: one.
namespace fendmail::app {

/// This machine's name, its interfaces, and its resolver.
[[nodiscard]] postscreen::host_facts ask_host();

[[nodiscard]] std::optional<std::string> read_whole(const std::filesystem::path& path,
                                                    std::string& why);

/// Where a table really is: a configuration that was copied still names its old place.
class table_places {
public:
    /// @param base where main.cf is
    /// @param base_holds_tables tables below an instance's directory are nowhere else
    /// @param is_own the configuration is this machine's
    table_places(std::string base, bool base_holds_tables, bool is_own);

    /// "FROM=TO": what is below FROM is below TO.
    void map(const std::string& text);
    /// A directory of configuration that main.cf means by its name on its own machine.
    void add_instance(const std::string& directory);

    /// Where Postfix's daemons are, and so where relative paths start. What is copied from there
    /// lies beside main.cf, mostly.
    void set_queue_directory(const std::string& directory);

    [[nodiscard]] std::optional<std::string> read(const std::string& path, std::string& why);
    /// Tables of this machine that were read for a configuration that is not known to be its own.
    [[nodiscard]] const std::vector<std::string>& foreign() const { return foreign_; }

private:
    [[nodiscard]] bool is_relative(const std::string& path) const;
    [[nodiscard]] std::filesystem::path find(const std::string& path, bool& is_mapped) const;

    std::string base_;
    bool base_holds_tables_;
    bool is_own_;
    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> maps_;
    std::vector<std::filesystem::path> instances_{"/etc/postfix"};
    std::filesystem::path queue_directory_{"/var/spool/postfix"};
    std::vector<std::string> foreign_;
};

void write_migration(const postscreen::migration& made, const std::filesystem::path& directory,
                     bool overwrites);
/// Writes anew those access files whose tables have changed, and nothing else.
/// @return whether any has
[[nodiscard]] bool renew_tables(const postscreen::migration& made,
                                const std::filesystem::path& directory);

/// Puts the clients that postscreen knows into the store of a configuration.
/// @param file what `postmap -s` printed; "-" = standard input
/// @return the exit code
[[nodiscard]] int migrate_cache(const std::string& file, const std::string& config_path);

} // namespace fendmail::app
