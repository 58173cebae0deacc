// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/tables.hpp"
#include "fendmail/core/acl/access_list.hpp"

#include <string>
#include <string_view>
#include <vector>

/// postscreen_access_list as ordered rules of networks with the same outcome for every address.
///
/// Source: postscreen(8). An element decides, or leaves the client to the next one. Of a table the
/// first entry that matches counts, and its result is such a list again: what that does not
/// decide goes on behind the table, so the table's later entries must not see it.
/// Memory: the networks; a network that a later rule loses costs as many pieces as its
/// subtraction makes.
/// Errors: a word that Postfix does not know ends its search, and so it does here; it is a remark,
/// and so is a table that cannot be read, which is left out.
/// Threads: values only.
namespace fendmail::app::postscreen {

struct access_rule {
    acl::decision decision = acl::decision::permit;
    std::vector<network> nets; ///< none holds another; no order among them
};

/// What became of one element of the list.
struct access_block {
    std::string title;              ///< "permit_mynetworks", "cidr:/etc/postfix/access.cidr"
    std::string file_stem;          ///< for the names of access files; "" = not from a table
    std::vector<access_rule> rules; ///< in order
    bool is_missing = false;        ///< could not be read
    bool is_file = false;           ///< its networks come from a file, which may change
    bool uses_mynetworks = false;   ///< itself or in a result of its table
};

/// @param mynetworks what permit_mynetworks permits
[[nodiscard]] std::vector<access_block>
translate_access_list(std::string_view list, const std::vector<network>& mynetworks,
                      const file_reader& read, std::vector<remark>& remarks, const place& where);

} // namespace fendmail::app::postscreen
