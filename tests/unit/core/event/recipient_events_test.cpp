// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/recipient_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
{
    return {
        {recipient_log_followed{"/var/log/mail.log"}, "recipient_log_followed", "info",
         "known recipients: following /var/log/mail.log", R"("file":"/var/log/mail.log")",
         "file=/var/log/mail.log"},
        {recipient_log_unreadable{"/var/log/mail.log", "Permission denied"},
         "recipient_log_unreadable", "warning",
         "warning: known recipients: cannot follow /var/log/mail.log: Permission denied; tried "
         "again until it can be, the hosts that are known stay",
         R"("file":"/var/log/mail.log","reason":"Permission denied")",
         R"(file=/var/log/mail.log reason="Permission denied")"},
    };
}

} // namespace

TEST_CASE("recipient events: each has its exact line in every format", "[event]")
{
    check_rows(recipient_events{}, rows());
}

} // namespace fendmail::event
