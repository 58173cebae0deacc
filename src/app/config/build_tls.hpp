// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "settings.hpp"

#include "fendmail/app/config/config.hpp"

namespace fendmail::app {

/// The part of build_config() for section [tls]. Reads the files, so that what `fendmail check`
/// accepts is what a start or a reload takes.
///
/// Errors: go to `problems`, each at the place of the value that names the file.
void build_tls(const settings& from, config& into, problem_list& problems);

} // namespace fendmail::app
