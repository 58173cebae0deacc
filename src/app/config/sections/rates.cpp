// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

#include <array>
#include <utility>

namespace fendmail::app {

namespace {

/// The table of networks counts in steps that fit these (app/abuse/shared_meter).
constexpr std::int64_t per_second_max = 1000;
constexpr milliseconds per_max = std::chrono::days{1};

class rates_builder : section_builder {
public:
    explicit rates_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build()
    {
        const auto& rates = out_.runtime.rates;
        for (const auto which : abuse::all_rates)
            check(which, rates.of(which));
    }

private:
    void check(abuse::rate which, const budget& of)
    {
        if (of.is_off()) return;
        const auto& item = text("rates", to_string(which));
        const auto name = fmt::format("rates.{}", to_string(which));
        if (of.per > per_max) found(item, name, "a rate counts over a day at most");
        if (of.count > per_second_max * of.per.count() / 1000)
            found(item, name,
                  fmt::format("a rate is at most {} a second; more would limit nothing",
                              per_second_max));
    }
};

} // namespace

const section_source rates_section{
    {"rates", "How much a client may do in a time; beyond that it comes too fast, and has to come "
              "again."},
    [](section_rows& keys) { keys.add_described<rate_keys>(&runtime_config::rates); },
    build_with<rates_builder>,
};

} // namespace fendmail::app
