// SPDX-License-Identifier: Apache-2.0
#include "readers.hpp"

#include <utility>

namespace fendmail::io::lmdb {

/// A thread's claim on a reader of one pool; gives it back when the thread ends.
class reader_pool::lease {
public:
    lease(std::weak_ptr<reader_pool> pool, reader& mine) noexcept
        : pool_{std::move(pool)}
        , mine_{&mine}
    {
    }
    lease(lease&& other) noexcept
        : pool_{std::move(other.pool_)}
        , mine_{std::exchange(other.mine_, nullptr)}
    {
    }
    lease& operator=(lease&& other) noexcept
    {
        std::swap(pool_, other.pool_);
        std::swap(mine_, other.mine_);
        return *this;
    }
    ~lease()
    {
        if (mine_ == nullptr) return;
        if (const auto pool = pool_.lock()) pool->give_back(*mine_);
    }

    [[nodiscard]] bool is_of(const std::weak_ptr<reader_pool>& pool) const noexcept
    {
        // By owner and not by address: a later pool may lie where an earlier one was.
        return !pool_.owner_before(pool) && !pool.owner_before(pool_);
    }
    [[nodiscard]] bool is_over() const noexcept { return pool_.expired(); }
    [[nodiscard]] reader& mine() const noexcept { return *mine_; }

private:
    std::weak_ptr<reader_pool> pool_;
    reader* mine_;
};

std::shared_ptr<reader_pool> reader_pool::make(MDB_env* env)
{
    return std::shared_ptr<reader_pool>{new reader_pool{env}};
}

reader_pool::reader& reader_pool::this_threads_reader()
{
    // One entry in the server; a few where a test opens several stores.
    thread_local std::vector<lease> leases;
    const auto self = weak_from_this();
    for (const auto& each : leases)
        if (each.is_of(self)) return each.mine();
    std::erase_if(leases, [](const lease& each) { return each.is_over(); });
    leases.reserve(leases.size() + 1);
    return leases.emplace_back(self, take()).mine();
}

reader_pool::reader& reader_pool::take()
{
    const std::lock_guard lock{mutex_};
    if (!idle_.empty()) {
        reader& used = *idle_.back();
        idle_.pop_back();
        return used;
    }
    idle_.reserve(readers_.size() + 1);
    return *readers_.emplace_back(std::make_unique<reader>());
}

void reader_pool::give_back(reader& mine) noexcept
{
    const std::lock_guard lock{mutex_};
    if (!readers_.empty()) idle_.push_back(&mine);
}

int reader_pool::renew(reader& mine) noexcept
{
    if (!mine.txn) return begin(mine.txn, env_, MDB_RDONLY);
    const int code = mdb_txn_renew(mine.txn.get());
    // A handle whose renewal failed has lost its slot; the next read begins a new one.
    if (code != 0) mine.txn.reset();
    return code;
}

void reader_pool::close() noexcept
{
    const std::lock_guard lock{mutex_};
    idle_.clear();
    readers_.clear();
}

} // namespace fendmail::io::lmdb
