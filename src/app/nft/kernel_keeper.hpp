// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/nft/helper.hpp"
#include "fendmail/core/abuse/kernel_bans.hpp"
#include "fendmail/core/abuse/kernel_orders.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/nft/ban_sets.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

/// What fendmail wants, brought to the kernel: changes four times a second, a look at all that the
/// kernel has every minute, and soon after changes.
///
/// Errors: an admin's words in state().trouble; tried again at the next look, and what one client
/// cannot get keeps none of the others from it.
/// Threads: one owner. Calls wait for the kernel.
namespace fendmail::app {

class kernel_keeper {
public:
    using teller = std::function<void(std::string_view)>;

    /// @param tell a line of the helper's log
    kernel_keeper(const nft_options& options, teller tell);

    void take(const abuse::kernel_order& order, tick now);
    /// All that is due.
    void work(tick now);
    /// When there will be something to do.
    [[nodiscard]] tick next_work() const noexcept;
    /// Lets all clients through, but keeps the table.
    void let_go();
    /// Takes the table away.
    void end();

    [[nodiscard]] const abuse::kernel_state& state() const noexcept { return state_; }
    /// Whether state() says something: the kernel was looked at, or cannot be.
    [[nodiscard]] bool has_state() const noexcept { return has_looked_ || !state_.trouble.empty(); }
    /// A list has begun that long ago and has not ended.
    [[nodiscard]] bool is_list_late(tick now) const noexcept
    {
        return is_in_list_ && now - list_begun_ > list_time_limit;
    }

private:
    static constexpr seconds list_time_limit{30};

    void take_layout(const abuse::kernel_all& all, tick now);
    [[nodiscard]] bool make_table(tick now);
    void change(tick now);
    void look(tick now);
    [[nodiscard]] std::error_code remove(std::span<const ip_address> some);
    [[nodiscard]] std::error_code add(std::span<const abuse::kernel_bans::element> some);
    /// @return whether it can go on with the next change
    [[nodiscard]] bool judge(const std::error_code& error, tick now);
    void set_trouble(std::string text);

    nft_options options_;
    teller tell_;
    io::ban_sets kernel_;
    abuse::kernel_bans bans_;
    io::ban_sets::layout layout_;
    std::string ports_trouble_;
    abuse::kernel_state state_;
    std::uint64_t dropped_before_ = 0; ///< by tables that are gone
    tick next_change_{};
    tick next_look_{};
    bool has_layout_ = false;
    bool is_open_ = false;
    bool is_made_ = false;
    bool is_full_ = false;
    bool is_in_list_ = false; ///< since "all" came, until "end"
    tick list_begun_{};
    bool has_made_ = false;
    bool has_looked_ = false;
};

} // namespace fendmail::app
