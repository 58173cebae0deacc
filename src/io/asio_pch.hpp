// SPDX-License-Identifier: Apache-2.0
// Precompiled for the io and app layers: Asio costs seconds in every file that sees it.
#pragma once

#include <boost/asio.hpp>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>
