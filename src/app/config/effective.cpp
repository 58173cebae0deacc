// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/effective.hpp"

#include "fendmail/app/config/settings.hpp"
#include "fendmail/app/config/value_form.hpp"
#include "fendmail/core/assert.hpp"
#include "zone_mask.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <utility>

namespace fendmail::app {

namespace {

std::string list_toml(const std::vector<std::string>& items)
{
    std::string out;
    for (const std::string& item : items)
        out += (out.empty() ? "" : ", ") + toml_string(item);
    return fmt::format("[{}]", out);
}

class collector {
public:
    collector(const settings& from, const problem_list& files)
        : from_{from}
        , files_{files}
        , mask_{from}
    {
    }

    [[nodiscard]] std::vector<effective_key> collect() &&
    {
        for (const section& s : all_sections()) {
            if (!add_repeated(s.name)) add_section(s.name);
            for (const named_section& n : all_named_sections())
                if (n.section == s.name) add_named(n);
            for (const named_section& n : all_table_lists())
                if (n.section == s.name && !n.name.empty()) add_list(n);
        }
        return std::move(out_);
    }

private:
    void add_section(std::string_view name)
    {
        for (const key& k : all_keys())
            if (k.section == name)
                add(fmt::format("[{}]", name), std::string{name}, k, from_.get(name, k.name));
    }

    /// One [[backend]] is the section, and says a little more.
    bool add_repeated(std::string_view name)
    {
        const named_section* const of = find_table_list(name, "");
        if (of == nullptr) return false;
        const auto all = from_.tables(name, "");
        if (all.size() != 1) return false;
        for (const key& k : of->keys)
            add(of->header(""), std::string{name}, k,
                of->is_of_section(k) ? from_.get(name, k.name) : all.front().get(k.name));
        return true;
    }

    void add_named(const named_section& of)
    {
        for (const named_table& table : from_.tables(of.section, of.name)) {
            const auto name =
                of.secret_names == secrecy::none ? table.name.written : mask_.zone(table.name);
            const auto path = fmt::format("{}.{}", of.full_name(), toml_string(name));
            add_table(table, fmt::format("[{}]", path), path);
        }
    }

    void add_list(const named_section& of)
    {
        std::size_t number = 0;
        for (const named_table& table : from_.tables(of.section, of.name))
            add_table(table, of.header(""), fmt::format("{}[{}]", of.full_name(), number++));
    }

    void add_table(const named_table& table, const std::string& header, const std::string& path)
    {
        for (const key& k : table.of->keys)
            add(header, path, k, table.get(k.name));
    }

    void add(std::string header, std::string table, const key& k, const setting& s)
    {
        out_.push_back({.header = std::move(header),
                        .table = std::move(table),
                        .name = k.name,
                        .value = value_of(k, s),
                        .source = source_of(s.where),
                        .is_set = s.where.line != 0});
    }

    [[nodiscard]] std::string source_of(place where) const
    {
        if (where.line == 0) return "default";
        if (files_.is_variable(where.file)) return files_.file_name(where.file);
        return fmt::format("{}:{}", files_.file_name(where.file), where.line);
    }

    [[nodiscard]] std::string value_of(const key& k, const setting& s) const
    {
        if (s.where.line == 0) return k.default_toml;
        switch (k.type) {
        case key_type::text:
        case key_type::choice: return toml_string(shown(k, s.texts.front()));
        case key_type::text_list: {
            std::vector<std::string> items;
            for (const text_item& item : s.texts)
                items.push_back(shown(k, item));
            return list_toml(items);
        }
        case key_type::boolean: return s.number != 0 ? "true" : "false";
        case key_type::integer:
        case key_type::size: return std::to_string(s.number);
        case key_type::duration: return toml_string(duration_toml(milliseconds{s.number}));
        case key_type::text_map:
        case key_type::number_map: return map_toml(k, s);
        }
        FENDMAIL_ASSERT(false);
        return {};
    }

    [[nodiscard]] std::string shown(const key& k, const text_item& item) const
    {
        switch (k.secret) {
        case secrecy::none: return item.written;
        case secrecy::zones: return mask_.zone(item);
        case secrecy::keys: return zone_mask::key(item);
        }
        FENDMAIL_ASSERT(false);
        return {};
    }

    [[nodiscard]] std::string map_toml(const key& k, const setting& s) const
    {
        std::string out;
        for (const auto& [name, value] : s.pairs) {
            const auto left = k.secret == secrecy::none ? name.written : mask_.zone(name);
            const auto right = k.secret == secrecy::keys ? zone_mask::key(value) : value.written;
            out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", toml_string(left),
                               k.type == key_type::number_map ? right : toml_string(right));
        }
        return out.empty() ? "{}" : fmt::format("{{ {} }}", out);
    }

    const settings& from_;
    const problem_list& files_;
    const zone_mask mask_;
    std::vector<effective_key> out_;
};

} // namespace

std::string effective_key::path() const
{
    return fmt::format("{}.{}", table, name);
}

std::vector<effective_key> effective_keys(const settings& from, const problem_list& files)
{
    return collector{from, files}.collect();
}

std::string effective_toml(const std::vector<effective_key>& keys, bool only_set)
{
    std::string out;
    std::string_view table;
    for (const effective_key& k : keys) {
        if (only_set && !k.is_set) continue;
        if (k.table != table) {
            out += fmt::format("{}{}\n", out.empty() ? "" : "\n", k.header);
            table = k.table;
        }
        // A file's name could hold a line end, and would end the comment.
        const auto quoted = toml_string(k.source);
        out += fmt::format("{} = {}  # {}\n", k.name, k.value,
                           std::string_view{quoted}.substr(1, quoted.size() - 2));
    }
    return out;
}

std::string effective_json(std::string_view path, const std::vector<effective_key>& keys,
                           bool only_set)
{
    boost::json::array all;
    for (const effective_key& k : keys)
        if (k.is_set || !only_set)
            all.push_back(
                boost::json::object{{"key", k.path()}, {"value", k.value}, {"source", k.source}});
    boost::json::object out;
    out["path"] = std::string{path};
    out["keys"] = std::move(all);
    return boost::json::serialize(out);
}

} // namespace fendmail::app
