// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/load.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// Files for tests of the configuration: those of the tree, and temporary ones.
namespace fendmail::app::test_files {

namespace fs = std::filesystem;

/// The top of the source tree.
inline fs::path source_root()
{
    return FENDMAIL_SOURCE_ROOT; // not __FILE__, which ccache may have made relative
}

inline std::string content(const fs::path& file)
{
    std::ifstream in{file, std::ios::binary};
    if (!in) throw std::runtime_error("cannot read " + file.string());
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// A directory that goes away with all that is in it.
class temporary_directory {
public:
    temporary_directory()
    {
        std::string name = (fs::temp_directory_path() / "fendmail-test-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
        path_ = name;
    }
    ~temporary_directory()
    {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;

    /// Writes a file, and the directories above it.
    fs::path write(const fs::path& name, std::string_view text) const
    {
        const fs::path file = path_ / name;
        fs::create_directories(file.parent_path());
        std::ofstream{file, std::ios::binary} << text;
        return file;
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

/// The problems as lines, without `directory` in them.
inline std::vector<std::string> lines_of(const loaded& what, const fs::path& directory = {})
{
    std::vector<std::string> out;
    const std::string prefix = directory.empty() ? "" : directory.string() + "/";
    for (const problem& p : what.problems) {
        std::string line = to_text(p);
        for (std::size_t at = 0; !prefix.empty() && (at = line.find(prefix)) != line.npos;)
            line.erase(at, prefix.size());
        out.push_back(std::move(line));
    }
    return out;
}

/// Parses text as "t.toml" on a host called mx.example.org.
inline loaded parse(std::string_view toml, const io::variable_map& variables = {})
{
    return parse_config(toml, "t.toml", "mx.example.org", variables);
}

/// Loads a file on that host.
inline loaded load(const fs::path& file, const io::variable_map& variables = {})
{
    return load_config(file, "mx.example.org", variables);
}

} // namespace fendmail::app::test_files
