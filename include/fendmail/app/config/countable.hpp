// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// Sites whose filter names nothing that ever counts.
///
/// Source: dnsbl::classify() and the table of known lists.
/// Errors: none; what is no site can count.
/// Threads: values only.
namespace fendmail::app {

/// Whether a list could give an answer that is a listing and matches the filter of the site.
/// @param site "zone=filter*weight"
[[nodiscard]] bool can_count(std::string_view site);

} // namespace fendmail::app
