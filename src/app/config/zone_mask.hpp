// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/settings.hpp"

#include <map>
#include <string>
#include <string_view>

/// Hides the keys that stand in the names of zones and beside them.
///
/// Errors: none; what is no zone stays as it is.
/// Threads: values only.
namespace fendmail::app {

class zone_mask {
public:
    explicit zone_mask(const settings& from);

    /// A zone, or a site, which has a filter and a weight behind it.
    [[nodiscard]] std::string zone(const text_item& item) const;
    /// A key, or the path of a file that holds it.
    [[nodiscard]] static std::string key(const text_item& item);

private:
    [[nodiscard]] std::string without_key(std::string_view zone) const;

    std::map<std::string, std::string> reply_names_; ///< by zone
};

} // namespace fendmail::app
