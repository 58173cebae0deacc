// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/zone_keys.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

std::string key_ring::add(const keyed_zone& zone)
{
    for (unsigned n = 1;; ++n) {
        std::string name = n == 1 ? fmt::format("{}.key", zone.file_stem)
                                  : fmt::format("{}-{}.key", zone.file_stem, n);
        const auto found =
            std::ranges::find_if(files_, [&](const auto& file) { return file.first == name; });
        if (found != files_.end() && found->second != zone.key) continue;
        if (found == files_.end()) files_.emplace_back(name, zone.key);
        return name;
    }
}

} // namespace fendmail::app::postscreen
