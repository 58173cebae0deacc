// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/name_server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// A DNS server for tests, with a say in every octet it answers.
///
///     dns_server server;
///     server.on("2.0.0.127.zen.test", dns_reply::a({"127.0.0.2"}, 60s));
///     server.on("slow.test", dns_reply::nxdomain(300s, 60s).held());
///     io::resolver resolver{context, {server.address()}};
///     …
///     CHECK(server.queries("slow.test") == 1);
///     server.release();
///
/// Source: RFC 1035 §4.
/// Errors: std::runtime_error when no port can be had; a name without a program gets NXDOMAIN.
/// Threads: it serves from its own thread; all public functions may be called at any time.
namespace fendmail::test {

/// What to do with a query. Begin with a named one and refine it.
struct dns_reply {
    using seconds = std::chrono::seconds;

    /// A records, all with the same TTL.
    [[nodiscard]] static dns_reply a(std::vector<std::string> addresses, seconds ttl);
    [[nodiscard]] static dns_reply aaaa(std::vector<std::string> addresses, seconds ttl);
    [[nodiscard]] static dns_reply ptr(std::vector<std::string> names, seconds ttl);
    [[nodiscard]] static dns_reply mx(std::vector<std::string> hosts, seconds ttl);
    /// One record a text, cut into strings of 255 octets.
    [[nodiscard]] static dns_reply txt(std::vector<std::string> texts, seconds ttl);
    /// NXDOMAIN whose SOA has this TTL and this MINIMUM.
    [[nodiscard]] static dns_reply nxdomain(seconds soa_ttl, seconds soa_minimum);
    [[nodiscard]] static dns_reply nxdomain_without_soa();
    /// The name exists, but has no A record.
    [[nodiscard]] static dns_reply nodata(seconds soa_ttl, seconds soa_minimum);
    [[nodiscard]] static dns_reply servfail();
    [[nodiscard]] static dns_reply refused();
    /// Never answers.
    [[nodiscard]] static dns_reply silence();
    /// The right header and question, then octets that are no record.
    [[nodiscard]] static dns_reply garbage();

    /// One more A record with its own TTL.
    [[nodiscard]] dns_reply and_a(std::string address, seconds ttl) &&;
    /// A CNAME to `name`, whose A records these become.
    [[nodiscard]] dns_reply behind_cname(std::string name) &&;
    [[nodiscard]] dns_reply after(std::chrono::milliseconds delay) &&;
    /// Not before dns_server::release().
    [[nodiscard]] dns_reply held() &&;
    /// Only "truncated" over UDP; the records come over TCP.
    [[nodiscard]] dns_reply truncated() &&;
    /// A forged answer, "127.0.0.99", comes first: with a wrong id, or about another name.
    [[nodiscard]] dns_reply behind_wrong_id() &&;
    [[nodiscard]] dns_reply behind_wrong_question() &&;
    /// The same answer so many times.
    [[nodiscard]] dns_reply sent(unsigned times) &&;

    struct record {
        std::string address;
        std::uint32_t ttl = 0;
    };
    struct other_record {
        unsigned type = 0;
        std::vector<std::uint8_t> data;
        std::uint32_t ttl = 0;
    };
    std::vector<record> addresses;
    std::vector<other_record> others; ///< AAAA, MX, PTR, TXT
    std::string cname;
    bool has_soa = false;
    std::uint32_t soa_ttl = 0;
    std::uint32_t soa_minimum = 0;
    unsigned response_code = 0;
    std::chrono::milliseconds delay{0};
    unsigned times = 1; ///< 0 = silence
    bool is_held = false;
    bool is_truncated = false;
    bool forge_id = false;
    bool forge_question = false;
    bool has_garbage = false;
};

class dns_server {
public:
    dns_server();
    ~dns_server();
    dns_server(const dns_server&) = delete;
    dns_server& operator=(const dns_server&) = delete;

    /// "127.0.0.1:12345", UDP and TCP.
    [[nodiscard]] dns::server_address address() const;

    /// Programs one name; the last program counts. Names are compared without regard to case.
    void on(const std::string& name, dns_reply reply);
    /// The same for questions of one type, "TXT", "A", "AAAA", "MX" or "PTR"; counts before the
    /// above.
    void on(const std::string& type, const std::string& name, dns_reply reply);
    /// Programs all names without a program of their own. `program` runs in the server's thread.
    void on_others(std::function<dns_reply(const std::string& name)> program);

    /// Sends everything that is held, and holds nothing from now on.
    void release();

    /// Queries seen, each repetition and each transport counted.
    [[nodiscard]] std::size_t queries(const std::string& name) const;
    [[nodiscard]] std::size_t tcp_queries(const std::string& name) const;
    [[nodiscard]] std::size_t queries() const;
    /// Different ports from which questions came over UDP.
    [[nodiscard]] std::size_t ports() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// An address on which nothing listens.
[[nodiscard]] dns::server_address dead_resolver_address();

} // namespace fendmail::test
