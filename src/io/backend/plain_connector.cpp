// SPDX-License-Identifier: Apache-2.0
#include "dialing_connector.hpp"

#include <utility>

namespace fendmail::io {

std::unique_ptr<connector> make_plain_connector(const connector_options& options)
{
    auto traits = traits_of(options);
    traits.advice = "correct backend.address or backend.kind";
    return std::make_unique<dialing_connector>(options, smtp::handoff_kind::greeting_only,
                                               std::move(traits));
}

} // namespace fendmail::io
