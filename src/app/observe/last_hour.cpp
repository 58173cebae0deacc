// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/last_hour.hpp"

#include <numeric>

namespace fendmail::app {

last_hour::point last_hour::sample_of(const metrics::totals& from) noexcept
{
    return {from.verdicts,
            std::accumulate(from.refusals.begin(), from.refusals.end(), std::uint64_t{0})};
}

void last_hour::note(const metrics::totals& now)
{
    samples_.push_back(sample_of(now));
    if (samples_.size() > minutes) samples_.pop_front();
}

std::array<last_hour::point, last_hour::minutes> last_hour::points(const metrics::totals& now) const
{
    std::array<point, minutes> out{};
    point later = sample_of(now);
    auto at = samples_.rbegin();
    for (std::size_t i = minutes; i-- > 0;) {
        // Before the first sample all counts were 0, unless an hour of them has been dropped.
        const point earlier = at == samples_.rend() ? point{} : *at;
        for (std::size_t v = 0; v < later.verdicts.size(); ++v)
            out[i].verdicts[v] = later.verdicts[v] - earlier.verdicts[v];
        out[i].refused = later.refused - earlier.refused;
        if (at == samples_.rend()) break;
        later = earlier;
        ++at;
    }
    return out;
}

} // namespace fendmail::app
