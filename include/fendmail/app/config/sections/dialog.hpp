// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/prefix_trie.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// Section [dialog]: what our own SMTP side needs besides smtp::dialog_options.
namespace fendmail::app {

/// EHLO keywords that the clients of some networks are not offered.
class hidden_keywords {
public:
    void add(const network& clients, std::vector<std::string> keywords)
    {
        networks_.insert(clients, static_cast<std::uint32_t>(keywords_.size()));
        keywords_.push_back(std::move(keywords));
    }
    [[nodiscard]] bool is_empty() const noexcept { return keywords_.empty(); }
    /// Upper case; those of the longest network that holds the client, if there is one.
    [[nodiscard]] std::optional<std::span<const std::string>>
    of(const ip_address& client) const noexcept
    {
        const auto found = networks_.find(client);
        if (!found) return std::nullopt;
        return keywords_[*found];
    }

private:
    acl::prefix_trie networks_;
    std::vector<std::vector<std::string>> keywords_;
};

/// How long a client may take for one whole command.
struct command_times {
    seconds limit{300};
    seconds limit_under_stress{10};
};

} // namespace fendmail::app
