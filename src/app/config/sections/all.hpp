// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/section_source.hpp"

/// Every section of fendmail.toml; keys.cpp says in which order they stand there.
namespace fendmail::app {

extern const section_source server_section;
extern const section_source backend_section;
extern const section_source proxy_protocol_section;
extern const section_source access_section;
extern const section_source senders_section;
extern const section_source recipients_section;
extern const section_source greet_section;
extern const section_source dnsbl_section;
extern const section_source client_name_section;
extern const section_source feed_section;
extern const section_source networks_section;
extern const section_source pipelining_section;
extern const section_source non_smtp_command_section;
extern const section_source bare_newline_section;
extern const section_source deep_section;
extern const section_source dialog_section;
extern const section_source limits_section;
extern const section_source rates_section;
extern const section_source bans_section;
extern const section_source grey_section;
extern const section_source store_section;
extern const section_source tls_section;
extern const section_source log_section;
extern const section_source admin_section;

} // namespace fendmail::app
