// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "fendmail/io/net/steering.hpp"

namespace fendmail::app {

static_assert(ipv6_prefix_min == io::steered_ipv6_prefix);

const section_source limits_section{
    {"limits", "How many clients at once; beyond that they get a 421 reply."},
    [](section_rows& keys) { keys.add_part(&runtime_config::limits); },
};

} // namespace fendmail::app
