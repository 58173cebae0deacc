// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/store/allowlist_store.hpp"

#include <cstddef>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

/// A memory of clients that lasts as long as the process: `store.kind = "memory"`.
///
/// Memory: at most `records_max` records, about 200 octets each; beyond that the client whose
/// record was put longest ago is forgotten.
/// Errors: none; without memory for a record it is not kept, which costs a repeat of the tests.
/// Threads: any; one mutex, held for a look-up in a hash table. It is not striped, because
/// 100,000 look-ups a second keep it busy for about a hundredth of that second.
namespace fendmail::io {

class memory_store final : public allowlist_store {
public:
    /// @pre records_max > 0
    explicit memory_store(std::size_t records_max = 100'000);

    [[nodiscard]] std::optional<screen::client_record>
    get(const screen::client_key& key) noexcept override;
    void put(const screen::client_key& key, const screen::client_record& record) noexcept override;
    [[nodiscard]] std::vector<entry> list(const screen::client_key* after,
                                          std::size_t most) override;
    /// Nothing to wait for.
    void flush() noexcept override {}

    [[nodiscard]] std::size_t size() const noexcept;

    /// Forgets the records put longest ago, and returns them.
    [[nodiscard]] std::vector<entry> take_oldest(std::size_t most);

private:
    const std::size_t records_max_;
    mutable std::mutex mutex_;
    std::list<entry> by_age_; // the record put longest ago is first
    std::unordered_map<screen::client_key, std::list<entry>::iterator> index_;
};

/// Remembers no client: `store.kind = "none"`.
class no_store final : public allowlist_store {
public:
    [[nodiscard]] std::optional<screen::client_record>
    get(const screen::client_key&) noexcept override
    {
        return std::nullopt;
    }
    void put(const screen::client_key&, const screen::client_record&) noexcept override {}
    [[nodiscard]] std::vector<entry> list(const screen::client_key*, std::size_t) override
    {
        return {};
    }
    void flush() noexcept override {}
};

} // namespace fendmail::io
