// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>

/// What a bad network does to each datagram. Pure: time is an argument, chance has a seed.
///
/// Units: shares in percent, rates in datagrams a second.
/// Memory: 2.5 KiB, for the state of the random numbers.
/// Errors: none; shares outside 0 to 100 count as the nearest of these.
/// Threads: one owner.
namespace fendmail::lossy {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct conditions {
    double lost_questions = 0;
    double lost_answers = 0;
    double duplicated = 0;       ///< of questions and of answers: come twice
    double reordered = 0;        ///< of questions and of answers: others overtake them
    milliseconds delay{0};       ///< of each answer; so it is the round trip time
    milliseconds reorder_by{20}; ///< how long those that are overtaken are held back
    std::uint32_t rate = 0;      ///< questions that are taken, the others are lost; 0 = all
};

/// What becomes of one datagram: it goes on `copies` times, each after its delay; 0 = lost.
struct fate {
    std::size_t copies = 0;
    std::array<milliseconds, 2> delays{};
    bool was_over_rate = false;
};

class impairment {
public:
    impairment(const conditions& wanted, std::uint32_t seed);

    /// Of questions in the order in which they come; `now` never goes back.
    [[nodiscard]] fate of_question(clock::time_point now);
    [[nodiscard]] fate of_answer();

private:
    [[nodiscard]] bool happens(double percent);
    [[nodiscard]] bool is_over_rate(clock::time_point now);
    [[nodiscard]] fate carried(milliseconds delay);

    conditions conditions_;
    std::mt19937 random_;
    double tokens_;
    clock::time_point filled_{};
};

} // namespace fendmail::lossy
