// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/throttle/budget.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Who may ask the admin's HTTP server for what.
///
/// Over a UNIX socket the file's mode decides who can connect, and the kernel says who it is: root
/// and the service's own user may do all, others read. Over TCP every process of the machine can
/// send a request, and every web page that the admin's browser shows; so it takes a token to read,
/// another one to change anything, and a Host and an Origin that are ours.
///
/// Source: RFC 6750 §2.1 (Bearer), RFC 9110 §7.2 (Host), RFC 6454 (Origin), Fetch metadata
/// (Sec-Fetch-Site). No cookies and no Basic: what a browser adds by itself, any page can use.
/// Memory: views of the request.
/// Errors: a refusal says what was missing, never what would have been right.
/// Threads: `token_guesses` belongs to one thread; all else are values.
namespace fendmail::web {

/// What a request needs.
enum class right : std::uint8_t {
    none,   ///< health and metrics
    read,   ///< what there is, with addresses of clients
    change, ///< something is another way afterwards
};

/// What decides, of a request as it came. Absent header fields are "".
struct request_facts {
    /// Of a UNIX socket: the peer may do all, or only read. None = it came over TCP.
    std::optional<right> local{};
    std::string_view host{};
    std::string_view origin{};
    std::string_view fetch_site{};
    std::string_view content_type{};
    std::string_view authorization{};
};

struct access_rules {
    std::vector<std::string> hosts; ///< besides localhost and addresses; lower case
    std::string read_token;         ///< "" = reading over TCP needs the admin's
    std::string admin_token;        ///< "" = nothing can be changed over TCP
};

struct refusal {
    unsigned status = 403;     ///< of HTTP
    std::string_view reason{}; ///< for people
    bool wrong_token = false;  ///< one was tried
    friend bool operator==(const refusal&, const refusal&) = default;
};

/// @return nothing when it may go on
[[nodiscard]] std::optional<refusal> refused(const access_rules& rules, const request_facts& from,
                                             right needed);

/// Whether a Host header is one of ours: none, localhost, an address, or one of `hosts`; with any
/// port. Else a page of any site could have its name point to us (DNS rebinding).
[[nodiscard]] bool is_own_host(std::string_view host, const std::vector<std::string>& hosts);

/// In a time that depends on the length of `given` alone.
[[nodiscard]] bool equals_in_constant_time(std::string_view given,
                                           std::string_view secret) noexcept;

/// What a guesser of tokens has left: beyond it no token is looked at, a right one neither.
class token_guesses {
public:
    static constexpr budget allowed{10, milliseconds{60'000}};

    [[nodiscard]] bool are_used_up(tick now) const noexcept
    {
        return spent_.free_at(allowed, now) > now;
    }
    void on_wrong(tick now) noexcept { (void)spent_.take(allowed, now); }

private:
    spending spent_;
};

} // namespace fendmail::web
