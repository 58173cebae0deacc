// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"
#include "support/catch.hpp"

#include <string>

namespace fendmail::event {
namespace {

std::string rendered(const proxy_header_refused& what)
{
    fmt::memory_buffer out;
    render_postscreen(out, what);
    return fmt::to_string(out);
}

} // namespace

TEST_CASE("render: a header that a balancer did not send is told as postscreen would", "[event]")
{
    const proxy_header_refused bare{*parse_endpoint("192.0.2.1:4711"),
                                    *parse_endpoint("192.0.2.2:25"), "time limit exceeded", "", 0};
    CHECK(rendered(bare) == "warning: haproxy read: [192.0.2.1]:4711: time limit exceeded");

    auto with_text = bare;
    with_text.text = "EHLO x\r\nwarning: forged";
    CHECK(rendered(with_text) == "warning: haproxy read: [192.0.2.1]:4711: time limit exceeded: "
                                 R"(EHLO x\r\nwarning: forged)");
    with_text.suppressed = 17;
    CHECK(rendered(with_text) ==
          "warning: haproxy read: [192.0.2.1]:4711 (and 17 others before it): "
          R"(time limit exceeded: EHLO x\r\nwarning: forged)");
}

} // namespace fendmail::event
