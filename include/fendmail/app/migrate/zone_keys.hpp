// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/keyed_zone.hpp"

#include <string>
#include <utility>
#include <vector>

/// Keys that stood in the names of zones, in files of their own.
///
/// Memory: the keys.
/// Errors: none.
/// Threads: values only.
namespace fendmail::app::postscreen {

using dnsbl::keyed_zone;
using dnsbl::split_key;

/// Keys by file: those of one service share a file, unless they differ.
class key_ring {
public:
    /// @return the name of the file that holds the key
    std::string add(const keyed_zone& zone);
    /// File name → key.
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& files() const
    {
        return files_;
    }

private:
    std::vector<std::pair<std::string, std::string>> files_;
};

} // namespace fendmail::app::postscreen
