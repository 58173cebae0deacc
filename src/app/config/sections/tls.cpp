// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fendmail::app {

namespace {

/// A file and the value that names it.
struct named_file {
    const text_item* item;
    std::string_view key_name; ///< "tls.key"
};

/// What a table [[tls.certificate]] has.
struct certificate_table {
    std::vector<std::string> names;
    std::string certificate;
    std::string key;
};

/// Reads the files, so that what `fendmail check` accepts is what a start or a reload takes.
class tls_builder : section_builder {
public:
    explicit tls_builder(const section_builder& from)
        : section_builder{from}
    {
    }

    void build()
    {
        const setting& level = from_.get("tls", "level");
        // What is not used need not be there; and with a broken value all else would be a guess.
        if (tls_.level == smtp::tls_level::none || is_broken()) return;
        collect();
        if (!tls_.server.identities.empty())
            load();
        else if (from_.get("tls", "chain_files").texts.empty())
            problems_.error(level.where,
                            fmt::format("tls.level: {} needs a certificate; write its file in "
                                        "tls.certificate or tls.chain_files",
                                        in_quotes(to_string(tls_.level))));
        if (tls_.context) look_at_user();
    }

private:
    [[nodiscard]] bool is_broken() const
    {
        for (const auto* name : {"level", "certificate", "key", "chain_files", "min_protocol"})
            if (from_.get("tls", name).broken) return true;
        return std::ranges::any_of(tables_, [](const named_table& table) {
            return std::ranges::any_of(table.values, &setting::broken);
        });
    }

    void add(named_file certificate, named_file key)
    {
        tls_.server.identities.push_back(identity_of(certificate, key));
        files_.emplace_back(certificate, key);
    }

    [[nodiscard]] io::tls_identity identity_of(named_file certificate, named_file key) const
    {
        return {path_of(*certificate.item),
                key.item != certificate.item ? path_of(*key.item) : std::filesystem::path{}};
    }

    void collect()
    {
        const text_item& certificate = from_.get("tls", "certificate").texts.front();
        const text_item& key = from_.get("tls", "key").texts.front();
        const named_file first{&certificate, "tls.certificate"};
        if (!certificate.text.empty())
            add(first, key.text.empty() ? first : named_file{&key, "tls.key"});
        else if (!key.text.empty())
            problems_.error(key.where, "tls.key: its certificate is missing; write the file in "
                                       "tls.certificate");
        collect_chain_files();
        // In the order in which problems count them: those for all others first.
        for (const named_table& table : tables_)
            if (table.get("names").texts.empty()) collect_table(table);
        for (const named_table& table : tables_)
            if (!table.get("names").texts.empty()) collect_table(table);
    }

    void collect_table(const named_table& table)
    {
        const text_item& certificate = table.text("certificate");
        const text_item& key = table.text("key");
        if (certificate.text.empty())
            return problems_.error(table.name.where,
                                   "tls.certificate: certificate is missing; write its file");
        const named_file file{&certificate, "tls.certificate.certificate"};
        const named_file key_file =
            key.text.empty() ? file : named_file{&key, "tls.certificate.key"};
        std::vector<std::string> names;
        for (const text_item& item : table.get("names").texts)
            if (auto name = name_of(item); !name.empty()) names.push_back(std::move(name));
        if (table.get("names").texts.empty()) return add(file, key_file);
        if (names.empty()) return;
        std::ranges::sort(names);
        warn_of_taken_names(names, table);
        tls_.server.named.push_back({std::move(names), identity_of(file, key_file)});
        files_.emplace_back(file, key_file);
    }

    /// Lower case, as clients' names are compared; "" and an error when it is none.
    std::string name_of(const text_item& item)
    {
        std::string name;
        for (const char c : item.text)
            name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        if (name.starts_with("*.")) name.erase(0, 1);
        constexpr std::size_t octets_max = 253;
        const std::string_view labels = std::string_view{name}.substr(name.starts_with('.'));
        const bool is_name = !labels.empty() && labels.size() <= octets_max &&
                             labels.front() != '.' && labels.back() != '.' &&
                             labels.find("..") == std::string_view::npos &&
                             labels.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") ==
                                 std::string_view::npos;
        if (is_name) return name;
        problems_.error(item.where, fmt::format("tls.certificate.names: not a host name; write one "
                                                "such as \"mx.example.org\", or \".example.org\" "
                                                "for all below it (found {})",
                                                in_quotes(item.written)));
        return {};
    }

