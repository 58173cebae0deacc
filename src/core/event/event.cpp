// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/event.hpp"

namespace fendmail::event {

std::string_view to_string(phase p) noexcept
{
    switch (p) {
    case phase::connect: return "connect";
    case phase::early: return "early";
    case phase::dialog: return "dialog";
    case phase::hand_off: return "hand_off";
    case phase::relay: return "relay";
    }
    return "unknown phase";
}

std::string_view to_string(ended_by e) noexcept
{
    switch (e) {
    case ended_by::client: return "client";
    case ended_by::fendmail: return "fendmail";
    case ended_by::backend: return "backend";
    }
    return "unknown end";
}

std::string_view to_string(verdict v) noexcept
{
    switch (v) {
    case verdict::allowlisted: return "allowlisted";
    case verdict::pass_old: return "pass_old";
    case verdict::pass_new: return "pass_new";
    case verdict::passed: return "passed";
    case verdict::rejected: return "rejected";
    case verdict::dropped: return "dropped";
    case verdict::deferred: return "deferred";
    case verdict::left: return "left";
    }
    return "unknown verdict";
}

std::string_view to_string(connect_refusal c) noexcept
{
    switch (c) {
    case connect_refusal::too_many_connections: return "too_many_connections";
    case connect_refusal::all_screening_ports_busy: return "all_screening_ports_busy";
    case connect_refusal::all_server_ports_busy: return "all_server_ports_busy";
    case connect_refusal::network_asked_too_much: return "network_asked_too_much";
    }
    return "unknown refusal";
}

std::string_view to_string(command_limit c) noexcept
{
    switch (c) {
    case command_limit::count: return "count";
    case command_limit::length: return "length";
    case command_limit::time: return "time";
    }
    return "unknown limit";
}

} // namespace fendmail::event
