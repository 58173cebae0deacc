// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/spf/expander.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

/// DNS for tests of the expander: what the zones hold, and an expander run against them.
namespace fendmail::test {

/// In which order the answers come.
enum class order { as_asked, reversed, one_by_one };

class zones {
public:
    zones& txt(const std::string& name, std::vector<std::string> texts)
    {
        return put({dns::record_type::txt, name}, {.texts = std::move(texts)});
    }
    zones& spf(const std::string& name, const std::string& terms)
    {
        return txt(name, {"v=spf1 " + terms});
    }
    zones& a(const std::string& name, const std::vector<std::string>& addresses)
    {
        return put({dns::record_type::a, name}, {.addresses = parsed(addresses)});
    }
    zones& aaaa(const std::string& name, const std::vector<std::string>& addresses)
    {
        return put({dns::record_type::aaaa, name}, {.addresses = parsed(addresses)});
    }
    zones& mx(const std::string& name, std::vector<std::string> hosts)
    {
        return put({dns::record_type::mx, name}, {.texts = std::move(hosts)});
    }
    /// The answer to this question does not come.
    zones& broken(dns::record_type type, const std::string& name)
    {
        answers_[{type, name}] = {.what = dns::outcome::failed, .reason = "SERVFAIL"};
        return *this;
    }
    zones& ttl(dns::record_type type, const std::string& name, seconds ttl)
    {
        answers_[{type, name}].ttl = ttl;
        return *this;
    }

    [[nodiscard]] spf::expansion expand(const std::string& domain, order o = order::as_asked)
    {
        spf::expander expander{domain};
        asked.clear();
        std::vector<dns::question> waiting;
        while (!expander.is_done()) {
            for (auto& each : expander.take_questions()) {
                CHECK(std::ranges::find(asked, each) == asked.end());
                asked.push_back(each);
                waiting.push_back(each);
            }
            REQUIRE_FALSE(waiting.empty()); // or it would wait for ever
            if (o == order::reversed) std::ranges::reverse(waiting);
            if (o != order::one_by_one)
                std::rotate(waiting.begin(), waiting.end() - 1, waiting.end());
            const auto next = waiting.back();
            waiting.pop_back();
            expander.on_answer(next, answer_to(next));
        }
        CHECK(expander.take_questions().empty());
        return expander.result();
    }

    std::vector<dns::question> asked; ///< by the last run, each once

private:
    zones& put(const dns::question& asked_for, dns::answer answer)
    {
        const bool empty = answer.texts.empty() && answer.addresses.empty();
        answer.what = empty ? dns::outcome::not_found : dns::outcome::found;
        answer.ttl = seconds{3600};
        answers_[asked_for] = std::move(answer);
        return *this;
    }
    [[nodiscard]] static std::vector<ip_address> parsed(const std::vector<std::string>& texts)
    {
        std::vector<ip_address> all;
        for (const auto& text : texts)
            all.push_back(*parse_address(text));
        return all;
    }
    [[nodiscard]] dns::answer answer_to(const dns::question& asked_for) const
    {
        const auto found = answers_.find(asked_for);
        if (found != answers_.end()) return found->second;
        return {.what = dns::outcome::not_found};
    }

    std::map<dns::question, dns::answer> answers_;
};

[[nodiscard]] inline std::vector<std::string> texts(const spf::expansion& of)
{
    std::vector<std::string> all;
    for (const auto& net : of.networks)
        all.push_back(to_text(net));
    return all;
}

} // namespace fendmail::test

namespace Catch {
template <>
struct StringMaker<fendmail::spf::outcome> {
    static std::string convert(fendmail::spf::outcome what) { return std::string{to_string(what)}; }
};
} // namespace Catch
