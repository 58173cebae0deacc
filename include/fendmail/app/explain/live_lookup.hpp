// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/app/explain/explanation.hpp"
#include "fendmail/core/dns/answer.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"
#include "fendmail/io/dnsbl/name_lookup.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/waiter.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

/// Asks each list about one address, and DNS for its name, and notes what each one said and when.
/// Unlike dnsbl_lookup it takes nothing from a cache, shares nothing and stops at nothing: an admin
/// wants to see each answer.
///
/// Memory: one question for each list.
/// Errors: a list that does not answer says so in its opinion.
/// Threads: that of its io_context.
namespace fendmail::app {

class live_lookup final : public io::waiter {
public:
    /// @param into gets lists, score, name and its weight; it must outlive this, as the rest must
    /// @param resolvers prepared for the sites of `config`
    live_lookup(io::deadline_queue& deadlines, io::resolver_pool& resolvers,
                const runtime_config& config, explanation& into);
    live_lookup(const live_lookup&) = delete;
    live_lookup& operator=(const live_lookup&) = delete;
    ~live_lookup();

    /// @param done called once, never from within this call
    void start(std::function<void()> done);
    void wake() noexcept override;

private:
    struct question {
        std::shared_ptr<io::resolver> with; ///< until it is answered
        dns::question_id id{};
    };

    void ask(std::size_t zone);
    void on_answer(std::size_t zone, const dns::answer& answer);
    void look_if_done();
    [[nodiscard]] milliseconds so_far() const noexcept;

    const runtime_config& config_;
    explanation& into_;
    io::resolver_pool& resolvers_;
    io::deadline_queue& deadlines_;
    dnsbl::scoreboard board_;
    std::vector<question> questions_;
    std::optional<io::name_lookup> name_;
    io::deadline time_limit_;
    tick started_{};
    std::function<void()> done_;
    std::shared_ptr<live_lookup*> self_; ///< null once it has gone
};

} // namespace fendmail::app
