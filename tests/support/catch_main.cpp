// SPDX-License-Identifier: Apache-2.0
// Compiled once for all test programs: this file alone costs more than most tests together. Only
// for Catch2 2; version 3 brings a library with its main.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
