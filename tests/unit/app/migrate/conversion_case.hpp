// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/load.hpp"
#include "fendmail/app/migrate/convert.hpp"
#include "table_files.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

/// main.cf and master.cf as text → what fendmail makes of the result.
namespace fendmail::app::postscreen {

struct conversion_case {
    migration made;
    loaded result; ///< of loading it, as `fendmail check` does

    /// @param master "" = not given
    explicit conversion_case(std::string_view main, std::string_view master = "",
                             const test_tables::files& known = {}, bool writes_files = false)
        : conversion_case{main, master, known, with_files(writes_files)}
    {
    }

    conversion_case(std::string_view main, std::string_view master, const test_tables::files& known,
                    const conversion_options& options)
    {
        std::vector<input_file> inputs{{"main.cf", std::string(main)}};
        if (!master.empty()) inputs.push_back({"master.cf", std::string(master)});
        const host_facts host{"box.example.org",
                              {{*parse_address("127.0.0.1"), 8},
                               {*parse_address("192.0.2.17"), 28},
                               {*parse_address("::1"), 128}},
                              resolve};
        made = convert(read_sources(inputs), {"main.cf"}, host, known.reader(), options);
        result = parse_config(made.toml, "made.toml", "box.example.org");
    }

    static conversion_options with_files(bool writes_files)
    {
        conversion_options options;
        options.writes_files = writes_files;
        return options;
    }

    /// All that DNS knows.
    static std::vector<ip_address> resolve(const std::string& name)
    {
        if (name == "mx.example.org")
            return {*parse_address("192.0.2.17"), *parse_address("2001:db8::17")};
        if (name == "box.example.org") return {*parse_address("127.0.1.1")};
        return {};
    }

    /// What keeps fendmail from using it.
    [[nodiscard]] std::vector<std::string> errors() const
    {
        std::vector<std::string> out;
        for (const problem& p : result.problems)
            if (p.fatal) out.push_back(to_text(p));
        return out;
    }
    [[nodiscard]] const runtime_config& runtime() const { return result.value->runtime; }
    [[nodiscard]] const startup_config& startup() const { return result.value->startup; }
    [[nodiscard]] std::vector<std::string> remarks() const
    {
        return test_tables::remarks_of(made.remarks);
    }
    [[nodiscard]] bool has(std::string_view text) const
    {
        return made.toml.find(text) != std::string::npos;
    }
    [[nodiscard]] bool warns_of(std::string_view text) const
    {
        const auto all = remarks();
        return std::ranges::any_of(
            all, [&](const std::string& r) { return r.find(text) != std::string::npos; });
    }
    /// Whether the file marks it for the admin: a comment line that says ATTENTION and this.
    [[nodiscard]] bool marks(std::string_view text) const
    {
        // A comment goes on in lines that are indented further.
        std::string flat = made.toml;
        for (std::size_t at = 0; (at = flat.find("\n#   ", at)) != std::string::npos;)
            flat.replace(at, 5, " ");
        for (std::size_t at = 0; (at = flat.find("ATTENTION", at)) != std::string::npos; ++at)
            if (flat.substr(at, flat.find('\n', at) - at).find(text) != std::string::npos)
                return true;
        return false;
    }
    [[nodiscard]] std::vector<std::string> listen() const
    {
        std::vector<std::string> out;
        for (const endpoint& at : startup().server.listen)
            out.push_back(to_text(at));
        return out;
    }
};

} // namespace fendmail::app::postscreen
