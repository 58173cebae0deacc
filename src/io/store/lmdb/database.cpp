// SPDX-License-Identifier: Apache-2.0
#include "database.hpp"

#include "recovery.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <stdexcept>
#include <string>

namespace fendmail::io::lmdb {

namespace {

std::runtime_error cannot_open(const std::filesystem::path& path, int code)
{
    code = cause_of(code, path);
    return std::runtime_error{fmt::format("store: cannot open {}: {}; {}", path.string(),
                                          error_text(code), cure_of(code))};
}

/// LMDB unmaps the old map before it maps the new one, and is lost when that fails.
bool can_map(std::size_t octets) noexcept
{
    void* where =
        ::mmap(nullptr, octets, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (where == MAP_FAILED) return false;
    ::munmap(where, octets);
    return true;
}

} // namespace

database::database(const std::filesystem::path& path, std::size_t map_octets,
                   std::size_t map_max_octets)
    : map_max_octets_{map_max_octets}
{
    if (const int code = open_env(env_, path.string(), 0, map_octets); code != 0)
        throw cannot_open(path, code);
    forget_dead_readers();
    readers_ = reader_pool::make(env_.get());
    const int code =
        readers_->read([this](MDB_txn* txn) { return mdb_dbi_open(txn, nullptr, 0, &dbi_); });
    if (code == 0) return;
    readers_->close();
    throw cannot_open(path, code);
}

database::~database()
{
    readers_->close();
}

int database::follow_map()
{
    return readers_->alone([this] { return set_map(0); });
}

void database::forget_dead_readers() noexcept
{
    int dead = 0;
    // Failing costs only room in the file, and the next call tries again.
    note(guard_map([&] { return mdb_reader_check(env_.get(), &dead); }));
}

bool database::make_room(int code)
{
    if (code == MDB_MAP_RESIZED) return follow_map() == 0;
    if (code != MDB_MAP_FULL) return false;
    MDB_envinfo info{};
    if (mdb_env_info(env_.get(), &info) != 0) return false;
    if (info.me_mapsize > map_max_octets_ / 2) return false;
    const std::size_t doubled = info.me_mapsize * 2;
    return can_map(doubled) && readers_->alone([&] { return set_map(doubled); }) == 0;
}

int database::set_map(std::size_t octets)
{
    const int code = guard_map([&] { return mdb_env_set_mapsize(env_.get(), octets); });
    // EINVAL comes before anything is unmapped; after any other failure there is no map.
    if (code == 0 || code == EINVAL) return code;
    is_mapped_ = false;
    readers_->disable();
    note(MDB_PANIC);
    return code;
}

} // namespace fendmail::io::lmdb
