// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

/// Files that are read and written as a whole.
///
/// Units: octets.
/// Errors: come back as text for an admin.
/// Threads: any; two writers of one file would take each other's temporary one.
namespace fendmail::io {

struct file_text {
    std::optional<std::string> text{}; ///< none: `failure` says why, or there is no such file
    std::string failure{};
};
/// @param octets_max a file with more is not read
[[nodiscard]] file_text read_whole_file(const std::filesystem::path& file,
                                        std::size_t octets_max = SIZE_MAX);

/// Puts a new file in the place of the old one: a reader finds the old text or the new one,
/// also after a crash or a loss of power.
/// @return why it failed; the old file is then still there
[[nodiscard]] std::optional<std::string> replace_file(const std::filesystem::path& file,
                                                      std::string_view text);

} // namespace fendmail::io
