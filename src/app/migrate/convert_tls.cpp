// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/app/migrate/tables.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

constexpr std::array<std::string_view, 6> protocols{"sslv2",   "sslv3",   "tlsv1",
                                                    "tlsv1.1", "tlsv1.2", "tlsv1.3"};
constexpr std::size_t oldest_here = 4; // TLS 1.2
constexpr std::string_view readable =
    "Postfix reads keys as root; here fendmail's user must be able to: see docs/operations.md.";

/// The oldest protocol that a list allows: ">=TLSv1.2", "!SSLv2, !SSLv3", "TLSv1.2 TLSv1.3".
std::size_t oldest_protocol(std::string_view list)
{
    std::array<bool, protocols.size()> allowed{};
    std::array<bool, protocols.size()> excluded{};
    std::size_t from = 0, to = protocols.size() - 1;
    bool any_named = false;
    for (std::string word : split_list(to_lower(list), ", \t\r\n:")) {
        const bool is_from = word.starts_with(">="), is_to = word.starts_with("<=");
        const bool is_not = word.starts_with('!');
        word.erase(0, is_from || is_to ? 2 : is_not ? 1 : 0);
        if (word == "tlsv1.0") word = "tlsv1";
        const auto at = std::ranges::find(protocols, word);
        if (at == protocols.end()) continue;
        const auto index = static_cast<std::size_t>(at - protocols.begin());
        if (is_from) from = index;
        if (is_to) to = index;
        if (is_not) excluded[index] = true;
        if (is_from || is_to || is_not) continue;
        allowed[index] = any_named = true;
    }
    for (std::size_t i = from; i <= to; ++i)
        if (!excluded[i] && (!any_named || allowed[i])) return i;
    return protocols.size() - 1;
}

class tls_converter {
public:
    explicit tls_converter(conversion& c)
        : c_{c}
        , proxy_{c.from.main,
                 c.around.tlsproxy != nullptr ? &c.around.tlsproxy->overrides : nullptr, c.host,
                 c.options.config_directory}
    {
    }

    void convert()
    {
        const std::string level = find_level();
        if (level == "none") {
            c_.put("tls", "level", "\"none\"", {"postscreen_tls_security_level"});
            return;
        }
        if (!convert_certificates()) {
            c_.out.put("tls", "level", "\"none\"",
                       {{c_.source_text("postscreen_tls_security_level"), false},
                        {"without a certificate postscreen offers no TLS either.", true}});
            c_.warn("postscreen_tls_security_level", "no certificate is set, so TLS stays off");
            return;
        }
        c_.put("tls", "level", fmt::format("\"{}\"", level),
               {"postscreen_tls_security_level", "postscreen_use_tls", "postscreen_enforce_tls"});
        convert_names();
        convert_protocols(level);
        // Before 3.12 a handshake had the time of a command; both are 300 s by default.
        if (is_set("postscreen_starttls_timeout"))
            c_.put_span("tls", "handshake_timeout", c_.span("postscreen_starttls_timeout", 's'),
                        {"postscreen_starttls_timeout"});
        else
            put_handshake_time();
        const std::string options = to_lower(c_.text("tls_ssl_options"));
        if (options.find("no_ticket") != std::string::npos)
            c_.put("tls", "session_tickets", "false", {"tls_ssl_options"});
    }

private:
    void put_handshake_time()
    {
        c_.put_span("tls", "handshake_timeout", c_.span("postscreen_command_time_limit", 's'),
                    {"postscreen_command_time_limit"});
        c_.out.add_comment("tls", "handshake_timeout",
                           {"postscreen gives a handshake the time of a command.", false});
    }

    [[nodiscard]] bool is_set(std::string_view name) const
    {
        return c_.values.find_origin(name).has_value();
    }

    std::string find_level()
    {
        const std::string level = to_lower(trim(c_.text("postscreen_tls_security_level")));
        if (level.empty()) {
            if (c_.flag("postscreen_enforce_tls")) return "encrypt";
            return c_.flag("postscreen_use_tls") ? "may" : "none";
        }
        if (level == "none" || level == "may" || level == "encrypt") return level;
        c_.warn("postscreen_tls_security_level",
                fmt::format("\"{}\" is \"encrypt\" for postscreen, and here", level));
        return "encrypt";
    }

    /// Of a certificate's parameter: what postscreen 3.12 reads, or tlsproxy before.
    struct source {
        std::string name;
        std::string text;
    };
    source find(std::string_view what)
    {
        const std::string own = fmt::format("postscreen_tls_{}", what);
        if (c_.values.written(own) != nullptr) return {own, c_.text(own)};
        const std::string old = fmt::format("tlsproxy_tls_{}", what);
        if (proxy_.written(old) != nullptr) return {old, c_.told_text(old, proxy_)};
        const std::string common = fmt::format("smtpd_tls_{}", what);
        return {common, c_.told_text(common, proxy_)};
    }

    std::vector<comment> told(const source& from)
    {
        const auto* at = proxy_.written(from.name);
        if (at == nullptr) at = c_.values.written(from.name);
        if (at == nullptr) return {{fmt::format("{} = {}", from.name, from.text), false}};
        return {{fmt::format("{} ({})", from.name, to_text(at->at)), false}};
    }

