// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/settings.hpp"

namespace fendmail::app {

/// Warns of "$name" and "$(name)" where they would be taken as they stand: values copied from
/// main.cf by hand, with which clients would see "220 $myhostname ESMTP".
void warn_of_postfix_macros(const settings& from, problem_list& problems);

} // namespace fendmail::app
