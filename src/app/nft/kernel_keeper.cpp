// SPDX-License-Identifier: Apache-2.0
#include "kernel_keeper.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <utility>
#include <variant>

namespace fendmail::app {

namespace {

constexpr milliseconds change_interval{250};
/// Batches of one call, so that fendmail is heard in between.
constexpr int batches_max = 20;
constexpr seconds look_interval{60};
/// A look after changes shows what has come of them.
constexpr seconds look_after_change{2};
/// With each look the kernel tells all that it has: no more often than this.
constexpr seconds retry_interval{10};
constexpr int reads_max = 3;
/// Of each client that fendmail may name: more than both sets take together need no memory.
constexpr std::size_t families = 2;

std::string words_for(const std::error_code& error)
{
    if (error == std::errc::operation_not_permitted)
        return "the kernel does not let us: CAP_NET_ADMIN is missing (fendmail-nft.service has it)";
    if (error == std::errc::too_many_files_open_in_system)
        return "the kernel's set is full: the rest is turned away by fendmail itself (--size)";
    if (error == std::errc::no_such_file_or_directory)
        return "the table \"inet fendmail\" is gone, or the kernel lacks a part of nf_tables";
    if (error == std::errc::protocol_not_supported || error == std::errc::operation_not_supported)
        return fmt::format("this kernel has no nf_tables: {}", error.message());
    return fmt::format("the kernel said: {}", error.message());
}

} // namespace

kernel_keeper::kernel_keeper(const nft_options& options, teller tell)
    : options_{options}
    , tell_{std::move(tell)}
    , bans_{families * std::size_t{options.size}}
{
    layout_.ports = options.ports;
    layout_.size = options.size;
}

void kernel_keeper::set_trouble(std::string text)
{
    if (text == state_.trouble) return;
    tell_(text.empty() ? "all bans are in the kernel again" : text);
    state_.trouble = std::move(text);
}

void kernel_keeper::take_layout(const abuse::kernel_all& all, tick now)
{
    is_in_list_ = true;
    list_begun_ = now;
    bans_.begin_list();
    ports_trouble_.clear();
    for (const auto port : all.ports)
        if (std::ranges::find(options_.ports, port) == options_.ports.end())
            ports_trouble_ = fmt::format("fendmail listens on port {} as well, from which the "
                                         "kernel keeps no client: add --port {}",
                                         port, port);
    if (has_layout_ && layout_.ipv6_prefix == all.ipv6_prefix) return;
    has_layout_ = true;
    layout_.ipv6_prefix = all.ipv6_prefix;
    is_made_ = false;
}

void kernel_keeper::take(const abuse::kernel_order& order, tick now)
{
    struct taker {
        kernel_keeper& to;
        tick now;
        void operator()(const abuse::kernel_all& all) const { to.take_layout(all, now); }
        void operator()(const abuse::kernel_end&) const
        {
            if (std::exchange(to.is_in_list_, false)) to.bans_.end_list();
        }
        void operator()(const abuse::kernel_ban& one) const
        {
            to.bans_.ban(one.who, one.left, now);
        }
        void operator()(const abuse::kernel_unban& one) const { to.bans_.unban(one.who); }
    };
    std::visit(taker{*this, now}, order);
}

bool kernel_keeper::make_table(tick now)
{
    if (is_made_) return true;
    auto error = is_open_ ? std::error_code{} : kernel_.open();
    is_open_ = !error;
    if (!error) error = kernel_.create(layout_);
    if (!judge(error, now)) return false;
    dropped_before_ = state_.dropped;
    is_made_ = has_made_ = true;
    is_full_ = false;
    bans_.begin_anew();
    next_look_ = now + look_after_change;
    return true;
}

bool kernel_keeper::judge(const std::error_code& error, tick now)
{
    if (!error) return true;
    // A table that is gone is made again at once, and seen to be whole before that is believed.
    const bool was_made = std::exchange(is_made_, is_made_ && error.value() == ENFILE);
    const bool is_gone = was_made && error.value() == ENOENT;
    if (error.value() == ENFILE) is_full_ = true;
    if (!is_made_) {
        state_.held = 0;
        state_.missing = bans_.size();
        bans_.begin_anew(); // or what changes until then would be kept twice
    }
    if (is_gone)
        tell_("the table \"inet fendmail\" is gone: it is made again");
    else
        set_trouble(words_for(error));
    // With a full set removals go on.
    if (!is_made_) next_change_ = is_gone ? now : now + retry_interval;
    next_look_ = std::max(next_look_, now + look_after_change);
    return false;
}

/// What is not there cannot be removed from a set that is full, as it is added before: it is
/// looked for in halves.
std::error_code kernel_keeper::remove(std::span<const ip_address> some)
{
    const auto error = kernel_.change({}, some);
    if (error.value() != ENFILE) return error;
    if (some.size() == 1) return {};
    const auto half = some.size() / 2;
    if (const auto other = remove(some.first(half))) return other;
    return remove(some.subspan(half));
}

/// As many as there is room for.
std::error_code kernel_keeper::add(std::span<const abuse::kernel_bans::element> some)
{
    const auto error = kernel_.change(some, {});
    if (error.value() != ENFILE || some.size() == 1) return error;
    const auto half = some.size() / 2;
    if (const auto other = add(some.first(half))) return other;
    return add(some.subspan(half));
}

void kernel_keeper::change(tick now)
{
    bool has_changed = false;
    for (int i = 0; i < batches_max && bans_.has_removals(); ++i) {
        const auto some = bans_.next_removals(io::ban_sets::batch_max);
        has_changed = true;
        if (judge(remove(some), now)) continue;
        bans_.put_back(some);
        return;
    }
    for (int i = 0; i < batches_max && bans_.has_additions() && !is_full_; ++i) {
        const auto some = bans_.next_additions(io::ban_sets::batch_max, now);
        if (some.empty()) continue;
        has_changed = true;
        if (judge(add(some), now)) continue;
        bans_.put_back(some);
        break;
    }
    if (has_changed) next_look_ = std::min(next_look_, now + look_after_change);
}

void kernel_keeper::look(tick now)
{
    io::ban_sets::contents found;
    std::error_code error;
    for (int i = 0; i < reads_max; ++i) {
        error = kernel_.read(found);
        if (error.value() != EINTR) break; // changed by others meanwhile
    }
    next_look_ = now + (error.value() == EINTR ? seconds{retry_interval} : look_interval);
    if (error.value() == EINTR) return;
    is_full_ = false;
    if (!error && found.rules != io::ban_sets::rules_made)
        error = std::make_error_code(std::errc::no_such_file_or_directory);
    if (!judge(error, now)) return;
    const auto lost = bans_.compare(found.elements, now);
    if (lost != 0) tell_(fmt::format("the kernel has lost {} bans: they are told it again", lost));
    has_looked_ = true;
    state_.held = found.elements.size();
    state_.missing = bans_.size() - std::min(bans_.size(), state_.held);
    state_.dropped = dropped_before_ + found.dropped;
    if (bans_.has_additions() || bans_.has_removals()) {
        next_look_ = now + retry_interval;
        return; // then it is seen whether it is well
    }
    if (bans_.left_out() != 0)
        return set_trouble("fendmail has more bans than there is room for (--size)");
    set_trouble(ports_trouble_);
}

void kernel_keeper::work(tick now)
{
    if (!has_layout_ || is_in_list_) return;
    if (now >= next_change_) {
        next_change_ = now + change_interval;
        if (make_table(now)) change(now);
    }
    if (is_made_ && now >= next_look_) look(now);
}

tick kernel_keeper::next_work() const noexcept
{
    if (!has_layout_ || is_in_list_) return tick::max();
    if (!is_made_) return next_change_;
    const bool has_changes = bans_.has_removals() || bans_.has_additions();
    return has_changes ? std::min(next_change_, next_look_) : next_look_;
}

void kernel_keeper::let_go()
{
    is_in_list_ = false;
    bans_.clear();
    // One that a helper before this one has left.
    if (!is_made_) end();
}

void kernel_keeper::end()
{
    auto error = is_open_ ? std::error_code{} : kernel_.open();
    is_open_ = !error;
    if (!error) error = kernel_.remove();
    // Without the right there is none either, unless there was one before.
    if (error && !(error.value() == EPERM && !has_made_))
        tell_(fmt::format("the table \"inet fendmail\" stays: {}", words_for(error)));
}

} // namespace fendmail::app
