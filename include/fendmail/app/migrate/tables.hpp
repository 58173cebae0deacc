// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/app/migrate/sources.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/network_set.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Postfix's look-up tables, as far as their text can be read: cidr:, texthash: and the sources of
/// hash: and its like, inline:, static:.
///
/// Source: DATABASE_README, cidr_table(5). A table of another type has no text that we can read.
/// Memory: the table's text and its entries.
/// Errors: what cannot be read or understood goes to `remarks`, at most twenty a table.
/// Threads: values; the reader of files is the caller's.
namespace fendmail::app::postscreen {

/// A whole file, or nothing and the reason in `why`.
using file_reader =
    std::function<std::optional<std::string>(const std::string& path, std::string& why)>;

enum class table_kind : std::uint8_t {
    cidr,    ///< networks in order
    keyed,   ///< exact keys
    pattern, ///< regexp: and pcre:
    fixed,   ///< static:, the same for every key
    opaque,  ///< no text that we can read, such as mysql:
};

/// "cidr:/etc/postfix/access", "inline:{…}"; "proxy:" in front is dropped.
struct table_name {
    std::string type; ///< lower case
    std::string name; ///< a path, "{…}", or what static: answers
    table_kind kind = table_kind::opaque;

    [[nodiscard]] bool is_inline() const { return name.starts_with('{'); }
    /// For messages: an inline table is told by its type alone, since it may hold secrets.
    [[nodiscard]] std::string shown() const;
};
/// Nothing when there is no ":" in it.
[[nodiscard]] std::optional<table_name> parse_table_name(std::string_view text);

/// Collects remarks about one table and stops after a few.
class remark_sink {
public:
    remark_sink(std::vector<remark>& out, place where)
        : out_{out}
        , where_{std::move(where)}
    {
    }
    ~remark_sink();
    remark_sink(const remark_sink&) = delete;
    remark_sink& operator=(const remark_sink&) = delete;

    /// @param line 0 = where the table is named
    void add(unsigned line, std::string text);
    /// From now on lines are those of this file; "" = lines mean nothing.
    void enter(std::string file) { file_ = std::move(file); }

private:
    std::vector<remark>& out_;
    place where_;
    std::string file_;
    std::size_t count_ = 0;
};

/// The rules of a table of kind cidr or pattern, or the pairs of a keyed one, in order.
/// @return nothing when it cannot be read; the sink knows why
[[nodiscard]] std::optional<std::vector<logical_line>>
read_table(const table_name& table, const file_reader& read, remark_sink& remarks);

/// A rule that applies to these networks and no others: IF blocks and "!" are resolved.
struct network_rule {
    std::vector<network> nets;
    std::string result;
    unsigned line = 0;
};
[[nodiscard]] std::vector<network_rule> parse_cidr_rules(const std::vector<logical_line>& lines,
                                                         remark_sink& remarks);

struct keyed_entry {
    std::string key;
    std::string result;
    unsigned line = 0;
};
[[nodiscard]] std::vector<keyed_entry> parse_entries(const table_name& table,
                                                     const std::vector<logical_line>& lines,
                                                     remark_sink& remarks);

/// A table of addresses of any kind but `pattern` and `opaque` as rules over networks.
[[nodiscard]] std::optional<std::vector<network_rule>>
read_network_table(const table_name& table, const file_reader& read, remark_sink& remarks);

/// "192.0.2.0/24", "[2001:db8::]/32", "[2001:db8::/32]", an address alone.
[[nodiscard]] result<network> parse_pattern(std::string_view text);
/// True for "[::ffff:127.0.0.0]/104": clients have plain IPv4 addresses, so it matches none.
[[nodiscard]] bool is_mapped_pattern(std::string_view text, const network& net);

} // namespace fendmail::app::postscreen
