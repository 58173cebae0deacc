// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Keys in the names of zones: "KEY.zen.dq.spamhaus.net".
///
/// Source: the documentation of the services that give them out: Spamhaus DQS, Abusix.
/// Memory: the texts.
/// Errors: nothing where a zone has no key.
/// Threads: values only.
namespace fendmail::dnsbl {

struct keyed_zone {
    std::string key;
    std::string zone;      ///< without the key
    bool is_guess = false; ///< the service is not known; the label looks like nothing but a key
    std::string file_stem; ///< for a file that holds the key: what its other zones share
};

/// Of a service that is known, whatever stands in front of its zones is a key; of others a first
/// label that no human would choose.
[[nodiscard]] std::optional<keyed_zone> split_key(std::string_view zone);

} // namespace fendmail::dnsbl
