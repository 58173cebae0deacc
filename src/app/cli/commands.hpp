// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

/// Every subcommand: the function that adds it, in the order in which help shows them.
///
/// Threads: constants.
namespace fendmail::app {

class command_set;

void add_run(command_set& all);
void add_check(command_set& all);
void add_config(command_set& all);
void add_known_senders(command_set& all);
void add_explain(command_set& all);
void add_status(command_set& all);
void add_top(command_set& all);
void add_tail(command_set& all);
void add_clients(command_set& all);
void add_permit(command_set& all);
void add_deny(command_set& all);
void add_bans(command_set& all);
void add_rates(command_set& all);
void add_lists(command_set& all);
void add_feed(command_set& all);
void add_reload(command_set& all);
void add_drain(command_set& all);
void add_upgrade(command_set& all);
void add_report(command_set& all);
void add_demo(command_set& all);
void add_healthcheck(command_set& all);
void add_defaults(command_set& all);
void add_reference(command_set& all);
void add_migrate(command_set& all);
void add_man(command_set& all);
void add_completion(command_set& all);
void add_version(command_set& all);

inline constexpr std::array commands{
    add_run,        add_check,   add_config,      add_known_senders, add_explain,   add_status,
    add_top,        add_tail,    add_clients,     add_permit,        add_deny,      add_bans,
    add_rates,      add_lists,   add_feed,        add_reload,        add_drain,     add_upgrade,
    add_report,     add_demo,    add_healthcheck, add_defaults,      add_reference, add_man,
    add_completion, add_migrate, add_version,
};

} // namespace fendmail::app
