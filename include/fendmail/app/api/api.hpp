// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/admin/site.hpp"
#include "fendmail/app/api/subject.hpp"

/// What the admin's HTTP server serves: health, metrics, the page, and the API of docs/api.md.
///
/// Source: RFC 8259 (JSON), WHATWG HTML (Server-Sent Events).
/// Units: seconds and RFC 3339 in UTC in what it says.
/// Memory: the reply; of lists at most a thousand entries at once.
/// Errors: replies with 4xx or 5xx and {"error": text}.
/// Threads: that of the subject's context.
namespace fendmail::app {

class admin_api final : public admin_site {
public:
    explicit admin_api(api_subject subject);
    ~admin_api() override;

    [[nodiscard]] web::right needed_for(admin_verb verb, std::string_view path) const override;
    [[nodiscard]] io::awaitable<admin_reply> answer(admin_request what) override;

private:
    api_subject subject_;
};

} // namespace fendmail::app
