// SPDX-License-Identifier: Apache-2.0
// The head of the file: what the admin has to do, in order.
#include "conversion.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

constexpr std::string_view user = "fendmail";

/// Numbered steps, each of some lines.
class steps {
public:
    void begin(std::string text) { lines_.push_back(fmt::format(" {}. {}", ++count_, text)); }
    void go_on(std::string_view text) { lines_.push_back(fmt::format("    {}", text)); }
    [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

private:
    std::vector<std::string> lines_;
    unsigned count_ = 0;
};

/// Postfix's programs read keys as root before they become another user; fendmail.service runs as
/// its own user from the start.
void add_keys(const conversion& c, steps& to)
{
    for (const std::string& file : c.tls_keys) {
        to.begin(fmt::format("The TLS key {} has to be readable for user {} (now and after each "
                             "renewal):",
                             file, user));
        to.go_on(fmt::format("  install -m 0640 -g {} {} /etc/fendmail/, and name that file in "
                             "[tls]",
                             user, file));
    }
    for (const auto& [name, secret] : c.key_files) {
        const std::string path = fmt::format("{}/{}", c.options.output_directory, name);
        to.begin(
            fmt::format("{0} holds a key of a list: chgrp {1} {0}; chmod 0640 {0}", path, user));
    }
}

void add_unit(conversion& c, steps& to)
{
    to.begin(fmt::format("fendmail.service runs as user {}. To reach the pass service it needs "
                         "Postfix's group:",
                         user));
    to.go_on(fmt::format("  usermod --append --groups {} {}", c.master.value("setgid_group").text,
                         user));
}

void add_rows(const master_service& s, steps& to)
{
    for (const std::string& row : s.replaced_rows)
        to.go_on(fmt::format("  {}, which the next one replaces and would come back", row));
    to.go_on(fmt::format("  {}", row_text(s)));
}

void add_master(const conversion& c, steps& to)
{
    const auto* in_front = c.around.screen != nullptr ? c.around.screen : c.around.front_smtpd;
    to.begin(in_front != nullptr
                 ? "master.cf: put a \"#\" in front of these services and all lines that belong to "
                   "them:"
                 : "master.cf: put a \"#\" in front of the service on port 25 (\"smtp inet ... "
                   "postscreen\").");
    for (const master_service* s : c.around.listeners)
        add_rows(*s, to);
    if (in_front != nullptr && c.around.screen == nullptr) add_rows(*in_front, to);
    const auto* const pass = c.around.pass;
    if (!c.hands_over_sockets) {
        // The backend is a service with an address of its own.
    } else if (pass == nullptr) {
        to.go_on("There has to be a public pass service for smtpd; see backend.address.");
    } else if (!c.added_pass.empty()) {
        to.go_on("In the same go: another pass service, with the options of the one there:");
        to.go_on(fmt::format("  {}", c.added_pass));
    } else if (pass->is_private) {
        to.go_on("In the same go: \"n\" in the third column of the pass service, which stays:");
        to.go_on(fmt::format("  {}", row_text(*pass)));
    } else {
        to.go_on("The pass service stays.");
    }
    to.go_on("Then: postfix reload");
}

void add_cache(conversion& c, steps& to)
{
    const std::string map{trim(c.text("postscreen_cache_map"))};
    if (map.empty() || map.starts_with("memcache:")) return to.begin("Start fendmail.");
    to.begin("Bring the known clients over and start fendmail:");
    // The default depends on how Postfix was built.
    const bool is_set = c.values.find_origin("postscreen_cache_map").has_value();
    to.go_on(fmt::format("  postmap -s {} | fendmail migrate --cache - -c "
                         "/etc/fendmail/fendmail.toml",
                         !is_set                     ? "$(postconf -hx postscreen_cache_map)"
                         : map.starts_with("proxy:") ? map.substr(6)
                                                     : map));
}

} // namespace

std::vector<std::string> head_lines(conversion& c, const std::vector<std::string>& names)
{
    std::string made_from;
    for (const std::string& name : names)
        made_from += (made_from.empty() ? "" : ", ") + (name == "-" ? "standard input" : name);
    std::vector<std::string> out{
        fmt::format("fendmail.toml, made by `fendmail migrate` from {}.", made_from),
        "",
        "Comments say where a value comes from. ATTENTION marks what needs a decision. What is not",
        "named here is fendmail's default, and as in postscreen. Parameters of Postfix that",
        "postscreen does not obey stay where they are. More: docs/from-postscreen.md.",
        "",
        "What to do next:",
    };
    steps to_do;
    add_keys(c, to_do);
    if (c.hands_over_sockets) add_unit(c, to_do);
    to_do.begin("Check it: fendmail check --as-service -c /etc/fendmail/fendmail.toml");
    add_master(c, to_do);
    add_cache(c, to_do);
    out.insert(out.end(), to_do.lines().begin(), to_do.lines().end());
    const bool undoes_pass = c.hands_over_sockets && c.around.pass != nullptr &&
                             c.around.pass->is_private && c.added_pass.empty();
    out.push_back(fmt::format("The way back: stop fendmail, take the \"#\" away again{}, postfix "
                              "reload.",
                              undoes_pass ? ", undo the third column" : ""));
    return out;
}

} // namespace fendmail::app::postscreen
