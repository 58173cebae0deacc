// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/admin/client.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/core/listen_address.hpp"

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// What the commands share that ask a running fendmail over its admin socket.
///
/// Errors: printed on standard error, with what to do; the exit code is then 1, and 2 for a request
/// that the running one does not understand.
/// Threads: one.
namespace CLI {
class App;
} // namespace CLI

namespace fendmail::app {

struct running_request {
    std::string config_path = default_config_path;
    std::string socket; ///< "" = that of the configuration
    bool as_json = false;
};

/// -c, --socket and --json
void take_running(CLI::App& command, running_request& wanted);

[[nodiscard]] listen_address socket_of(const running_request& wanted);

/// Asks, and on success calls `show` with the answer, or prints it as it is for --json.
/// @return the exit code
[[nodiscard]] int ask_running(const running_request& wanted, admin_verb verb,
                              std::string_view target, std::string_view body,
                              const std::function<void(const boost::json::value&)>& show);

/// Prints why there is no answer, or what the answer complains of.
/// @return the exit code
[[nodiscard]] int tell_failure(const admin_answer& answer);

/// What stands in a document at a place such as "/config/path"; "", 0 or false when nothing does.
[[nodiscard]] std::string_view text_at(const boost::json::value& in, std::string_view place);
[[nodiscard]] std::uint64_t count_at(const boost::json::value& in, std::string_view place);
[[nodiscard]] double number_at(const boost::json::value& in, std::string_view place);
[[nodiscard]] bool flag_at(const boost::json::value& in, std::string_view place);
[[nodiscard]] const boost::json::array& array_at(const boost::json::value& in,
                                                 std::string_view place);

/// Client text for a terminal: no control characters.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace fendmail::app
