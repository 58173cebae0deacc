// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Keys in the names of zones: "KEY.zen.dq.spamhaus.net".
///
/// Source: the documentation of the services that give them out: Spamhaus DQS, Abusix.
/// Memory: the texts.
/// Errors: nothing where a zone has no key.
/// Threads: values only.
namespace fendmail::app::postscreen {

struct keyed_zone {
    std::string key;
    std::string zone;      ///< without the key
    bool is_guess = false; ///< the service is not known; the label looks like nothing but a key
    std::string file_stem; ///< for a file that holds the key: what its other zones share
};

/// Of a service that is known, whatever stands in front of its zones is a key; of others a first
/// label that no human would choose.
[[nodiscard]] std::optional<keyed_zone> split_key(std::string_view zone);

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
