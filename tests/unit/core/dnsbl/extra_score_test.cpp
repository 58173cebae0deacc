// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/extra_score.hpp"

#include "support/catch.hpp"

namespace fendmail::dnsbl {

TEST_CASE("extra score: it is added, and gives a name only where no list does", "[dnsbl]")
{
    score lists;
    lists.value = 2;
    CHECK(with_extra(lists, {3, "feed.drop"}).value == 5);
    CHECK(with_extra(lists, {3, "feed.drop"}).reply_name == "feed.drop");
    lists.reply_name = "zen.example";
    CHECK(with_extra(lists, {3, "feed.drop"}).reply_name == "zen.example");
    CHECK(with_extra(score_bounds{-1, 4}, {3, ""}) == score_bounds{2, 7});
}

TEST_CASE("extra score: lists reach their part of the limits when all reach the whole", "[dnsbl]")
{
    for (const int threshold : {1, 3, 10})
        for (const int allow : {0, -1, -4})
            for (const int extra : {-6, -4, -1, 0, 1, 3, 12})
                for (int low = -12; low <= 12; ++low)
                    for (int high = low; high <= 12; ++high) {
                        const score_limits whole{threshold, allow};
                        const auto of_all =
                            certainty_of(with_extra(score_bounds{low, high}, {extra, ""}), whole);
                        const auto of_lists =
                            certainty_of({low, high}, without_extra(whole, {extra, ""}));
                        CAPTURE(threshold, allow, extra, low, high);
                        CHECK((of_all == certainty::fails) == (of_lists == certainty::fails));
                        if (allow == 0 || allow - extra < 0) CHECK(of_all == of_lists);
                    }
}

} // namespace fendmail::dnsbl
