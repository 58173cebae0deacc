// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/local_names.hpp"

#include "fendmail/core/dns/host_files.hpp"
#include "fendmail/io/dns/server_book.hpp"
#include "fendmail/io/os/whole_file.hpp"

namespace fendmail::app {

std::vector<ip_address> addresses_here(std::string_view name)
{
    const auto file = io::read_whole_file(io::hosts_file);
    return dns::find_in_hosts(file.text.value_or(""), name);
}

} // namespace fendmail::app
