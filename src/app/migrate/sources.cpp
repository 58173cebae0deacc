// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/sources.hpp"

#include "fendmail/app/migrate/json_pairs.hpp"
#include "fendmail/app/migrate/logical_lines.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

constexpr std::array<std::string_view, 5> service_types{"inet", "unix", "fifo", "pass",
                                                        "unix-dgram"};
/// Name, type, private, unprivileged, chroot, wake-up, process limit, command.
constexpr std::size_t columns = 8;
/// The same as `postconf -F` names them.
constexpr std::array<std::string_view, columns> fields{
    "service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit", "command"};

enum class file_kind { main, master, by_line };

file_kind kind_of(std::string_view name)
{
    const auto base = std::filesystem::path(name).filename();
    if (base == "main.cf") return file_kind::main;
    if (base == "master.cf") return file_kind::master;
    return file_kind::by_line;
}

/// Names of other programs' transports begin some: "policyd-spf_time_limit".
bool is_parameter_name(std::string_view name)
{
    constexpr std::string_view also = "-.+@:";
    return !name.empty() && std::ranges::all_of(name, [&](char c) {
        return is_word_character(c) || also.find(c) != std::string_view::npos;
    });
}

/// "smtp/inet/postscreen_greet_wait", as `postconf -P` writes overrides.
std::optional<std::array<std::string, 3>> split_override_name(std::string_view name)
{
    const std::size_t last = name.rfind('/');
    if (last == std::string_view::npos || last == 0) return std::nullopt;
    const std::size_t middle = name.rfind('/', last - 1);
    if (middle == std::string_view::npos || middle == 0) return std::nullopt;
    std::array<std::string, 3> out{std::string(name.substr(0, middle)),
                                   std::string(name.substr(middle + 1, last - middle - 1)),
                                   std::string(name.substr(last + 1))};
    if (std::ranges::find(service_types, out[1]) == service_types.end()) return std::nullopt;
    if (!is_parameter_name(out[2])) return std::nullopt;
    return out;
}

class source_reader {
public:
    void read(const input_file& file)
    {
        const file_kind kind = kind_of(file.name);
        for (const logical_line& line : logical_lines(file.text)) {
            const place at{file.name, line.number};
            if (line.is_orphan)
                complain(at, "begins with a blank but continues nothing: not read");
            else if (is_json(line.text))
                take_json(line, at);
            else if (!take(line, at, kind))
                // Its text is not shown: it might be a zone with a key in it.
                complain(at, "neither \"name = value\" nor a service: not read");
        }
    }

    sources finish() &&
    {
        for (const row& one : rows_)
            finish_row(one);
        for (auto& [where, value] : late_overrides_)
            apply(where, std::move(value));
        return std::move(out_);
    }

private:
    void complain(place at, std::string text)
    {
        out_.remarks.push_back({std::move(at), std::move(text)});
    }

    bool take(const logical_line& line, const place& at, file_kind kind)
    {
        switch (kind) {
        case file_kind::main: return take_parameter(split_name_value(line.text), at);
        case file_kind::master: return take_service(line.text, at);
        case file_kind::by_line:
            return take_parameter(split_name_value(line.text), at) || take_service(line.text, at);
        }
        return false;
    }

    /// {"myhostname": "mx"}, {"smtp/inet": "smtp inet n …"}, {"smtp/inet/soft_bounce": "yes"}.
    void take_json(const logical_line& line, const place& at)
    {
        const auto pairs = parse_json_pairs(line.text);
        if (!pairs) return complain(at, "begins as JSON of `postconf -j` but is none: not read");
        for (const name_value& pair : *pairs)
            if (!take_parameter(pair, at) && !take_service(pair.value, at))
                complain(at, "neither \"name\": \"value\" nor a service: not read");
    }

    bool take_parameter(std::optional<name_value> pair, const place& at)
    {
        if (!pair) return false;
        if (auto where = split_override_name(pair->name)) {
            if (const auto field = std::ranges::find(fields, (*where)[2]); field != fields.end()) {
                take_field(*where, static_cast<std::size_t>(field - fields.begin()), pair->value,
                           at);
                return true;
            }
            late_overrides_.emplace_back(std::move(*where), written_value{pair->value, at});
            return true;
        }
        if (!is_parameter_name(pair->name)) return false;
        out_.has_main = true;
        out_.main.insert_or_assign(std::move(pair->name),
                                   written_value{std::move(pair->value), at});
        return true;
    }

