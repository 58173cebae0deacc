// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/app/config/settings.hpp"
#include "fendmail/core/result.hpp"

#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <string_view>

/// What a section needs to make its part of the configuration. All keys that have a place of their
/// own are there already, those of later sections too.
///
/// Errors: go to the problems, each at the place of the value, or of the element of a list.
/// Threads: one owner.
namespace fendmail::app {

/// RFC 5321 §4.2: the text of a reply is printable ASCII, space and tab; a tab is of no use.
[[nodiscard]] bool is_reply_text(std::string_view text);

/// Without blanks and line ends around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

class section_builder {
public:
    section_builder(const settings& from, std::string_view default_hostname, config& into,
                    problem_list& problems)
        : from_{from}
        , default_hostname_{default_hostname}
        , out_{into}
        , problems_{problems}
    {
    }

protected:
    [[nodiscard]] const setting& get(std::string_view section, std::string_view name) const
    {
        return from_.get(section, name);
    }
    [[nodiscard]] const text_item& text(std::string_view section, std::string_view name) const
    {
        return get(section, name).texts.front();
    }
    /// The one that is in a file, if there is one.
    [[nodiscard]] static place written(const setting& first, const setting& second)
    {
        return first.where.line != 0 ? first.where : second.where;
    }

    void error(place where, std::string_view key_name, std::string_view what)
    {
        problems_.error(where, fmt::format("{}: {}", key_name, what));
    }
    void error(const text_item& item, std::string_view key_name, fendmail::error e)
    {
        found(item, key_name, message(e));
    }
    void found(const text_item& item, std::string_view key_name, std::string_view what)
    {
        error(item.where, key_name, fmt::format("{} (found {})", what, in_quotes(item.written)));
    }
    /// A relative path starts at the directory of the file that holds it.
    [[nodiscard]] std::filesystem::path path_of(place where, std::string_view written) const;
    [[nodiscard]] std::filesystem::path path_of(const text_item& item) const
    {
        return path_of(item.where, item.text);
    }
    /// A file is read before server.user is put on at the start, at a reload after that: warns
    /// when that user could not.
    void warn_unless_readable(const text_item& item, std::string_view key_name,
                              const std::filesystem::path& path);
    /// The text of a greeting.
    void check_banner(const text_item& item, std::string_view key_name);

    const settings& from_;
    std::string_view default_hostname_;
    config& out_;
    problem_list& problems_;
};

} // namespace fendmail::app
