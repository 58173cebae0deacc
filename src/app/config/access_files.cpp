// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/access_files.hpp"

#include "fendmail/core/acl/access_list.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <fstream>
#include <system_error>

namespace fendmail::app {

namespace {

constexpr std::size_t problems_shown = 20;

std::string line_problem(error e, std::string_view line)
{
    // The message for a rule would send the reader the wrong way: the verb stands in the rule.
    if (e == error::bad_access_rule)
        return fmt::format("write one network alone on a line; permit or reject stands in the "
                           "rule that names this file (found {})",
                           in_quotes(line));
    if (e == error::line_too_long)
        return fmt::format("line too long; at most {} octets", limits::access_line_octets);
    return fmt::format("{} (found {})", message(e), in_quotes(line));
}

/// Without comment and blanks.
std::string_view content_of(std::string_view line, unsigned& column)
{
    line = line.substr(0, line.find('#'));
    const std::size_t begin = std::min(line.find_first_not_of(" \t\r"), line.size());
    column = static_cast<unsigned>(begin) + 1;
    return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
}

} // namespace

std::optional<std::string> read_file(const std::filesystem::path& file, std::string& why)
{
    std::error_code status_error;
    if (std::filesystem::is_directory(file, status_error)) {
        why = std::generic_category().message(EISDIR);
        return std::nullopt;
    }
    errno = 0;
    std::ifstream in{file, std::ios::binary};
    std::string out;
    if (in) {
        constexpr std::size_t chunk_octets = 1 << 16;
        std::string chunk(chunk_octets, '\0');
        while (in.read(chunk.data(), chunk_octets) || in.gcount() > 0)
            out.append(chunk, 0, static_cast<std::size_t>(in.gcount()));
        if (in.eof()) return out;
    }
    // The standard promises no errno here; libstdc++ leaves the one of open() or read().
    why = errno != 0 ? std::generic_category().message(errno) : "read error";
    return std::nullopt;
}

std::vector<network> read_access_file(const std::filesystem::path& file, place rule,
                                      problem_list& problems)
{
    std::string why;
    const auto text = read_file(file, why);
    if (!text) {
        problems.error(
            rule, fmt::format("access.rules: cannot read {}: {}", in_quotes(file.string()), why));
        return {};
    }
    const std::size_t index = problems.add_file(file.string());
    std::vector<network> nets;
    std::string_view rest = *text;
    std::size_t bad_lines = 0;
    place first_not_shown{};
    for (unsigned number = 1; !rest.empty(); ++number) {
        if (number > limits::access_file_lines) {
            problems.error({index, number, 1}, fmt::format("too many lines; at most {} are read",
                                                           limits::access_file_lines));
            break;
        }
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const auto parsed = acl::parse_file_line(line);
        if (parsed) {
            if (parsed->net) nets.push_back(*parsed->net);
            continue;
        }
        place where{index, number, 1};
        const std::string_view content = content_of(line, where.column);
        if (++bad_lines <= problems_shown)
            problems.error(where, line_problem(parsed.error(), content));
        else if (bad_lines == problems_shown + 1)
            first_not_shown = where;
    }
    if (bad_lines > problems_shown)
        problems.error(first_not_shown, fmt::format("and {} more like these from here on",
                                                    bad_lines - problems_shown));
    else if (nets.empty() && bad_lines == 0)
        problems.warning(rule, fmt::format("access.rules: {} holds no network, so this rule "
                                           "matches nobody",
                                           in_quotes(file.string())));
    return nets;
}

} // namespace fendmail::app
