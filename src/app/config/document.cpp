// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/document.hpp"

// toml++ is slow to compile: this is the only file that includes it.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <fmt/format.h>
#include <re2/re2.h>

namespace fendmail::app {

namespace {

place place_of(const toml::source_region& source, std::size_t file)
{
    return {file, source.begin.line, source.begin.column};
}

toml_value convert(const toml::node& node, std::size_t file)
{
    toml_value out;
    out.where = place_of(node.source(), file);
    if (const auto* table = node.as_table()) {
        for (const auto& [name, content] : *table) {
            toml_value item = convert(content, file);
            item.name = std::string(name.str());
            item.name_where = place_of(name.source(), file);
            out.items.push_back(std::move(item));
        }
    } else if (const auto* list = node.as_array()) {
        out.what = toml_value::kind::list;
        for (const toml::node& content : *list)
            out.items.push_back(convert(content, file));
    } else if (const auto* text = node.as_string()) {
        out.what = toml_value::kind::text;
        out.text = text->get();
    } else if (const auto* number = node.as_integer()) {
        out.what = toml_value::kind::integer;
        out.number = number->get();
    } else if (const auto* flag = node.as_boolean()) {
        out.what = toml_value::kind::boolean;
        out.number = flag->get() ? 1 : 0;
    } else {
        out.what = node.is_floating_point() ? toml_value::kind::fraction : toml_value::kind::date;
    }
    return out;
}

std::string with_certificate_tables(std::string_view toml)
{
    static const re2::RE2 header{
        R"((?m)^([ \t]*\[\[[ \t]*tls[ \t]*\.[ \t]*)certificate([ \t]*\]\]))"};
    std::string out{toml};
    re2::RE2::GlobalReplace(&out, header, fmt::format("\\1{}\\2", certificate_tables));
    return out;
}

} // namespace

std::optional<toml_value> parse_document(std::string_view toml, std::size_t file,
                                         problem_list& problems)
{
    const toml::parse_result parsed = toml::parse(with_certificate_tables(toml));
    if (parsed) return convert(parsed.table(), file);
    problems.error(place_of(parsed.error().source(), file),
                   fmt::format("not valid TOML: {}", parsed.error().description()));
    return std::nullopt;
}

} // namespace fendmail::app
