// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/tables.hpp"

#include <string_view>
#include <vector>

/// Lists of address patterns: mynetworks, postscreen_allowlist_interfaces.
///
/// Source: postconf(5), mynetworks. The first pattern that matches decides; "!" in front of one
/// means that it does not belong to the list. "/file" stands for the patterns in that file, a
/// table for all of its keys.
/// Errors: patterns that are no addresses match nothing, in Postfix as well: they go to `remarks`.
/// Threads: values only.
namespace fendmail::app::postscreen {

struct address_pattern {
    bool is_member = true;
    network net;
    bool is_lost = false; ///< stands for something that could not be read; `net` is nothing
};

/// In order of the text.
[[nodiscard]] std::vector<address_pattern>
parse_address_list(std::string_view text, const file_reader& read, remark_sink& remarks);

[[nodiscard]] bool has_lost(const std::vector<address_pattern>& list);

/// The members, without what was excluded before: their order does not matter any more. Those
/// behind a lost exclusion are left out, as it might have been about them.
[[nodiscard]] std::vector<network> members(const std::vector<address_pattern>& list);

} // namespace fendmail::app::postscreen
