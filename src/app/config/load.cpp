// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/load.hpp"

#include "build.hpp"
#include "fendmail/app/config/access_files.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>

namespace fendmail::app {

namespace {

namespace fs = std::filesystem;

class loader {
public:
    explicit loader(const io::variable_map& variables)
        : settings_{variables}
    {
    }

    /// Reads one file's text over what is there.
    void add_text(std::string_view toml, std::string_view name)
    {
        const auto document = parse_document(toml, problems_.add_file(name), problems_);
        if (document)
            settings_.apply(*document, problems_);
        else
            complete_ = false;
    }

    void add_file(const fs::path& file)
    {
        const std::size_t index = problems_.add_file(file.string());
        std::string why;
        if (const auto text = read_file(file, why))
            add_text(*text, file.string());
        else
            cannot_read(index, why);
    }

    /// Adds the files in lexical order. No such directory is as good as an empty one.
    void add_directory(const fs::path& directory)
    {
        std::error_code failure;
        if (!fs::exists(fs::symlink_status(directory, failure))) return;
        std::vector<fs::path> files;
        fs::directory_iterator at{directory, failure};
        for (; !failure && at != fs::directory_iterator{}; at.increment(failure)) {
            const std::string name = at->path().filename().string();
            // Editors and package managers put their unfinished copies behind a dot.
            if (name.ends_with(".toml") && !name.starts_with('.')) files.push_back(at->path());
        }
        if (failure) cannot_read(problems_.add_file(directory.string()), failure.message());
        std::ranges::sort(files);
        for (const fs::path& file : files)
            add_file(file);
    }

    loaded finish(std::string_view default_hostname) &&
    {
        loaded out;
        // With a file missing, most of what could be said about the rest would be wrong.
        if (complete_) settings_.finish(problems_);
        settings_.apply_variables(problems_);
        if (complete_) settings_.warn_of_unknown_variables(problems_);
        if (complete_) out.value = build_config(settings_, default_hostname, problems_);
        if (problems_.has_fatal()) out.value.reset();
        if (out.value) out.keys = effective_keys(settings_, problems_);
        out.problems = problems_.sorted();
        return out;
    }

private:
    void cannot_read(std::size_t file, std::string_view why)
    {
        problems_.error({file, 0, 0}, fmt::format("cannot read: {}", why));
        complete_ = false;
    }

    problem_list problems_;
    settings settings_;
    bool complete_ = true;
};

} // namespace

std::string to_text(const problem& p)
{
    const std::string_view kind = p.fatal ? "error" : "warning";
    if (p.line == 0) return fmt::format("{}: {}: {}", p.file, kind, p.text);
    return fmt::format("{}:{}:{}: {}: {}", p.file, p.line, p.column, kind, p.text);
}

loaded load_config(const fs::path& file, std::string_view default_hostname,
                   const io::variable_map& variables)
{
    loader l{variables};
    l.add_file(file);
    l.add_directory(file.parent_path() / "conf.d");
    return std::move(l).finish(default_hostname);
}

loaded parse_config(std::string_view toml, std::string_view name, std::string_view default_hostname,
                    const io::variable_map& variables)
{
    loader l{variables};
    l.add_text(toml, name);
    return std::move(l).finish(default_hostname);
}

} // namespace fendmail::app
