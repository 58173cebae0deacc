// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/tls/context.hpp"

#include <memory>

/// Section [tls]: STARTTLS in our own dialog.
namespace fendmail::app {

struct tls_options {
    smtp::tls_level level = smtp::tls_level::none;
    io::tls_server_options server;
    milliseconds handshake_timeout{60000};
    /// Made of the files as they were when the configuration was loaded; nothing with `none`.
    std::shared_ptr<const io::tls_context> context;

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add("level", &tls_options::level,
                 {.doc = "Whether STARTTLS is offered (may) or required (encrypt). Both need a "
                         "certificate."});
        keys.built("certificate", key_type::text, R"("")",
                   {.doc = "PEM file with the certificate and, behind it, its chain; a relative "
                           "path starts at "
                           "the file that holds this.",
                    .example = R"("/etc/fendmail/mx1.example.org.pem")",
                    .is_one_line = true});
        keys.built("key", key_type::text, R"("")",
                   {.doc = "PEM file with the private key, without a passphrase; \"\" = it is in "
                           "the file of the "
                           "certificate. The user that fendmail runs as must be able to read it.",
                    .example = R"("/etc/fendmail/mx1.example.org.key")",
                    .is_one_line = true});
        keys.built(
            "chain_files", key_type::text_list, "[]",
            {.doc =
                 "Further certificates, with another kind of key each: PEM files that hold private "
                 "key, certificate and chain, or the key in one file and the rest in the next.",
             .example = R"(["/etc/fendmail/rsa.pem", "/etc/fendmail/ecdsa.pem"])",
             .is_one_line = true});
        keys.add("min_protocol", [](tls_options& t) -> auto& { return t.server.min_protocol; },
                 {.doc = "The oldest version of TLS that is spoken."});
        keys.add("session_tickets",
                 [](tls_options& t) -> auto& { return t.server.session_tickets; },
                 {.doc = "Let clients resume their sessions. The keys for this are made anew at "
                         "each reload."});
        keys.add("handshake_timeout", &tls_options::handshake_timeout,
                 {.doc = "Longest time for the whole handshake.",
                  .min = spans::second,
                  .max = 10 * spans::minute});
    }
};

} // namespace fendmail::app
