// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/load.hpp"
#include "fendmail/app/config/nearest.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// Collects the problems of one load in any order and gives them sorted.
///
/// Memory: one entry a problem; a reader of files of any length stops adding after a few.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::app {

/// Where something was written. Line 0 = nowhere (a default), or the file as a whole.
struct place {
    std::size_t file = 0; ///< index from problem_list::add_file; 0 = the main file
    unsigned line = 0;
    unsigned column = 0;
};

class problem_list {
public:
    /// Files sort in the order in which they come in here. The same name gives the same index.
    std::size_t add_file(std::string_view name);
    /// A variable of the environment as if it were a file, in which a place is none that is told.
    std::size_t add_variable(std::string_view name);
    [[nodiscard]] const std::string& file_name(std::size_t file) const { return files_[file].name; }
    [[nodiscard]] bool is_variable(std::size_t file) const { return files_[file].is_variable; }
    /// "FILE:LINE", "environment NAME", or "default" for what is written nowhere.
    [[nodiscard]] std::string source_of(place where) const;
    /// Where relative paths in a file start; those of variables as those of the main file.
    [[nodiscard]] std::filesystem::path directory_of(std::size_t file) const;

    void error(place where, std::string text);
    void warning(place where, std::string text);
    [[nodiscard]] bool has_fatal() const noexcept;

    /// By file, line and column; the same problem only once.
    [[nodiscard]] std::vector<problem> sorted() const;

private:
    struct entry {
        place where;
        bool fatal;
        std::string text;
    };
    struct source {
        std::string name;
        bool is_variable = false;
    };
    std::size_t add(source one);

    std::vector<source> files_;
    std::vector<entry> entries_;
};

/// The text in double quotes, on one line whatever it holds, cut when very long.
[[nodiscard]] std::string in_quotes(std::string_view text);

} // namespace fendmail::app
