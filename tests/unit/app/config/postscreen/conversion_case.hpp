// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/load.hpp"
#include "fendmail/app/config/postscreen/convert.hpp"
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
    {
        std::vector<input_file> inputs{{"main.cf", std::string(main)}};
        if (!master.empty()) inputs.push_back({"master.cf", std::string(master)});
        const host_facts host{"box.example.org",
                              {{*parse_address("127.0.0.1"), 8},
                               {*parse_address("192.0.2.17"), 28},
                               {*parse_address("::1"), 128}}};
        conversion_options options;
        options.writes_files = writes_files;
        made = convert(read_sources(inputs), {"main.cf"}, host, known.reader(), options);
        result = parse_config(made.toml, "made.toml", "box.example.org");
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
    [[nodiscard]] std::vector<std::string> listen() const
    {
        std::vector<std::string> out;
        for (const endpoint& at : startup().listen)
            out.push_back(to_text(at));
        return out;
    }
};

} // namespace fendmail::app::postscreen
