// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/text_ring.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>
#include <string>
#include <thread>
#include <vector>

using fendmail::app::text_ring;

TEST_CASE("text ring: it gives the last texts, of every length up to the longest", "[observe]")
{
    text_ring ring{4, 20};
    for (std::size_t n = 0; n < 6; ++n)
        ring.push(std::string(n * 4, static_cast<char>('a' + n)));
    CHECK(ring.next() == 6);
    CHECK_FALSE(ring.read(0));
    CHECK_FALSE(ring.read(1));
    for (std::size_t n = 2; n < 6; ++n)
        CHECK(ring.read(n) == std::string(n * 4, static_cast<char>('a' + n)));
    CHECK_FALSE(ring.read(6));
    CHECK(ring.lost() == 0);
}

TEST_CASE("text ring: a text that is too long is lost and counted", "[observe]")
{
    text_ring ring{4, 16};
    ring.push(std::string(17, 'x'));
    ring.push("y");
    CHECK(ring.lost() == 1);
    CHECK_FALSE(ring.read(0));
    CHECK(ring.read(1) == "y");
}

TEST_CASE("text ring: a reader never sees a mixture, whatever writers do", "[observe][threads]")
{
    constexpr std::size_t octets = 64;
    constexpr int each = 20'000;
    text_ring ring{8, octets};
    std::vector<std::jthread> writers;
    for (const char letter : {'a', 'b', 'c'})
        writers.emplace_back([&ring, letter] {
            for (int i = 0; i < each; ++i)
                ring.push(std::string(1 + static_cast<std::size_t>(i) % octets, letter));
        });
    std::size_t seen = 0;
    bool is_pure = true;
    while (ring.next() < 3 * each) {
        const auto text = ring.read(ring.next() - std::min<std::uint64_t>(ring.next(), 4));
        if (!text) continue;
        ++seen;
        is_pure = is_pure && !text->empty() &&
                  text->find_first_not_of(text->front()) == std::string::npos;
    }
    writers.clear();
    CHECK(is_pure);
    INFO(seen);
    CHECK(ring.next() == 3 * each);
}
