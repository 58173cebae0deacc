// SPDX-License-Identifier: Apache-2.0
#include "dialing_connector.hpp"

#include <utility>

namespace fendmail::io {

std::unique_ptr<connector> make_xclient_connector(const connector_options& options)
{
    auto traits = traits_of(options);
    traits.tells_client = true;
    traits.advice = "allow XCLIENT to our address (Postfix: smtpd_authorized_xclient_hosts), or "
                    "correct backend.address or backend.kind";
    return std::make_unique<dialing_connector>(options, smtp::handoff_kind::xclient,
                                               std::move(traits));
}

} // namespace fendmail::io
