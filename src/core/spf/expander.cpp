// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/expander.hpp"

#include "evaluation.hpp"
#include "fendmail/core/assert.hpp"

#include <utility>

namespace fendmail::spf {

std::string_view to_string(outcome o) noexcept
{
    switch (o) {
    case outcome::complete: return "complete";
    case outcome::no_record: return "no_record";
    case outcome::permanent_error: return "permanent_error";
    case outcome::temporary_error: return "temporary_error";
    }
    return "unknown outcome";
}

expander::expander(std::string domain)
    : domain_{std::move(domain)}
{
    advance();
}

std::vector<dns::question> expander::take_questions()
{
    return std::exchange(to_ask_, {});
}

void expander::on_answer(const dns::question& asked, dns::answer said)
{
    FENDMAIL_ASSERT(taken_.contains(asked));
    if (result_) return;
    if (asked.type == dns::record_type::txt) {
        auto& records = records_[asked.name];
        for (const std::string& text : said.texts)
            if (is_record(text)) records.push_back(parse_record(text));
        said.texts.clear(); // what else is there may be long and is not needed
    }
    answers_.emplace(asked, std::move(said));
    advance();
}

void expander::advance()
{
    const knowledge known{answers_, records_};
    evaluation survey{known, false};
    auto found = survey.run(domain_);
    if (found.what == outcome::complete) {
        for (const dns::question& each : survey.missing())
            if (taken_.insert(each).second) to_ask_.push_back(each);
        if (!survey.missing().empty()) return;
        found = evaluation{known, true}.run(domain_);
    }
    to_ask_.clear();
    result_ = std::move(found);
}

} // namespace fendmail::spf