    /// Of a service that comes field by field: "smtp/inet/private = n".
    struct row {
        std::string name;
        std::string type;
        std::array<std::string, columns> texts;
        place at;
    };

    void take_field(const std::array<std::string, 3>& where, std::size_t field, std::string value,
                    const place& at)
    {
        auto found = std::ranges::find_if(
            rows_, [&](const row& r) { return r.name == where[0] && r.type == where[1]; });
        if (found == rows_.end()) found = rows_.insert(rows_.end(), {where[0], where[1], {}, at});
        found->texts[field] = std::move(value);
    }

    void finish_row(const row& r)
    {
        std::string text;
        for (const std::string& field : r.texts)
            text += (text.empty() ? "" : " ") + field;
        const bool is_whole =
            std::ranges::none_of(r.texts, [](const std::string& t) { return t.empty(); });
        if (!is_whole || !take_service(text, r.at))
            complain(r.at, fmt::format("{}/{}: a service without all its fields: not read", r.name,
                                       r.type));
    }

    bool take_service(std::string_view text, const place& at)
    {
        const auto words = split_list(text, blanks);
        if (words.size() < columns) return false;
        if (std::ranges::find(service_types, words[1]) == service_types.end()) return false;
        master_service service;
        service.name = words[0];
        service.type = words[1];
        service.is_private = words[2] != "n";
        service.chroot = words[4];
        service.command = std::filesystem::path(words[7]).filename().string();
        for (std::size_t i = 0; i < columns; ++i)
            service.first_row += (i == 0 ? "" : " ") + words[i];
        service.at = at;
        read_arguments(service, {words.begin() + columns, words.end()});
        out_.has_master = true;
        // A second definition replaces the first one, as master does it.
        std::erase_if(out_.services, [&](const master_service& other) {
            if (other.name != service.name || other.type != service.type) return false;
            service.replaced_rows = other.replaced_rows;
            service.replaced_rows.push_back(row_text(other));
            return true;
        });
        out_.services.push_back(std::move(service));
        return true;
    }

    void read_arguments(master_service& service, std::span<const std::string> words)
    {
        const bool is_ours = service.command == "postscreen" || service.command == "smtpd" ||
                             service.command == "tlsproxy";
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (is_ours && words[i].starts_with('#')) {
                complain(service.at, "a \"#\" behind a service begins no comment: Postfix takes it "
                                     "and what follows for arguments");
                return;
            }
            std::string word = braces_content(words[i]).value_or(words[i]);
            if (word == "-v" || word == "-vv" || word == "-D") continue;
            if (word == "-o" && i + 1 < words.size()) {
                ++i;
                word = braces_content(words[i]).value_or(words[i]);
            } else if (word.starts_with("-o")) {
                word = std::string(trim(std::string_view(word).substr(2)));
            } else {
                continue; // arguments of other programs
            }
            auto pair = split_name_value(word);
            if (pair)
                service.overrides.insert_or_assign(
                    std::move(pair->name), written_value{std::move(pair->value), service.at});
            else
                complain(service.at, "an option -o that is not \"-o name=value\": not read");
        }
    }

    void apply(const std::array<std::string, 3>& where, written_value value)
    {
        const auto found = std::ranges::find_if(out_.services, [&](const master_service& s) {
            return s.name == where[0] && s.type == where[1];
        });
        if (found == out_.services.end())
            complain(value.at, fmt::format("an override for {}/{}, but no such service is given: "
                                           "not read",
                                           where[0], where[1]));
        else
            found->overrides.insert_or_assign(where[2], std::move(value));
    }

    sources out_;
    std::vector<row> rows_;
    std::vector<std::pair<std::array<std::string, 3>, written_value>> late_overrides_;
};

} // namespace

std::string to_text(const place& at)
{
    const std::string file = at.file == "-" ? "standard input" : at.file;
    return at.line == 0 ? file : fmt::format("{}:{}", file, at.line);
}

std::string row_text(const master_service& s)
{
    return fmt::format("{} ({})", s.first_row, to_text(s.at));
}

std::string to_text(const remark& r)
{
    if (r.at.file.empty()) return fmt::format("fendmail migrate: warning: {}", r.text);
    return fmt::format("{}: warning: {}", to_text(r.at), r.text);
}

sources read_sources(std::span<const input_file> files)
{
    source_reader reader;
    for (const input_file& file : files)
        reader.read(file);
    return std::move(reader).finish();
}

} // namespace fendmail::app::postscreen