    bool convert_certificates()
    {
        const source chain = find("chain_files");
        if (!trim(chain.text).empty()) {
            const auto files = split_list(chain.text);
            for (const std::string& file : files)
                note_key(file);
            c_.out.put("tls", "chain_files", toml_list(files),
                       {told(chain).front(), {std::string(readable), false}});
            return true;
        }
        const source certificate = find("cert_file"), elliptic = find("eccert_file");
        const bool has_first = is_file(certificate), has_second = is_file(elliptic);
        if (!has_first && !has_second) return false;
        put_pair(has_first ? certificate : elliptic, find(has_first ? "key_file" : "eckey_file"));
        if (has_first && has_second) put_second(elliptic, find("eckey_file"));
        return true;
    }

    static bool is_file(const source& s)
    {
        return !trim(s.text).empty() && to_lower(trim(s.text)) != "none";
    }

    void put_pair(const source& certificate, const source& key)
    {
        // TOML has no place for the key tls.certificate beside tables of that name.
        if (has_names()) return put_second(certificate, key);
        c_.out.put("tls", "certificate", toml_text(trim(certificate.text)), told(certificate));
        // A key that is in the certificate's file need not be named.
        const bool has_file = is_file(key) && trim(key.text) != trim(certificate.text);
        note_key(trim(has_file ? key.text : certificate.text));
        if (has_file)
            c_.out.put("tls", "key", toml_text(trim(key.text)),
                       {told(key).front(), {std::string(readable), false}});
    }

    /// Another kind of key, behind the first pair.
    void put_second(const source& certificate, const source& key)
    {
        const std::string file{trim(certificate.text)};
        std::vector<std::string> files;
        if (is_file(key) && trim(key.text) != file) files.emplace_back(trim(key.text));
        note_key(files.empty() ? file : files.front());
        files.push_back(file);
        files.insert(files.begin(), chain_files_.begin(), chain_files_.end());
        chain_files_ = files;
        c_.out.put("tls", "chain_files", toml_list(files),
                   {told(certificate).front(), {std::string(readable), false}});
    }

    [[nodiscard]] bool has_names() const { return !trim(c_.text("tls_server_sni_maps")).empty(); }

    /// tls_server_sni_maps: a name, and its files as in smtpd_tls_chain_files.
    void convert_names()
    {
        const auto* const at = c_.values.written("tls_server_sni_maps");
        remark_sink remarks{c_.out.remarks, at != nullptr ? at->at : place{}};
        for (const std::string& word : split_list(c_.text("tls_server_sni_maps"))) {
            const auto table = parse_table_name(word);
            if (!table || table->kind != table_kind::keyed) {
                remarks.add(0, fmt::format("tls_server_sni_maps: {} cannot be read here: write its "
                                           "names and files as [[tls.certificate]]",
                                           table ? table->shown() : word));
                continue;
            }
            const auto lines = read_table(*table, c_.read, remarks);
            if (!lines) continue;
            for (const keyed_entry& entry : parse_entries(*table, *lines, remarks))
                put_names(entry, table->shown());
        }
    }

    void put_names(const keyed_entry& entry, const std::string& from)
    {
        const auto files = split_list(entry.result);
        const std::vector<comment> comments{{fmt::format("tls_server_sni_maps, {}", from), false},
                                            {std::string(readable), false}};
        for (std::size_t i = 0; i < files.size(); ++i) {
            std::vector<std::pair<std::string, std::string>> keys{
                {"names", toml_list({to_lower(entry.key)})}};
            const bool is_pair = i + 1 < files.size() && !has_certificate(files, i);
            note_key(files[i]);
            keys.emplace_back("certificate", toml_text(files[is_pair ? i + 1 : i]));
            if (is_pair) keys.emplace_back("key", toml_text(files[i++]));
            c_.out.add_table("tls", "certificate", std::move(keys), comments);
        }
    }

    /// Or a key alone, whose certificate is in the next file. Where the file may not be read, an
    /// even number of files are pairs.
    [[nodiscard]] bool has_certificate(const std::vector<std::string>& files,
                                       std::size_t which) const
    {
        std::string ignored;
        if (const auto text = c_.read(files[which], ignored))
            return text->find("-----BEGIN CERTIFICATE") != std::string::npos;
        return (files.size() - which) % 2 != 0;
    }

    void note_key(std::string_view file)
    {
        const bool is_known =
            std::ranges::find(c_.tls_keys, std::string(file)) != c_.tls_keys.end();
        if (!is_known) c_.tls_keys.emplace_back(file);
    }

    void convert_protocols(std::string_view level)
    {
        const auto* const what = level == "encrypt" ? "mandatory_protocols" : "protocols";
        const source list = find(what);
        const std::size_t oldest = oldest_protocol(list.text);
        const bool is_written =
            proxy_.written(list.name) != nullptr || c_.values.written(list.name) != nullptr;
        if (oldest > oldest_here)
            c_.out.put("tls", "min_protocol", "\"TLSv1.3\"", told(list));
        else if (is_written)
            c_.out.put("tls", "min_protocol", "\"TLSv1.2\"",
                       {told(list).front(),
                        {oldest < oldest_here ? "Older ones are off here; with level \"may\" such "
                                                "a client can still talk in the clear."
                                              : "The oldest one here, too.",
                         false}});
    }

    conversion& c_;
    std::vector<std::string> chain_files_; ///< written so far
    evaluator proxy_;                      ///< as tlsproxy sees them
};

} // namespace

void convert_tls(conversion& c)
{
    tls_converter{c}.convert();
}

} // namespace fendmail::app::postscreen
