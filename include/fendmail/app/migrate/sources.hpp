// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What main.cf and master.cf say, as written: parameters and services with their places.
///
/// Source: postconf(5), master(5). Files named main.cf and master.cf are read as what they are;
/// in any other text each line is told by its form, so that the output of `postconf -n`,
/// `postconf -M` and `postconf -P` may stand in one file, in any order, also as JSON (`-j`).
/// Memory: the texts.
/// Errors: lines that are none of these are remarks.
/// Threads: values only.
namespace fendmail::app::postscreen {

struct place {
    std::string file; ///< as given; "-" = standard input
    unsigned line = 0;
};
/// "main.cf:12".
[[nodiscard]] std::string to_text(const place& at);

/// Something that the admin must look at.
struct remark {
    place at; ///< an empty file = the whole
    std::string text;
};
/// "main.cf:12: warning: TEXT".
[[nodiscard]] std::string to_text(const remark& r);

struct written_value {
    std::string text;
    place at;
};
/// Name → value; a later one has replaced the one before.
using parameters = std::map<std::string, written_value, std::less<>>;

struct master_service {
    std::string name; ///< first column: "smtp", "192.0.2.1:25", "smtpd"
    std::string type; ///< "inet", "pass", "unix"
    bool is_private = true;
    std::string chroot;    ///< as written: "y", "n", "-"
    std::string command;   ///< without its folder
    parameters overrides;  ///< `-o name=value`
    std::string first_row; ///< its eight columns, for what the admin is told to change
    place at;
    /// Earlier lines with this name and type: master obeys the last one, but a "#" in front of it
    /// would wake the one before.
    std::vector<std::string> replaced_rows;
};
/// "smtp inet n - y - 1 postscreen (master.cf:12)".
[[nodiscard]] std::string row_text(const master_service& s);

struct input_file {
    std::string name;
    std::string text;
};

struct sources {
    parameters main;
    std::vector<master_service> services;
    std::vector<remark> remarks;
    bool has_main = false; ///< at least one parameter was found
    bool has_master = false;
};

[[nodiscard]] sources read_sources(std::span<const input_file> files);

} // namespace fendmail::app::postscreen
