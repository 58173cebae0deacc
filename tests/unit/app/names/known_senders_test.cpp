// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/known_senders.hpp"

#include "support/catch.hpp"

#include <chrono>

using namespace fendmail;
using namespace std::chrono_literals;

TEST_CASE("known senders: a refresh comes after its time, but not before the TTL has passed",
          "[spf]")
{
    CHECK((app::time_to_refresh(6h, 300s) == 6h));
    CHECK((app::time_to_refresh(6h, std::nullopt) == 6h));
    CHECK((app::time_to_refresh(6h, 8h) == 8h));
    CHECK((app::time_to_refresh(6h, 24h * 365) == 24h));
    CHECK((app::time_to_refresh(48h, 24h * 365) == 48h));
    CHECK((app::time_to_refresh(1s, 1s) == 5min));
}

TEST_CASE("known senders: tries after failures of DNS come ever more slowly", "[spf]")
{
    CHECK((app::time_to_retry(6h, 1) == 5min));
    CHECK((app::time_to_retry(6h, 2) == 10min));
    CHECK((app::time_to_retry(6h, 7) == 320min));
    CHECK((app::time_to_retry(6h, 8) == 6h));
    CHECK((app::time_to_retry(720h, 4'000'000'000U) == 6h));
    CHECK((app::time_to_retry(7min, 2) == 7min));
    CHECK((app::time_to_retry(1s, 5) == 5min));
}

TEST_CASE("known senders: their file is beside the store", "[spf]")
{
    app::startup_config config;
    CHECK(app::sender_file_of(config) == "/var/lib/fendmail/known-senders.cidr");
    config.store.path = "/srv/x/clients.lmdb";
    CHECK(app::sender_file_of(config) == "/srv/x/known-senders.cidr");
}
