// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/tables.hpp"

#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// Tables for tests, without a file system.
namespace fendmail::app::postscreen::test_tables {

class files {
public:
    files() = default;
    files(std::initializer_list<std::pair<const std::string, std::string>> known)
        : known_{known}
    {
    }

    [[nodiscard]] file_reader reader() const
    {
        return [this](const std::string& path, std::string& why) -> std::optional<std::string> {
            const auto found = known_.find(path);
            if (found != known_.end()) return found->second;
            why = "No such file or directory";
            return std::nullopt;
        };
    }

private:
    std::map<std::string, std::string> known_;
};

inline std::vector<std::string> remarks_of(const std::vector<remark>& remarks)
{
    std::vector<std::string> out;
    for (const remark& r : remarks)
        out.push_back(to_text(r));
    return out;
}

} // namespace fendmail::app::postscreen::test_tables
