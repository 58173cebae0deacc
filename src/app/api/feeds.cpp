// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/feeds/feed_status.hpp"
#include "fendmail/core/text/time_text.hpp"
#include "routes.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

json::string_view view(std::string_view text)
{
    return {text.data(), text.size()};
}

json::object to_json(const feed_status& of)
{
    json::object out{{"feed", of.source.name},
                     {"file", of.source.file.string()},
                     {"format", view(to_string(of.source.format))},
                     {"use", of.source.use_text()},
                     {"state", view(to_string(of.state))},
                     {"error", of.refusal},
                     {"entries", of.entries},
                     {"left_out", of.left_out},
                     {"changed", nullptr},
                     {"age_seconds", of.age.count()},
                     {"max_age_seconds", of.source.max_age.count()},
                     {"hits", of.hits}};
    if (of.is_in_use) out["changed"] = time_text(of.changed_at);
    return out;
}

} // namespace

admin_reply get_feeds(const api_call& call)
{
    json::array rows;
    for (const auto& one : call.subject.feeds())
        rows.push_back(to_json(one));
    return json_reply({{"feeds", std::move(rows)}});
}

} // namespace fendmail::app
