// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The configuration as it is in effect: every key, its value, and where that comes from.
///
/// What is secret is not in it: keys of lists are "redacted", and a zone that holds one goes by
/// the name that clients are shown, or has "redacted" in the key's place. ${NAME} and paths of
/// files stay as they are written.
///
/// Memory: about two hundred entries.
/// Errors: none.
/// Threads: values only.
namespace fendmail::app {

class problem_list;
class settings;

struct effective_key {
    std::string header; ///< of its table, as it stands in a file: "[server]", "[[tls.certificate]]"
    std::string table;  ///< "server", dnsbl.list."zen.example", "tls.certificate[0]"
    std::string name;
    std::string value;   ///< as in TOML, on one line
    std::string source;  ///< "default", "FILE:LINE" or "environment NAME"
    bool is_set = false; ///< it is no default

    /// "server.listen"
    [[nodiscard]] std::string path() const;
    friend bool operator==(const effective_key&, const effective_key&) = default;
};

/// In the order of the reference.
/// @param files that the places of the settings mean
[[nodiscard]] std::vector<effective_key> effective_keys(const settings& from,
                                                        const problem_list& files);

/// A configuration file with the same values, each behind it its source as a comment.
/// @param only_set leave out what is a default
[[nodiscard]] std::string effective_toml(const std::vector<effective_key>& keys, bool only_set);

/// {"path": PATH, "keys": [{"key": ..., "value": ..., "source": ...}, ...]}
[[nodiscard]] std::string effective_json(std::string_view path,
                                         const std::vector<effective_key>& keys, bool only_set);

} // namespace fendmail::app
