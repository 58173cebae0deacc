// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

/// The files of the admin's page (src/app/admin/page), built into the program by
/// scripts/embed_files.cmake.
///
/// Threads: constants.
namespace fendmail::app {

struct page_file {
    std::string_view path; ///< in the URL
    std::string_view type; ///< of its content
    std::string_view text;
};

[[nodiscard]] std::span<const page_file> page_files() noexcept;

} // namespace fendmail::app
