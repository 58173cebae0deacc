// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "keys_units.hpp"

#include <array>

/// The keys of [tls]. Private to keys.cpp.
namespace fendmail::app {

inline constexpr std::array tls_keys{
    key{.section = "tls",
        .name = "level",
        .type = key_type::choice,
        .default_toml = R"("none")",
        .doc = "Whether STARTTLS is offered (may) or required (encrypt). Both need a certificate.",
        .choices = "none|may|encrypt"},
    key{.section = "tls",
        .name = "certificate",
        .default_toml = R"("")",
        .doc = "PEM file with the certificate and, behind it, its chain; a relative path starts at "
               "the file that holds this.",
        .example = R"("/etc/fendmail/mx1.example.org.pem")"},
    key{.section = "tls",
        .name = "key",
        .default_toml = R"("")",
        .doc =
            "PEM file with the private key, without a passphrase; \"\" = it is in the file of the "
            "certificate. The user that fendmail runs as must be able to read it.",
        .example = R"("/etc/fendmail/mx1.example.org.key")"},
    key{.section = "tls",
        .name = "chain_files",
        .type = key_type::text_list,
        .default_toml = "[]",
        .doc = "Further certificates, with another kind of key each: PEM files that hold private "
               "key, certificate and chain, or the key in one file and the rest in the next.",
        .example = R"(["/etc/fendmail/rsa.pem", "/etc/fendmail/ecdsa.pem"])"},
    key{.section = "tls",
        .name = "min_protocol",
        .type = key_type::choice,
        .default_toml = R"("TLSv1.2")",
        .doc = "The oldest version of TLS that is spoken.",
        .choices = "TLSv1.2|TLSv1.3"},
    key{.section = "tls",
        .name = "session_tickets",
        .type = key_type::boolean,
        .default_toml = "true",
        .doc =
            "Let clients resume their sessions. The keys for this are made anew at each reload."},
    key{.section = "tls",
        .name = "handshake_timeout",
        .type = key_type::duration,
        .default_toml = R"("60s")",
        .doc = "Longest time for the whole handshake.",
        .min = second,
        .max = 10 * minute},
};

} // namespace fendmail::app
