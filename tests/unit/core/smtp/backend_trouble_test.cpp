// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/backend_trouble.hpp"

#include "support/catch.hpp"

#include <optional>
#include <string>
#include <string_view>

using namespace fendmail;
using namespace fendmail::smtp;

TEST_CASE("backend trouble: only a temporary refusal of its own is passed on", "[smtp]")
{
    struct row {
        backend_need at;
        std::optional<reply> own;
        std::string expected;
    };
    const std::string at_greeting = "421 4.3.2 All server ports are busy";
    const std::string in_mail = "451 4.3.2 Service temporarily unavailable";
    const row rows[] = {
        {backend_need::greeting, std::nullopt, at_greeting},
        {backend_need::greeting, make_reply(421, "4.3.0", "later"), "421 4.3.0 later"},
        {backend_need::greeting, make_reply(554, "5.3.0", "no SMTP here"), at_greeting},
        {backend_need::mail, std::nullopt, in_mail},
        {backend_need::mail, make_reply(450, "", "later"), "450 later"},
        {backend_need::mail, make_reply(554, "5.3.0", "no SMTP here"), in_mail},
    };
    for (const row& r : rows)
        CHECK(to_log(answer_without_backend(r.at, r.own)) == r.expected);
}

TEST_CASE("backend trouble: a refusal may be the fault of what we did", "[smtp]")
{
    const reply wants_tls = make_reply(530, "5.7.0", "Must issue STARTTLS");
    const reply of_sender = make_reply(550, "5.1.8", "no such domain");
    struct row {
        const reply* refusal; ///< null = it accepted the sender
        bool offers_less;
        bool is_encrypted;
        std::string_view expected;
    };
    const row rows[] = {
        {nullptr, false, false, ""},
        {nullptr, false, true, ""},
        {&of_sender, false, true, ""},
        {nullptr, true, false, "it offers this client less than we did, and accepted the sender"},
        {&of_sender, true, false,
         "it offers this client less than we did, and said 550 5.1.8 no such domain"},
        // The client has not encrypted either: it is told so by the backend itself.
        {&wants_tls, false, false, ""},
        {&wants_tls, false, true,
         "it wants TLS, which the client has with us but we have not with it (backend.tls): "
         "530 5.7.0 Must issue STARTTLS"},
    };
    for (const row& r : rows)
        CHECK(misfit_of({r.refusal == nullptr ? std::nullopt : std::optional{*r.refusal},
                         r.offers_less, r.is_encrypted}) == r.expected);
}

TEST_CASE("backend trouble: what is guarded depends on the policy and on the way in", "[smtp]")
{
    struct row {
        data_policy policy;
        bool at_greeting;
        bool from_dialog;
    };
    const row rows[] = {
        {data_policy::automatic, false, true},
        {data_policy::strict, true, true},
        {data_policy::as_is, false, false},
    };
    for (const row& r : rows) {
        CHECK(is_guarded(r.policy, backend_need::greeting) == r.at_greeting);
        CHECK(is_guarded(r.policy, backend_need::mail) == r.from_dialog);
    }
}

TEST_CASE("backend trouble: the worst of what marked a relayed session is its reason", "[smtp]")
{
    const guard_fault fault{guard_fault_kind::nul, guard_place::message, 7};
    CHECK(reason_of_relay(std::nullopt, false, false).empty());
    CHECK(reason_of_relay(std::nullopt, false, true) == "false_end");
    CHECK(reason_of_relay(std::nullopt, true, true) == "idle");
    CHECK(reason_of_relay(fault, true, true) == to_string(guard_fault_kind::nul));
}
