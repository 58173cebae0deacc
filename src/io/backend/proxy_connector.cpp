// SPDX-License-Identifier: Apache-2.0
#include "dialing_connector.hpp"
#include "fendmail/core/proxy/proxy_header.hpp"

#include <utility>

namespace fendmail::io {

namespace {

class proxy_connector final : public dialing_connector {
public:
    proxy_connector(const connector_options& options, connector_traits traits,
                    proxy_version version)
        : dialing_connector{options, smtp::handoff_kind::proxy, std::move(traits)}
        , version_{version}
    {
    }

private:
    [[nodiscard]] std::string header(const open_request& request) const override
    {
        return version_ == proxy_version::v1 ? proxy::write_v1(request.client, request.local)
                                             : proxy::write_v2(request.client, request.local);
    }

    proxy_version version_;
};

} // namespace

std::unique_ptr<connector> make_proxy_connector(const connector_options& options,
                                                proxy_version version)
{
    auto traits = traits_of(options);
    traits.tells_client = true;
    traits.sends_header = true;
    traits.advice = "have its port expect the PROXY protocol (Postfix: -o "
                    "smtpd_upstream_proxy_protocol=haproxy on its line in master.cf; Exim: "
                    "hosts_proxy with our address; OpenSMTPD: proxy-v2 on its listen line), or "
                    "correct backend.address or backend.kind";
    return std::make_unique<proxy_connector>(options, std::move(traits), version);
}

} // namespace fendmail::io
