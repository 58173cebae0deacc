// SPDX-License-Identifier: Apache-2.0
#include "running.hpp"

#include "read_config.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <fmt/format.h>

namespace fendmail::app {

namespace json = boost::json;

void take_running(CLI::App& command, running_request& wanted)
{
    command.add_option("-c,--config", wanted.config_path, "Configuration file of the running one")
        ->type_name("FILE")
        ->capture_default_str();
    command.add_option("--socket", wanted.socket, "Its admin socket, instead of admin.socket")
        ->type_name("FILE");
    command.add_flag("--json", wanted.as_json, "What the API says, as JSON");
}

listen_address socket_of(const running_request& wanted)
{
    if (!wanted.socket.empty()) return {{}, wanted.socket};
    // A user who may use the socket need not be one who may read the configuration.
    const auto found = read_config(wanted.config_path, "localhost");
    if (found.value && !found.value->startup.admin.socket.empty())
        return {{}, found.value->startup.admin.socket};
    return {{}, admin_place::default_socket};
}

int tell_failure(const admin_answer& answer)
{
    if (answer.status == 0) {
        fmt::print(stderr,
                   "fendmail: {}\nIs fendmail running with this admin.socket, and may this user "
                   "connect to it?\n",
                   answer.failure);
        return exit_failure;
    }
    boost::system::error_code error;
    const auto value = json::parse(answer.body, error);
    auto text = error ? std::string_view{answer.body} : text_at(value, "/error");
    if (text.empty()) text = text_at(value, "/message");
    fmt::print(stderr, "fendmail: {}\n", printable(text));
    return answer.status == 400 || answer.status == 405 ? exit_usage : exit_failure;
}

int ask_running(const running_request& wanted, admin_verb verb, std::string_view target,
                std::string_view body, const std::function<void(const json::value&)>& show)
{
    const auto where = socket_of(wanted);
    const auto answer = ask_admin(where, verb, target, body);
    if (!answer.is_ok()) return tell_failure(answer);
    if (wanted.as_json) {
        fmt::print("{}", answer.body);
        return exit_ok;
    }
    boost::system::error_code error;
    const auto value = json::parse(answer.body, error);
    if (error) {
        fmt::print(stderr, "fendmail: {}: an answer that is not understood: {}\n", to_text(where),
                   error.message());
        return exit_failure;
    }
    show(value);
    return exit_ok;
}

namespace {

const json::value* find(const json::value& in, std::string_view place)
{
    boost::system::error_code error;
    return in.find_pointer({place.data(), place.size()}, error);
}

} // namespace

std::string_view text_at(const json::value& in, std::string_view place)
{
    const auto* const found = find(in, place);
    if (found == nullptr || !found->is_string()) return {};
    return {found->get_string().data(), found->get_string().size()};
}

std::uint64_t count_at(const json::value& in, std::string_view place)
{
    const auto* const found = find(in, place);
    if (found == nullptr) return 0;
    boost::system::error_code error;
    const auto value = found->to_number<std::uint64_t>(error);
    return error ? 0 : value;
}

double number_at(const json::value& in, std::string_view place)
{
    const auto* const found = find(in, place);
    if (found == nullptr) return 0;
    boost::system::error_code error;
    const auto value = found->to_number<double>(error);
    return error ? 0 : value;
}

bool flag_at(const json::value& in, std::string_view place)
{
    const auto* const found = find(in, place);
    return found != nullptr && found->is_bool() && found->get_bool();
}

const json::array& array_at(const json::value& in, std::string_view place)
{
    static const json::array none;
    const auto* const found = find(in, place);
    return found != nullptr && found->is_array() ? found->get_array() : none;
}

std::string printable(std::string_view text)
{
    std::string out{text};
    for (char& c : out)
        if ((c < ' ' && c != '\n') || c == '\x7f') c = '?';
    return out;
}

} // namespace fendmail::app
