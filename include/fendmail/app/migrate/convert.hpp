// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/evaluator.hpp"
#include "fendmail/app/migrate/sources.hpp"
#include "fendmail/app/migrate/tables.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// main.cf and master.cf → fendmail.toml with the same behaviour, and what the admin has to know.
///
/// Source: postscreen(8), postconf(5), master(5); docs/from-postscreen.md.
/// Memory: the texts.
/// Errors: none is thrown. What cannot be carried over is a comment at its place and a remark; the
/// result is always one that `fendmail check` takes.
/// Threads: none of its own; `read` is called within.
namespace fendmail::app::postscreen {

struct conversion_options {
    std::string config_directory = "/etc/postfix"; ///< the value of that parameter by default
    /// Networks of tables go to access files; otherwise all of them stand in access.rules.
    bool writes_files = false;
    /// Where these files will be: an absolute path, since keys of lists are named by theirs.
    std::string output_directory = "/etc/fendmail";
    /// Which postscreen of master.cf is converted, "2525" or "192.0.2.1:smtp"; "" = that of port
    /// 25, or the first.
    std::string service;
    std::vector<std::string> notes; ///< further remarks, from the code that reads the files
};

struct migration {
    std::string toml;
    std::vector<std::pair<std::string, std::string>> access_files; ///< name, content
    std::vector<std::pair<std::string, std::string>> key_files;    ///< the same, secrets
    std::vector<remark> remarks;                                   ///< for the admin to look at
    bool lacks_tables = false; ///< some of the access list could not be read
};

/// @param names of what the sources were read from, for the head of the file
[[nodiscard]] migration convert(const sources& from, const std::vector<std::string>& names,
                                const host_facts& host, const file_reader& read,
                                const conversion_options& options);

/// The postscreen that is meant, or nullptr; see conversion_options::service.
[[nodiscard]] const master_service* find_postscreen(const sources& from, std::string_view wanted);

/// "name = value" of every parameter of the table as postscreen sees it, one a line.
[[nodiscard]] std::string effective_parameters(const sources& from, const host_facts& host,
                                               const conversion_options& options);

} // namespace fendmail::app::postscreen
