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
    /// Since "all" came, until "end".
    [[nodiscard]] bool is_in_list() const noexcept { return is_in_list_; }

private:
    void take_layout(const abuse::kernel_all& all);
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
    bool is_in_list_ = false;
};

} // namespace fendmail::app
