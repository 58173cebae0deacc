// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/load.hpp"
#include "fendmail/app/config/postscreen/convert.hpp"
#include "fendmail/app/config/postscreen/parameter_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <ifaddrs.h>
#include <iostream>
#include <iterator>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>
#include <span>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::app {

namespace {

namespace fs = std::filesystem;
using postscreen::host_facts;

constexpr const char* postfix_directory = "/etc/postfix";

std::optional<std::string> read_whole(const fs::path& path, std::string& why)
{
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
        why = std::generic_category().message(EISDIR);
        return std::nullopt;
    }
    errno = 0;
    std::ifstream in{path, std::ios::binary};
    if (in) return std::string{std::istreambuf_iterator<char>{in}, {}};
    // The standard promises no errno here; libstdc++ leaves the one of open().
    why = errno != 0 ? std::generic_category().message(errno) : "cannot be read";
    return std::nullopt;
}

/// @throws std::runtime_error
std::vector<postscreen::input_file> read_inputs(const std::vector<std::string>& names)
{
    std::vector<postscreen::input_file> out;
    for (const std::string& name : names) {
        if (name == "-") {
            std::cin >> std::noskipws;
            out.push_back({name, {std::istreambuf_iterator<char>{std::cin}, {}}});
            continue;
        }
        std::string why;
        auto text = read_whole(name, why);
        if (!text) throw std::runtime_error(fmt::format("cannot read {}: {}", name, why));
        out.push_back({name, std::move(*text)});
    }
    return out;
}

unsigned prefix_of(std::span<const std::uint8_t> mask)
{
    unsigned bits = 0;
    for (const std::uint8_t octet : mask)
        bits += static_cast<unsigned>(std::popcount(octet));
    return bits;
}

template <std::size_t Size>
std::array<std::uint8_t, Size> octets_of(const void* from)
{
    std::array<std::uint8_t, Size> out{};
    std::copy_n(static_cast<const std::uint8_t*>(from), Size, out.begin());
    return out;
}

host_facts ask_host()
{
    host_facts out;
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) out.hostname = name.data();
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return out;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
        if (at->ifa_addr == nullptr || at->ifa_netmask == nullptr) continue;
        if ((at->ifa_flags & IFF_UP) == 0) continue;
        const void* address = at->ifa_addr;
        const void* mask = at->ifa_netmask;
        if (at->ifa_addr->sa_family == AF_INET) {
            const auto octets = octets_of<4>(&static_cast<const sockaddr_in*>(address)->sin_addr);
            const auto bits = octets_of<4>(&static_cast<const sockaddr_in*>(mask)->sin_addr);
            out.interfaces.push_back(
                {ip_address::v4(octets), static_cast<std::uint8_t>(prefix_of(bits))});
        } else if (at->ifa_addr->sa_family == AF_INET6) {
            const auto octets =
                octets_of<16>(&static_cast<const sockaddr_in6*>(address)->sin6_addr);
            const auto bits = octets_of<16>(&static_cast<const sockaddr_in6*>(mask)->sin6_addr);
            out.interfaces.push_back(
                {ip_address::v6(octets), static_cast<std::uint8_t>(prefix_of(bits))});
        }
    }
    return out;
}

/// The directory of the first main.cf or master.cf that was named.
std::string directory_of(const std::vector<std::string>& names)
{
    for (const std::string& name : names) {
        const fs::path path{name};
        if (path.filename() == "main.cf" || path.filename() == "master.cf")
            return fs::absolute(path).lexically_normal().parent_path().string();
    }
    return postfix_directory;
}

/// Where a table really is: a configuration that was copied still names its old place.
fs::path place_of_table(const std::string& path, const std::string& config_directory)
{
    const fs::path from{path};
    if (config_directory.empty() || from.is_relative()) return fs::path(config_directory) / from;
    const auto relative = from.lexically_relative(postfix_directory);
    const bool is_below = !relative.empty() && *relative.begin() != "..";
    return is_below ? fs::path(config_directory) / relative : from;
}

/// @throws std::runtime_error
void write_files(const postscreen::migration& made, const fs::path& directory, bool overwrites)
{
    std::vector<std::pair<fs::path, const std::string*>> files;
    files.emplace_back(directory / "fendmail.toml", &made.toml);
    for (const auto& [name, text] : made.access_files)
        files.emplace_back(directory / name, &text);
    for (const auto& [path, text] : files)
        if (!overwrites && fs::exists(fs::symlink_status(path)))
            throw std::runtime_error(
                fmt::format("{} is there already; --force overwrites it", path.string()));
    fs::create_directories(directory);
    for (const auto& [path, text] : files) {
        std::ofstream out{path, std::ios::binary | std::ios::trunc};
        out << *text;
        out.flush();
        if (!out)
            throw std::runtime_error(fmt::format("cannot write {}: {}", path.string(),
                                                 std::generic_category().message(errno)));
        fmt::print("wrote {}\n", path.string());
    }
}

void print_remarks(const std::vector<postscreen::remark>& remarks)
{
    for (const postscreen::remark& r : remarks)
        fmt::print(stderr, "{}\n", to_text(r));
}

} // namespace

int cli_migrate(const migrate_request& request)
try {
    if (request.shows_table) {
        fmt::print("{}", postscreen::parameters_markdown());
        return exit_ok;
    }
    auto names = request.files;
    if (names.empty()) names.emplace_back("-");
    const auto inputs = read_inputs(names);
    const auto from = postscreen::read_sources(inputs);
    if (!from.has_main && !from.has_master) {
        print_remarks(from.remarks);
        throw std::runtime_error("neither a parameter nor a service was found; give main.cf and "
                                 "master.cf, or the output of `postconf -n`");
    }
    postscreen::conversion_options options;
    options.config_directory =
        request.config_directory.empty() ? directory_of(names) : request.config_directory;
    options.writes_files = !request.output_directory.empty();
    const host_facts host = ask_host();
    if (request.shows_parameters) {
        fmt::print("{}", postscreen::effective_parameters(from, host, options));
        return exit_ok;
    }
    const auto read = [&](const std::string& path, std::string& why) {
        return read_whole(place_of_table(path, request.config_directory), why);
    };
    const auto made = postscreen::convert(from, names, host, read, options);
    print_remarks(made.remarks);
    if (!options.writes_files) {
        fmt::print("{}", made.toml);
        return std::fflush(stdout) == 0 ? exit_ok : exit_failure;
    }
    write_files(made, request.output_directory, request.overwrites);
    return exit_ok;
} catch (const std::exception& e) {
    fmt::print(stderr, "fendmail migrate: {}\n", e.what());
    return exit_failure;
}

} // namespace fendmail::app
