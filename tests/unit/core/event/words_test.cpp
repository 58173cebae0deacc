// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/event/render.hpp"
#include "support/catch.hpp"

namespace fendmail::event {

TEST_CASE("render: each enumerator has a word of its own", "[event]")
{
    CHECK(to_string(phase::connect) == "connect");
    CHECK(to_string(verdict::pass_old) == "pass_old");
    CHECK(to_string(verdict::allowlisted) == "allowlisted");
    CHECK(to_string(verdict::passed) == "passed");
    CHECK(to_string(verdict::dropped) == "dropped");
    CHECK(to_string(verdict::deferred) == "deferred");
    CHECK(to_string(verdict::left) == "left");
    CHECK(to_string(ended_by::backend) == "backend");
    CHECK(to_string(level::debug) == "debug");
    CHECK(to_string(log_format::postscreen) == "postscreen");
    CHECK(to_string(log_format::json) == "json");
    CHECK(to_string(log_format::logfmt) == "logfmt");
}

} // namespace fendmail::event
