// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/evaluator.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"
#include "fendmail/app/migrate/parameter_table.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::app::postscreen {

namespace {

constexpr std::string_view no_domain = "localdomain";
/// A default refers to a parameter whose default refers to another; none nests deeper.
constexpr unsigned reference_depth_max = 4;

/// The names behind each "$" of a text, in order.
std::vector<std::string> names_in(std::string_view text)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; (at = text.find('$', at)) != std::string_view::npos;) {
        at = std::min(text.find_first_not_of("${( ", at), text.size());
        const auto* const begin = text.data() + at;
        const auto* const end =
            std::find_if_not(begin, text.data() + text.size(), is_word_character);
        if (begin != end) out.emplace_back(begin, end);
    }
    return out;
}

} // namespace

evaluator::evaluator(const parameters& main, const parameters* overrides, const host_facts& host,
                     std::string config_directory)
    : main_{main}
    , overrides_{overrides}
    , host_{host}
    , config_directory_{std::move(config_directory)}
{
}

const written_value* evaluator::written(std::string_view name) const
{
    for (const parameters* from : {overrides_, &main_}) {
        if (from == nullptr) continue;
        const auto found = from->find(name);
        if (found != from->end()) return &found->second;
    }
    return nullptr;
}

std::optional<std::string> evaluator::raw(std::string_view name) const
{
    if (const auto* set = written(name)) return set->text;
    if (auto own = host_default(name)) return own;
    const parameter* known = find_parameter(name);
    // Old names and what Postfix does not define are undefined, not empty.
    if (known == nullptr || known->is_unknown_here) return std::nullopt;
    return std::string(known->default_text);
}

std::optional<std::string> evaluator::host_default(std::string_view name) const
{
    if (name == "config_directory") return config_directory_;
    if (name == "process_name") return "postscreen";
    if (name == "myhostname") return default_hostname();
    if (name == "mydomain") return default_domain();
    if (name == "mynetworks")
        return own_networks(host_, value("mynetworks_style").text, value("inet_interfaces").text,
                            value("inet_protocols").text);
    return std::nullopt;
}

std::string evaluator::default_hostname() const
{
    if (host_.hostname.find('.') != std::string::npos) return host_.hostname;
    const auto* domain = written("mydomain");
    return host_.hostname + "." + (domain != nullptr ? domain->text : std::string(no_domain));
}

std::string evaluator::default_domain() const
{
    const auto* set = written("myhostname");
    // "mx.$mydomain" without mydomain: Postfix finds nothing that it could mean.
    if (set != nullptr && set->text.find("mydomain") != std::string::npos) return {};
    const std::string host = set != nullptr ? expanded(set->text).text : host_.hostname;
    const std::size_t dot = host.find('.');
    return dot == std::string::npos ? std::string(no_domain) : host.substr(dot + 1);
}

expansion evaluator::value(std::string_view name, std::string_view stress) const
{
    const auto text = raw(name);
    return text ? expanded(*text, stress) : expansion{};
}

expansion evaluator::expanded(std::string_view text, std::string_view stress) const
{
    return expand(text, [&](std::string_view name) -> std::optional<std::string> {
        if (name == "stress") return std::string(stress);
        return raw(name);
    });
}

std::optional<evaluator::origin> evaluator::find_origin(std::string_view name) const
{
    return find_origin(name, 0);
}

std::optional<evaluator::origin> evaluator::find_origin(std::string_view name, unsigned depth) const
{
    if (const auto* set = written(name)) return origin{std::string(name), *set};
    const parameter* known = find_parameter(name);
    if (known == nullptr || depth >= reference_depth_max) return std::nullopt;
    for (const std::string& other : names_in(known->default_text))
        if (auto found = find_origin(other, depth + 1)) return found;
    return std::nullopt;
}

} // namespace fendmail::app::postscreen
