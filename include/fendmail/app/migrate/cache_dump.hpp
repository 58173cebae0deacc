// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/screen/client_record.hpp"

#include <string_view>
#include <variant>

/// The lines of `postmap -s` for postscreen's cache.
///
/// Source: postscreen's cache: key = address, value = the times when the passes of its five tests
/// end, "a;b;c;d;e", in the order of our own records; 0 = never passed, 1 = the test was off. A
/// record of an older version is shorter: what is missing was off.
/// Units: seconds since 1970.
/// Memory: none.
/// Errors: a line that is malformed says why.
/// Threads: values only.
namespace fendmail::app::postscreen {

struct cached_client {
    ip_address address;
    screen::client_record record;
};
struct housekeeping {}; ///< postscreen's own key, or an empty line
struct bad_line {
    std::string_view reason;
};
using cache_line = std::variant<cached_client, housekeeping, bad_line>;

/// @param now times later than any pass can last from now on are refused
[[nodiscard]] cache_line parse_cache_line(std::string_view line, instant now);

} // namespace fendmail::app::postscreen
