// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/nft/helper.hpp"
#include "fendmail/io/nft/ban_sets.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

namespace {

constexpr int exit_usage = 2;
constexpr unsigned size_max = 16'777'216;

int run(int argc, char** argv)
{
    fendmail::app::nft_options options;
    options.socket = "/run/fendmail/kernel-bans.sock";
    options.ports = {25};
    options.size = fendmail::io::ban_sets::default_size;
    CLI::App app{"Keeps the clients that fendmail has banned from this host's mail ports, in the "
                 "kernel's packet filter: two sets in a table \"inet fendmail\" of its own. Needs "
                 "CAP_NET_ADMIN, and bans.kernel = \"nftables\" in fendmail's configuration.",
                 "fendmail-nft"};
    app.set_version_flag("-V,--version", std::string("fendmail-nft ") + FENDMAIL_VERSION);
    app.add_option("-s,--socket", options.socket, "Where fendmail tells its bans")
        ->capture_default_str();
    app.add_option("-p,--port", options.ports,
                   "A port that they are kept from; may be given several times")
        ->capture_default_str()
        ->expected(1, fendmail::app::nft_options::ports_max)
        ->check(CLI::Range(1, 65535));
    app.add_option("--size", options.size,
                   "Clients of each family that the kernel takes, some 150 octets each")
        ->capture_default_str()
        ->check(CLI::Range(1U, size_max));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? EXIT_SUCCESS : exit_usage;
    }
    return fendmail::app::run_nft_helper(options);
}

} // namespace

int main(int argc, char** argv)
{
    try {
        return run(argc, argv);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "fendmail-nft: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
