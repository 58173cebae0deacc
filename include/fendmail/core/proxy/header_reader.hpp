// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/result.hpp"

#include <array>
#include <boost/crc.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// Reads the PROXY header of a balancer, in whatever pieces it comes, and not one octet more.
///
/// Source: The PROXY protocol (HAProxy, proxy-protocol.txt) §2.1 (version 1, text) and §2.2
/// (version 2, binary, with TLVs; §2.2.3 is the checksum). Taken are TCP over IPv4 and IPv6, LOCAL,
/// and UNKNOWN or UNSPEC, behind which the endpoints of the connection itself are to be used and
/// all else ignored. UDP and UNIX sockets are refused: they carry no mail that was meant for us. A
/// line of version 1 may end in LF alone, as with postscreen.
/// Units: octets; at most limits::proxy_v1_octets or limits::proxy_v2_octets.
/// Memory: the first 107 octets; TLVs are checked as they pass by and not kept.
/// Errors: as the reason in fault(): bad_proxy_header and its neighbours in core/result.
/// Threads: one reader belongs to one connection.
namespace fendmail::proxy {

/// What a header says about its connection. Mapped addresses are IPv4 (core/address), so the two
/// may be of different families.
struct origin {
    endpoint client;
    endpoint local; ///< where the client connected to
    friend bool operator==(const origin&, const origin&) noexcept = default;
};

enum class progress : std::uint8_t { needs_more, complete, failed };
[[nodiscard]] std::string_view to_string(progress p) noexcept;

class header_reader {
public:
    struct fed {
        std::size_t taken = 0; ///< octets that belong to the header; the rest is the session's
        proxy::progress progress = progress::needs_more;
    };
    /// Takes what belongs to the header: everything while it needs more, nothing once it is
    /// complete or failed. With `failed` the last octet taken is the one that was wrong.
    fed feed(std::string_view octets) noexcept;

    [[nodiscard]] proxy::progress progress() const noexcept { return progress_; }
    /// Octets taken so far.
    [[nodiscard]] std::size_t octets() const noexcept { return octets_; }
    /// The first of them, for a log.
    [[nodiscard]] std::string_view text() const noexcept;

    /// The balancer does not know the client: the endpoints of its connection count.
    /// @pre progress() is complete
    [[nodiscard]] bool is_unknown() const noexcept { return is_unknown_; }
    /// The client; nothing for LOCAL, which is the balancer's own connection, and if unknown.
    /// @pre progress() is complete
    [[nodiscard]] const std::optional<proxy::origin>& origin() const noexcept;
    /// @pre progress() is failed
    [[nodiscard]] error fault() const noexcept;

private:
    enum class part : std::uint8_t { start, line, fixed, addresses, tlvs, skipped };

    void take(char octet) noexcept;
    void take_of_line(char octet) noexcept;
    void take_of_fixed(char octet) noexcept;
    void begin_rest() noexcept;
    void take_of_addresses() noexcept;
    void take_of_tlvs(std::uint8_t octet) noexcept;
    void begin_value() noexcept;
    void end_rest() noexcept;
    void finish() noexcept;
    void fail(error why) noexcept;

    using crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

    std::array<char, limits::proxy_v1_octets> head_{};
    std::size_t octets_ = 0;
    proxy::progress progress_ = progress::needs_more;
    error fault_ = error::bad_proxy_header;
    part part_ = part::start;
    std::optional<proxy::origin> origin_;
    bool is_unknown_ = false;

    // Version 2.
    std::size_t rest_ = 0;              ///< octets behind the fixed part that are still to come
    std::size_t address_octets_ = 0;    ///< both addresses with their ports
    std::array<std::uint8_t, 3> tlv_{}; ///< type and length of the TLV that begins
    std::size_t tlv_held_ = 0;          ///< octets of it so far
    std::size_t value_ = 0;             ///< octets of its value that are still to come
    crc32c crc_;                        ///< of the whole header, with 0 for its own checksum
    std::optional<std::uint32_t> wanted_crc_; ///< what the header says it is
};

} // namespace fendmail::proxy
