// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/feed/content.hpp"
#include "fendmail/core/feed/range_set.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Whether what a feed's file says may be used, and which of its entries are left out.
///
/// Publishers make mistakes, servers answer with error pages, and files are cut: what would then
/// turn good mail away has to stop here. The whole file is refused where it is not what it should
/// be; single entries are left out where nothing good could come of them.
///
/// Source: what has happened, see docs/feeds.md: private networks in FireHOL level1 and 127.0.0.1
/// in level4, networks of mail providers in public lists, files that became comments only. Memory:
/// the forbidden networks. Errors: a refusal is a text for the admin. Threads: values.
namespace fendmail::feed {

/// Why an entry is left out. All but the first are about whom it would hit.
enum class objection : std::uint8_t { too_wide, is_private, own, trusted, permitted, known_sender };
inline constexpr std::array all_objections{objection::too_wide,  objection::is_private,
                                           objection::own,       objection::trusted,
                                           objection::permitted, objection::known_sender};
[[nodiscard]] std::string_view to_string(objection o) noexcept;
/// As the end of a sentence about networks: "are wider than /8 (IPv6: /16)".
[[nodiscard]] std::string_view words_of(objection o) noexcept;

/// Networks that no entry may touch. Loopback is among them as far as rules permit it, which they
/// do by default.
class forbidden_networks {
public:
    /// Private ones; those are always there.
    forbidden_networks();
    void add(objection why, const network& net) { nets_[index(why)].push_back(net); }
    /// To be called once all are added.
    void finish();

    /// The first objection to a network, if there is one.
    [[nodiscard]] std::optional<objection> find(const network& net) const noexcept;

private:
    [[nodiscard]] static std::size_t index(objection o) noexcept
    {
        return static_cast<std::size_t>(o);
    }
    std::array<std::vector<network>, all_objections.size()> nets_;
    std::array<range_set, all_objections.size()> sets_;
    range_set any_; ///< of all, as most entries touch none
};

struct demands {
    std::size_t min_entries = 1;
    unsigned max_change_percent = 50;
    /// How many entries it had before; none = nothing is known of that, or a change is meant.
    std::optional<std::size_t> before{};
    /// Whether entries are held against clients: only then can they hit the wrong ones.
    bool is_against = true;
};

struct left_out {
    objection why = objection::too_wide;
    std::size_t count = 0;
    network example{}; ///< the first one
    friend bool operator==(const left_out&, const left_out&) = default;
};

struct reviewed {
    std::string refusal{};           ///< why it may not be used; "" = it may
    std::size_t entries = 0;         ///< in the file
    std::vector<network> networks{}; ///< without those that are left out
    std::vector<std::uint32_t> asns{};
    std::vector<left_out> without{};
};

[[nodiscard]] reviewed review(content&& what, const forbidden_networks& forbidden,
                              const demands& of);

/// Why a number of entries may not follow another; "" = it may.
[[nodiscard]] std::string refuse_number(std::size_t entries, const demands& of);

} // namespace fendmail::feed