    /// The first table with a name has it, unless they have all their names in common.
    void warn_of_taken_names(const std::vector<std::string>& names, const named_table& table)
    {
        for (const auto& [taken, identity] : tls_.server.named)
            for (const std::string& name : names)
                if (taken != names && std::ranges::find(taken, name) != taken.end())
                    problems_.warning(table.get("names").where,
                                      fmt::format("tls.certificate.names: another table has {} "
                                                  "already, and it counts; give both the same "
                                                  "names, or take it away from one",
                                                  in_quotes(name)));
    }

    /// One file with key and certificates, or the key in one and the certificates in the next.
    void collect_chain_files()
    {
        const text_item* key = nullptr;
        for (const text_item& item : from_.get("tls", "chain_files").texts) {
            const named_file file{&item, "tls.chain_files"};
            if (item.text.empty())
                problems_.error(item.where, "tls.chain_files: write the path of a PEM file");
            else if (key != nullptr)
                add(file, named_file{std::exchange(key, nullptr), "tls.chain_files"});
            else if (io::holds_only_a_key(path_of(item)))
                key = &item;
            else
                add(file, file);
        }
        if (key != nullptr)
            problems_.error(key->where, fmt::format("tls.chain_files: {} holds a key without a "
                                                    "certificate, and no file follows",
                                                    in_quotes(key->written)));
    }

    void load()
    {
        std::vector<io::tls_problem> found;
        tls_.context = io::tls_context::for_server(tls_.server, io::wall_now(), found);
        for (const io::tls_problem& p : found) {
            const auto& [certificate, key] = files_[p.identity];
            const named_file& where = p.in_key ? key : certificate;
            const auto text = fmt::format("{}: {}", where.key_name, p.text);
            if (p.fatal)
                problems_.error(where.item->where, text);
            else
                problems_.warning(where.item->where, text);
        }
    }

    void look_at_user()
    {
        for (const auto& [certificate, key] : files_) {
            look_at_user_of(certificate);
            if (key.item != certificate.item) look_at_user_of(key);
        }
    }
    void look_at_user_of(const named_file& file)
    {
        warn_unless_readable(*file.item, file.key_name, path_of(*file.item));
    }

    const std::vector<named_table> tables_ = from_.tables("tls", "certificate");
    tls_options& tls_ = out_.runtime.tls;
    std::vector<std::pair<named_file, named_file>> files_; ///< as `identities`, then `named`
};

} // namespace

const section_source tls_section{
    {"tls", "STARTTLS in our own dialog."},
    [](section_rows& keys) {
        keys.add_part(&runtime_config::tls);
        keys.tables<certificate_table>(
            {.name = "certificate",
             .doc =
                 "A certificate for clients that name one of its names (SNI); all others get that "
                 "of [tls]. One table for each certificate; with the same names and another kind "
                 "of key they complement each other. One that cannot be used is told and left "
                 "out. Strictly, TOML has no place for these tables beside the key "
                 "tls.certificate; fendmail reads both all the same."},
            [](key_rows<certificate_table>& of_table) {
                of_table.add(
                    "names", &certificate_table::names,
                    {.doc = "The names that clients ask for; \".example.org\" stands for all "
                            "below it, and the "
                            "longest that fits decides; [] = for all others, like chain_files.",
                     .example = R"(["mx.example.net", ".example.com"])"});
                of_table.add("certificate", &certificate_table::certificate,
                             {.doc = "PEM file with the certificate and its chain; a relative path "
                                     "starts at the file "
                                     "that holds this.",
                              .example = R"("/etc/fendmail/example.net.pem")"});
                of_table.add("key", &certificate_table::key,
                             {.doc =
                                  "PEM file with the private key; \"\" = it is in the file of the "
                                  "certificate.",
                              .example = R"("/etc/fendmail/example.net.key")"});
            });
    },
    build_with<tls_builder>,
};

} // namespace fendmail::app
