// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <string>
#include <vector>

/// Section [server]: where fendmail listens and as whom it runs.
namespace fendmail::app {

/// What a start takes once.
struct server_identity {
    std::vector<endpoint> listen{{ip_address::v4({}), 25}, {ip_address::v6({}), 25}};
    unsigned workers = 0;            ///< as written; 0 = one for each processor
    std::string user;                ///< "" = stay who we are
    std::vector<std::string> groups; ///< supplementary groups besides the user's own

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add("listen", &server_identity::listen,
                 {.doc = "Addresses to listen on: \"address:port\" or \"[v6]:port\"; at least one.",
                  .example = R"(["192.0.2.1:25", "[2001:db8::1]:25"])"});
        keys.built(
            "hostname", key_type::text, R"("")",
            {.doc = "The name in banners and replies; \"\" = this host's fully qualified name.",
             .example = R"("mx1.example.org")"});
        keys.add("workers", &server_identity::workers,
                 {.doc = "Threads that serve clients; 0 = one for each processor.", .max = 1024});
        keys.add("user", &server_identity::user,
                 {.doc = "After binding, become this user; \"\" = stay who started it.",
                  .example = R"("fendmail")",
                  .is_one_line = true});
        keys.add("groups", &server_identity::groups,
                 {.doc =
                      "Supplementary groups besides the user's own; \"postdrop\" opens Postfix's "
                      "public/ sockets.",
                  .example = R"(["postdrop"])",
                  .is_one_line = true});
    }
    friend bool operator==(const server_identity&, const server_identity&) = default;
};

struct server_options {
    seconds stop_timeout{8}; ///< for sessions to end after SIGTERM

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add("stop_timeout", &server_options::stop_timeout,
                 {.doc = "How long sessions that the backend has may go on after SIGTERM before "
                         "they are cut; "
                         "all others are told 421 at once. docker stop kills after 10 s, "
                         "Kubernetes after 30.",
                  .min = spans::second,
                  .max = spans::hour});
    }
};

} // namespace fendmail::app
