// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

/// The questions and tries of a dispatcher, in places that are used again.
///
/// A place has a generation, so that an id of something that is long over names nothing. Lists of
/// questions are chains through the table: a question leaves the middle of one in O(1).
/// Memory: as many places as were ever in use at once.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::dns {

inline constexpr std::uint32_t no_index = UINT32_MAX;

/// Names a place in a table; the default names none.
template <class Of>
struct table_id {
    std::uint32_t index = no_index;
    std::uint32_t generation = 0;

    [[nodiscard]] explicit operator bool() const noexcept { return index != no_index; }
    friend bool operator==(const table_id&, const table_id&) = default;
};

template <class Of>
class slot_table {
public:
    using id = table_id<Of>;

    [[nodiscard]] id add(const Of& what)
    {
        if (free_ == no_index) {
            slots_.push_back({what, 0, no_index, true});
            ++used_;
            return {static_cast<std::uint32_t>(slots_.size() - 1), 0};
        }
        const std::uint32_t index = free_;
        slot& place = slots_[index];
        free_ = place.next_free;
        place.value = what;
        place.is_used = true;
        ++used_;
        return {index, place.generation};
    }
    void remove(id which) noexcept
    {
        slot& place = slots_[which.index];
        place.is_used = false;
        ++place.generation;
        place.next_free = free_;
        free_ = which.index;
        --used_;
    }
    [[nodiscard]] bool has(id which) const noexcept
    {
        return which.index < slots_.size() && slots_[which.index].is_used &&
               slots_[which.index].generation == which.generation;
    }
    /// @pre has(which)
    [[nodiscard]] Of& operator[](id which) noexcept { return slots_[which.index].value; }
    [[nodiscard]] const Of& operator[](id which) const noexcept
    {
        return slots_[which.index].value;
    }
    /// Of the place, whatever is in it now.
    [[nodiscard]] Of& at(std::uint32_t index) noexcept { return slots_[index].value; }
    [[nodiscard]] id id_at(std::uint32_t index) const noexcept
    {
        return slots_[index].is_used ? id{index, slots_[index].generation} : id{};
    }
    [[nodiscard]] std::size_t places() const noexcept { return slots_.size(); }
    [[nodiscard]] std::size_t used() const noexcept { return used_; }

private:
    struct slot {
        Of value;
        std::uint32_t generation = 0;
        std::uint32_t next_free = no_index;
        bool is_used = false;
    };
    std::vector<slot> slots_;
    std::uint32_t free_ = no_index;
    std::size_t used_ = 0;
};

struct attempt;
struct question_state;
using attempt_id = table_id<attempt>;
using question_id = table_id<question_state>;

/// One datagram.
struct attempt {
    question_id question; ///< none once it is over, and of a probe
    tick sent{};
    std::uint32_t next = no_index; ///< of the same question
    std::uint16_t group = 0;
    std::uint8_t server = 0;
    bool is_late = false; ///< taken for lost
    bool is_probe = false;
};

struct question_state {
    tick deadline{};
    std::uint32_t next = no_index; ///< in its queue
    std::uint32_t before = no_index;
    std::uint32_t attempts = no_index; ///< the latest one
    std::uint16_t group = 0;
    std::uint8_t how = 0; ///< urgency
    std::uint8_t queue = UINT8_MAX;
    std::uint8_t tries = 0;
    std::uint8_t flying = 0; ///< tries that are neither answered nor late
    std::uint8_t failed = 0; ///< servers whose answer was of no use, as bits
    std::uint8_t latest_server = UINT8_MAX;
};

using attempt_table = slot_table<attempt>;
using question_table = slot_table<question_state>;

/// A queue of questions.
class question_list {
public:
    void push_back(question_table& table, std::uint32_t index) noexcept
    {
        question_state& one = table.at(index);
        one.before = last_;
        one.next = no_index;
        (last_ == no_index ? first_ : table.at(last_).next) = index;
        last_ = index;
        ++size_;
    }
    void remove(question_table& table, std::uint32_t index) noexcept
    {
        question_state& one = table.at(index);
        (one.before == no_index ? first_ : table.at(one.before).next) = one.next;
        (one.next == no_index ? last_ : table.at(one.next).before) = one.before;
        one.next = one.before = no_index;
        --size_;
    }
    [[nodiscard]] std::uint32_t front() const noexcept { return first_; }
    [[nodiscard]] bool empty() const noexcept { return first_ == no_index; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::uint32_t first_ = no_index;
    std::uint32_t last_ = no_index;
    std::size_t size_ = 0;
};

} // namespace fendmail::dns
