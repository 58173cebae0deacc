// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/load.hpp"
#include "fendmail/app/config/nearest.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Collects the problems of one load in any order and gives them sorted.
///
/// Memory: one entry a problem; whoever reads a file of any length stops adding after a few.
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
    [[nodiscard]] const std::string& file_name(std::size_t file) const { return files_[file]; }

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
    std::vector<std::string> files_;
    std::vector<entry> entries_;
};

/// The text in double quotes, on one line whatever it holds, cut when very long.
[[nodiscard]] std::string in_quotes(std::string_view text);

} // namespace fendmail::app
