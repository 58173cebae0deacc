// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/sections/access.hpp"
#include "fendmail/app/config/sections/admin.hpp"
#include "fendmail/app/config/sections/backend.hpp"
#include "fendmail/app/config/sections/bans.hpp"
#include "fendmail/app/config/sections/client_name.hpp"
#include "fendmail/app/config/sections/deep.hpp"
#include "fendmail/app/config/sections/dialog.hpp"
#include "fendmail/app/config/sections/dnsbl.hpp"
#include "fendmail/app/config/sections/feeds.hpp"
#include "fendmail/app/config/sections/known_recipients.hpp"
#include "fendmail/app/config/sections/known_senders.hpp"
#include "fendmail/app/config/sections/limits.hpp"
#include "fendmail/app/config/sections/proxy_protocol.hpp"
#include "fendmail/app/config/sections/rates.hpp"
#include "fendmail/app/config/sections/server.hpp"
#include "fendmail/app/config/sections/store.hpp"
#include "fendmail/app/config/sections/tls.hpp"
#include "fendmail/core/abuse/grey_rules.hpp"
#include "fendmail/core/acl/access_list.hpp"
#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/smtp/backend_trouble.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/core/smtp/rejection.hpp"
#include "fendmail/io/log/writer.hpp"

#include <string>
#include <vector>

/// The configuration as values, put together from the structs of its sections. Two types say what
/// a reload can change: `startup_config` is fixed until a restart, `runtime_config` is replaced as
/// a whole. The default of a key is that of its member here; what has none in the file is derived
/// from others when it is loaded.
///
/// Units: durations are std::chrono; sizes in octets.
/// Threads: immutable once loaded; sessions share one runtime_config and keep it to their end.
namespace fendmail::app {

struct startup_config {
    server_identity server;
    store_place store;
    admin_place admin;

    friend bool operator==(const startup_config&, const startup_config&) = default;
};

struct runtime_config {
    std::string hostname; ///< never empty once loaded
    server_options server;
    backend_options backend;
    proxy_protocol_options proxy_protocol;
    acl::access_list access;
    std::vector<rule_source> access_sources; ///< of each rule in `access`
    /// Local addresses at which a pass can be earned (permit); empty = all.
    acl::access_list allowlist_interfaces;
    known_senders_options known_senders;
    known_recipients_options known_recipients;
    std::string teaser; ///< text behind "220-"; never empty
    screen::policy screening;
    dnsbl::site_set dnsbl_sites;
    dnsbl_options dnsbl;
    dns::server_list resolvers; ///< empty = the system's
    client_name_options client_name;
    feed_options feeds;
    deep_options deep;
    smtp::dialog_options dialog;
    command_times command_time;
    std::string reject_footer; ///< not expanded
    smtp::rejection rejection; ///< of those that lists refuse
    hidden_keywords hide_ehlo_from;
    limits_options limits;
    abuse::rate_rules rates;
    bans_options bans;
    abuse::grey_rules grey;
    store_options store;
    tls_options tls;
    io::log_options log;
    admin_options admin;
};

struct config {
    startup_config startup;
    runtime_config runtime;
};

} // namespace fendmail::app
