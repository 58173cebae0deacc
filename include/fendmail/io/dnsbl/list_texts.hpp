// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"
#include "fendmail/io/waiter.hpp"

#include <cstddef>
#include <memory>
#include <string>

/// What a list says in words about a client that is refused for it: its TXT record.
///
/// It only makes a reply nicer, so it must not cost lists and clients much: few are asked at once
/// and in a time, none that has no room for the questions that decide, none with max_questions,
/// and one that does not answer is left alone for a while. Who gets no answer does without.
/// Source: RFC 5782 §2.1 (TXT records of lists); RFC 2308 for those that have none.
/// Units: octets; steady time.
/// Memory: at most 1,024 texts of 300 octets, kept for their TTL within a minute and an hour, and
/// 16 questions.
/// Errors: none; a text that is not to be had is empty.
/// Threads: one worker owns it, as it does the resolvers, which outlive it.
namespace fendmail::io {

class list_texts {
    struct impl;

public:
    static constexpr milliseconds patience{1000}; ///< for an answer
    static constexpr std::size_t asked_at_once = 16;
    static constexpr std::size_t kept_max = 1024;

    explicit list_texts(resolver_pool& resolvers);
    ~list_texts();
    list_texts(const list_texts&) = delete;
    list_texts& operator=(const list_texts&) = delete;

    /// One client's question, which may be dropped at any time.
    class question {
    public:
        question() noexcept = default;
        /// True when nothing more will come; also of one that was never asked.
        [[nodiscard]] bool is_done() const noexcept;
        /// Printable ASCII; "" when there is none.
        [[nodiscard]] std::string text() const;

    private:
        friend class list_texts;
        struct state;
        std::shared_ptr<state> state_;
    };

    /// @param who is woken once if it is not done at once, never from within this call; outlives
    /// the question. It may never be woken when the resolvers become others.
    [[nodiscard]] question ask(const ip_address& client, const dnsbl::site_set::zone_entry& zone,
                               waiter& who);
    /// Texts that are kept.
    [[nodiscard]] std::size_t kept() const noexcept;

private:
    std::shared_ptr<impl> impl_;
};

} // namespace fendmail::io
