// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/shared/snapshot.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::app;

namespace {

runtime_config with_site(const char* text)
{
    runtime_config config;
    config.hostname = "mx.example.org";
    config.dnsbl_sites = dnsbl::make_site_set({*dnsbl::parse_site(text)}, {});
    return config;
}

} // namespace

TEST_CASE("snapshot: a reload with the same sites keeps the set, with other sites it does not",
          "[app]")
{
    const auto first = make_snapshot(with_site("bl.example*2"));
    const auto same = make_snapshot(with_site("bl.example*2"), first.get());
    const auto other = make_snapshot(with_site("bl.example*3"), same.get());
    CHECK(first->dnsbl_sites == same->dnsbl_sites);
    CHECK(other->dnsbl_sites != same->dnsbl_sites);
    CHECK(other->dnsbl_sites->zones.at(0).sites.at(0).weight == 3);
}

TEST_CASE("snapshot: only passing sockets is limited by what is in transit", "[app]")
{
    runtime_config config = with_site("bl.example");
    for (const auto kind : {backend_kind::postfix_pass, backend_kind::proxy_v2,
                            backend_kind::proxy_v1, backend_kind::xclient, backend_kind::plain}) {
        config.backend.kind = kind;
        config.backend.address = "somewhere";
        const auto made = make_connector(config, std::make_shared<io::backend_address>());
        CHECK(made->passes_sockets() == (kind == backend_kind::postfix_pass));
        CHECK(made->name() == "somewhere");
    }
}
