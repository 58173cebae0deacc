// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

/// What the tests of all families of events check: their exact lines, and that no text breaks one.
namespace fendmail::event {

/// In session 7.
inline const of_client client{{ip_address::v4({192, 0, 2, 1}), 12345}, 7};
inline const of_client client6{
    {ip_address::v6({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 25000}, 8};
inline const endpoint local{ip_address::v4({198, 51, 100, 9}), 25};

/// One event and what the three formats make of it. `fields` is JSON without what all events
/// share; logfmt is derived from `logfmt` in the same way.
struct row {
    any_event what;
    std::string_view name;
    std::string_view level;
    std::string phrase;
    std::string fields;
    std::string logfmt;
};

/// The fields of a client, and those that follow.
[[nodiscard]] std::string json(std::string_view rest);
[[nodiscard]] std::string logfmt(std::string_view rest);

[[nodiscard]] std::vector<row> both(std::vector<row> some, const std::vector<row>& more);

[[nodiscard]] std::string as_postscreen(const any_event& what);
[[nodiscard]] std::string as_json(const any_event& what);
[[nodiscard]] std::string as_logfmt(const any_event& what);

/// Each octet once.
[[nodiscard]] std::string every_octet();
[[nodiscard]] bool is_printable_ascii(std::string_view line);

void check_lines(const std::vector<row>& rows);
void check_covers(const std::vector<row>& rows, const std::set<std::string_view>& names);

/// Every event of the family is in the table, and has its exact line in every format.
template <class... Events>
void check_rows(family<Events...> /*of*/, const std::vector<row>& rows)
{
    check_covers(rows, {Events::about.name...});
    check_lines(rows);
}

/// Every event of the rows that carries text is among `with_text`, which puts a text in every place
/// that takes some; and whatever the text, its lines are whole.
void check_texts(const std::vector<row>& rows,
                 std::vector<any_event> (*with_text)(std::string_view text));

} // namespace fendmail::event
