// SPDX-License-Identifier: Apache-2.0

// Boost.JSON, compiled here once: Debian's library of it comes with a package for each version of
// Boost, and the headers with one for all.
#include <boost/json/src.hpp> // IWYU pragma: keep
