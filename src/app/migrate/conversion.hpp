// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/convert.hpp"
#include "fendmail/app/migrate/draft.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What all parts of one conversion share: the values, each of its type, and the draft they fill.
///
/// Errors: a value that Postfix would not start with is a remark, and postscreen's default is used.
/// Threads: one owner.
namespace fendmail::app::postscreen {

/// The service that decides the configuration, and those around it.
struct services {
    const master_service* screen = nullptr;       ///< postscreen; nullptr = not in master.cf
    std::vector<const master_service*> listeners; ///< `screen` and those with the same overrides
    /// Postscreens with other overrides, those with the same ones together.
    std::vector<std::vector<const master_service*>> others;
    const master_service* pass = nullptr; ///< smtpd behind postscreen
    const master_service* tlsproxy = nullptr;
    const master_service* front_smtpd = nullptr; ///< smtpd on port 25 itself
};
/// @param wanted the postscreen that decides, "" = the first on port 25, or else the first
[[nodiscard]] services find_services(const sources& from, std::string_view smtpd_service_name,
                                     std::string_view wanted = "");
/// "192.0.2.1:smtp" apart; the host may be empty.
[[nodiscard]] std::pair<std::string, std::string> split_service_name(std::string_view name);
/// As server.listen and backend.address have it.
[[nodiscard]] std::string listen_text(const ip_address& address, std::uint16_t port);
/// "smtp" → 25; nothing for a name that is not known.
[[nodiscard]] std::optional<std::uint16_t> port_of(std::string_view name);

class conversion {
public:
    conversion(const sources& from, const host_facts& host, const file_reader& read,
               const conversion_options& options);

    // ── values ──
    [[nodiscard]] std::string text(std::string_view name, std::string_view stress = "");
    [[nodiscard]] bool flag(std::string_view name);
    /// @pre min and max lie around the default
    [[nodiscard]] std::int64_t number(std::string_view name, std::int64_t min, std::int64_t max);
    /// Within what the key takes.
    [[nodiscard]] std::int64_t number_for(std::string_view name, std::string_view section,
                                          std::string_view key);
    [[nodiscard]] seconds span(std::string_view name, char unit, std::string_view stress = "");
    /// What an evaluator made of a parameter; names in it that are not known are told, unless it is
    /// a default: those refer to parameters of other programs.
    [[nodiscard]] std::string told_text(std::string_view name, const evaluator& as_seen,
                                        std::string_view stress = "");
    /// "ignore", "enforce" or "drop".
    [[nodiscard]] std::string action(std::string_view name);
    /// One line of printable ASCII that fits a reply.
    [[nodiscard]] std::string banner(std::string_view name);

    // ── keys ──
    /// Writes a key when a parameter that decides it is set, or when its value is not what
    /// fendmail does by itself.
    /// @param from parameters that decide it, the one to name first
    void put(std::string_view section, std::string_view key, std::string toml,
             std::initializer_list<std::string_view> from, std::vector<comment> more = {});
    /// A duration, cut to what the key takes.
    void put_span(std::string_view section, std::string_view key, seconds value,
                  std::initializer_list<std::string_view> from);

    /// Where the value comes from, for remarks; the whole when it is a default.
    [[nodiscard]] place place_of(std::string_view name) const;
    /// "postscreen_greet_ttl = 2d (main.cf:7)".
    [[nodiscard]] std::string source_text(std::string_view name) const;
    void warn(std::string_view parameter, std::string text);

    const sources& from;
    const host_facts& host;
    const file_reader& read;
    const conversion_options& options;
    services around;
    evaluator values;
    evaluator master; ///< as master sees them, which opens the sockets: without overrides
    draft out;
    std::vector<std::pair<std::string, std::string>> access_files;
    std::vector<std::pair<std::string, std::string>> key_files; ///< keys of lists
    std::vector<std::string> tls_keys; ///< files that fendmail's user has to be able to read
    bool hands_over_sockets = false;   ///< to a pass service
    bool lacks_tables = false;         ///< of the access list
    std::string added_pass; ///< the row of one to be made, where the one there has to stay private
};

// Each fills its sections.
void convert_server(conversion& c);
void convert_listen(conversion& c);
void report_other_postscreens(conversion& c);
void convert_access(conversion& c);
void convert_tests(conversion& c);
void convert_dnsbl(conversion& c);
void convert_dialog(conversion& c);
void convert_tls(conversion& c);
void convert_operation(conversion& c);
void convert_leftovers(conversion& c);
[[nodiscard]] std::vector<std::string> head_lines(conversion& c,
                                                  const std::vector<std::string>& names);

} // namespace fendmail::app::postscreen
