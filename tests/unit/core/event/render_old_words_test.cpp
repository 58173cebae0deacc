// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"
#include "support/catch.hpp"

#include <string>

namespace fendmail::event {
namespace {

const endpoint client{ip_address::v4({192, 0, 2, 1}), 12345};
const endpoint local{ip_address::v4({198, 51, 100, 9}), 25};

std::string old(const any_event& what)
{
    fmt::memory_buffer out;
    render_postscreen(out, what, log_words::old);
    return fmt::to_string(out);
}

} // namespace

TEST_CASE("render: the words of old Postfix versions can be had", "[event]")
{
    CHECK(old(allowlisted{client, "permit ::1"}) == "WHITELISTED [192.0.2.1]:12345");
    CHECK(old(denylisted{client, "reject ::1"}) == "BLACKLISTED [192.0.2.1]:12345 by reject ::1");
    CHECK(old(vetoed{client, local}) == "WHITELIST VETO [192.0.2.1]:12345");
    CHECK(old(passed{client, true}) == "PASS NEW [192.0.2.1]:12345");
}

} // namespace fendmail::event
