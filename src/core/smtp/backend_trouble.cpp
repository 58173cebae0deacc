// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/backend_trouble.hpp"

#include <fmt/format.h>

namespace fendmail::smtp {

reply answer_without_backend(backend_need at, const std::optional<reply>& own)
{
    if (own && own->is_transient()) return *own;
    switch (at) {
    case backend_need::greeting: return make_reply(421, "4.3.2", "All server ports are busy");
    case backend_need::mail: break;
    }
    return make_reply(451, "4.3.2", "Service temporarily unavailable");
}

std::string misfit_of(const replayed& what)
{
    constexpr int needs_starttls = 530;
    // It has changed, or is one of several.
    if (what.offers_less)
        return what.refusal ? fmt::format("it offers this client less than we did, and said {}",
                                          to_log(*what.refusal))
                            : "it offers this client less than we did, and accepted the sender";
    if (what.refusal && what.refusal->code == needs_starttls && what.is_encrypted)
        return fmt::format("it wants TLS, which the client has with us but we have not with it "
                           "(backend.tls): {}",
                           to_log(*what.refusal));
    return {};
}

std::string_view to_string(data_policy p) noexcept
{
    switch (p) {
    case data_policy::automatic: return "auto";
    case data_policy::strict: return "strict";
    case data_policy::as_is: return "as-is";
    }
    return "?";
}

bool is_guarded(data_policy policy, backend_need from) noexcept
{
    switch (policy) {
    case data_policy::automatic: return from == backend_need::mail;
    case data_policy::strict: return true;
    case data_policy::as_is: break;
    }
    return false;
}

std::string_view reason_of_relay(const std::optional<guard_fault>& fault, bool was_idle,
                                 bool had_false_end) noexcept
{
    if (fault) return to_string(fault->kind);
    if (was_idle) return "idle";
    return had_false_end ? "false_end" : "";
}

} // namespace fendmail::smtp
