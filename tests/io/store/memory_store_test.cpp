// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/store/memory_store.hpp"

#include "support/catch.hpp"

#include <thread>
#include <vector>

namespace fendmail::io {

namespace {

screen::client_key key(unsigned number)
{
    const auto octet = [&](unsigned shift) { return static_cast<std::uint8_t>(number >> shift); };
    return screen::client_key{ip_address::v4({10, octet(16), octet(8), octet(0)})};
}

screen::client_record record(int time)
{
    screen::client_record made;
    made.expires_at[screen::test::pregreet] = instant{seconds{time}};
    return made;
}

} // namespace

TEST_CASE("memory store: remembers the last record that was put for a client", "[store]")
{
    memory_store store;
    CHECK_FALSE(store.get(key(1)));
    store.put(key(1), record(100));
    store.put(key(2), record(200));
    store.put(key(1), record(300));
    store.flush();
    CHECK(store.get(key(1)) == record(300));
    CHECK(store.get(key(2)) == record(200));
    CHECK(store.size() == 2);
}

TEST_CASE("memory store: an IPv4 network and an IPv6 one are different clients", "[store]")
{
    memory_store store;
    const screen::client_key v4{ip_address{}, 0};
    const screen::client_key v6{ip_address::v6({}), 32, 0};
    store.put(v4, record(4));
    store.put(v6, record(6));
    CHECK(store.get(v4) == record(4));
    CHECK(store.get(v6) == record(6));
}

TEST_CASE("memory store: forgets the client whose record was put longest ago when it is full",
          "[store]")
{
    memory_store store{3};
    for (const unsigned number : {1U, 2U, 3U})
        store.put(key(number), record(100));
    store.put(key(1), record(200)); // now 2 is the oldest
    CHECK(store.get(key(2)));       // reading it does not make it younger
    store.put(key(4), record(100));
    CHECK(store.size() == 3);
    CHECK_FALSE(store.get(key(2)));
    CHECK(store.get(key(1)) == record(200));
    CHECK(store.get(key(3)));
    CHECK(store.get(key(4)));
}

TEST_CASE("memory store: threads may put and get at the same time", "[store]")
{
    memory_store store{100};
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 4; ++thread)
        threads.emplace_back([&, thread] {
            for (unsigned i = 0; i < 2000; ++i) {
                store.put(key(thread * 1000 + i % 200), record(static_cast<int>(i)));
                static_cast<void>(store.get(key(i % 4000)));
            }
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(store.size() == 100);
}

} // namespace fendmail::io
