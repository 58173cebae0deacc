// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/tables.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// regexp: and pcre: tables: asked at migration for the few keys that matter, or taken apart where
/// fendmail has patterns of its own.
///
/// Source: regexp_table(5), pcre_table(5). Patterns are POSIX extended ones of the C library; a
/// pcre one is used when it means the same there.
/// Memory: the compiled patterns.
/// Errors: a rule that cannot be compiled is left out and goes to `remarks`.
/// Threads: one owner.
namespace fendmail::app::postscreen {

class pattern_table {
public:
    pattern_table(const table_name& table, const std::vector<logical_line>& lines,
                  remark_sink& remarks);
    ~pattern_table();
    pattern_table(const pattern_table&) = delete;
    pattern_table& operator=(const pattern_table&) = delete;

    /// The result of the first rule that matches, with $1, ${1} and $(1) replaced.
    [[nodiscard]] std::optional<std::string> find(const std::string& key) const;

private:
    struct rule;
    void add(std::string_view text, unsigned line, bool is_pcre, remark_sink& remarks);

    std::vector<std::unique_ptr<rule>> rules_;
};

struct plain_pattern {
    std::string text; ///< what stands between the delimiters
    unsigned line = 0;
};
/// The patterns of a table whose rules all say "matches", whatever their results: no negation, no
/// IF, no options. A rule that is otherwise goes to `remarks`.
[[nodiscard]] std::vector<plain_pattern> plain_patterns(const std::vector<logical_line>& lines,
                                                        remark_sink& remarks);

} // namespace fendmail::app::postscreen
