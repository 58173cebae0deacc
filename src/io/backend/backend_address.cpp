// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/backend_address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace fendmail::io {

namespace {

std::atomic<std::uint64_t> last_id{0};
std::atomic<std::uint64_t> last_version{0};

std::size_t place_of(const endpoint& of, const backend_address::endpoints& all) noexcept
{
    return static_cast<std::size_t>(std::ranges::find(all, of) - all.begin());
}

} // namespace

struct backend_address::known {
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    endpoints all;
    std::atomic<std::size_t> answered{none}; ///< index of that which answered last
};

backend_address::~backend_address() = default;

backend_address::backend_address(endpoints first)
    : id_{++last_id}
    , version_{++last_version}
    , known_{std::make_shared<known>()}
{
    known_->all = std::move(first);
}

void backend_address::set(endpoints all)
{
    auto fresh = std::make_shared<known>();
    fresh->all = std::move(all);
    const std::lock_guard lock{mutex_};
    const std::size_t answered = known_->answered.load();
    if (answered < known_->all.size()) {
        const std::size_t again = place_of(known_->all[answered], fresh->all);
        if (again < fresh->all.size()) fresh->answered.store(again);
    }
    known_ = std::move(fresh);
    version_.store(++last_version);
}

/// A thread keeps what it has seen of a few objects: there is one for each backend, and for a while
/// those of before a reload. Two in the same place only cost each other the lock.
const std::shared_ptr<backend_address::known>& backend_address::current() const
{
    struct copy {
        std::uint64_t version = 0;
        std::shared_ptr<known> what;
    };
    thread_local std::array<copy, 16> kept;
    const std::uint64_t version = version_.load();
    copy& of_this = kept[id_ % kept.size()];
    if (of_this.version != version) {
        const std::lock_guard lock{mutex_};
        of_this = {version_.load(), known_};
    }
    return of_this.what;
}

std::shared_ptr<const backend_address::endpoints> backend_address::now() const
{
    const auto& of = current();
    return {of, &of->all};
}

backend_address::endpoints backend_address::in_turn() const
{
    const auto& from = current();
    endpoints all = from->all;
    const std::size_t first = from->answered.load();
    if (first < all.size())
        std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
    return all;
}

void backend_address::note_answer(const endpoint& of)
{
    const auto& in = current();
    const std::size_t place = place_of(of, in->all);
    // Not written anew by each session: the others would have to read it anew.
    if (place < in->all.size() && in->answered.load() != place) in->answered.store(place);
}

} // namespace fendmail::io
