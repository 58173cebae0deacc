// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/config.hpp"

#include "fendmail/core/assert.hpp"

namespace fendmail::app {

std::string_view to_string(store_kind k) noexcept
{
    switch (k) {
    case store_kind::lmdb: return "lmdb";
    case store_kind::memory: return "memory";
    case store_kind::none: return "none";
    }
    FENDMAIL_ASSERT(false);
    return {};
}

std::string_view to_string(backend_kind k) noexcept
{
    switch (k) {
    case backend_kind::postfix_pass: return "postfix-pass";
    case backend_kind::proxy_v2: return "proxy-v2";
    case backend_kind::proxy_v1: return "proxy-v1";
    case backend_kind::xclient: return "xclient";
    case backend_kind::plain: return "plain";
    }
    FENDMAIL_ASSERT(false);
    return {};
}

std::string hazard_of_plain(const backend_options& to)
{
    if (to.kind != backend_kind::plain) return {};
    return fmt::format("backend.kind is \"plain\": the mail server at {} sees our own address in "
                       "place of every client's. If it trusts that address (mynetworks and the "
                       "like, where loopback mostly is), it takes mail for anybody from anybody: "
                       "an open relay. Use proxy-v2, xclient or postfix-pass, or make sure that it "
                       "trusts nobody there",
                       to.address);
}

} // namespace fendmail::app
