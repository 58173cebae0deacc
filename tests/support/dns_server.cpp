// SPDX-License-Identifier: Apache-2.0
#include "dns_server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cctype>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

namespace fendmail::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using octets = std::vector<std::uint8_t>;

constexpr std::size_t header_octets = 12;
constexpr unsigned type_a = 1;
constexpr unsigned type_cname = 5;
constexpr unsigned type_soa = 6;
constexpr unsigned type_ptr = 12;
constexpr unsigned type_mx = 15;
constexpr unsigned type_txt = 16;
constexpr unsigned type_aaaa = 28;
constexpr unsigned class_in = 1;

std::string lower(std::string text)
{
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

void put16(octets& out, unsigned value)
{
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

void put32(octets& out, std::uint32_t value)
{
    put16(out, value >> 16);
    put16(out, value & 0xFFFF);
}

void put_name(octets& out, std::string_view name)
{
    while (!name.empty()) {
        const auto label = name.substr(0, name.find('.'));
        out.push_back(static_cast<std::uint8_t>(label.size()));
        out.insert(out.end(), label.begin(), label.end());
        name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    out.push_back(0);
}

void put_record(octets& out, std::string_view name, unsigned type, std::uint32_t ttl,
                const octets& data)
{
    put_name(out, name);
    put16(out, type);
    put16(out, class_in);
    put32(out, ttl);
    put16(out, static_cast<unsigned>(data.size()));
    out.insert(out.end(), data.begin(), data.end());
}

octets soa_data(std::uint32_t minimum)
{
    octets data;
    put_name(data, "ns.test");
    put_name(data, "admin.test");
    for (const std::uint32_t number : {1U, 600U, 300U, 86400U, minimum})
        put32(data, number);
    return data;
}

struct question {
    unsigned id = 0;
    std::string name;
    unsigned type = type_a;
};

unsigned type_of(std::string_view text)
{
    if (text == "A") return type_a;
    if (text == "MX") return type_mx;
    if (text == "PTR") return type_ptr;
    if (text == "TXT") return type_txt;
    if (text == "AAAA") return type_aaaa;
    throw std::logic_error("the DNS server knows no such type");
}

std::optional<question> read_question(const octets& message)
{
    if (message.size() < header_octets) return std::nullopt;
    question asked;
    asked.id = message[0] * 256U + message[1];
    std::size_t at = header_octets;
    while (at < message.size() && message[at] != 0) {
        const std::size_t length = message[at];
        if (length > 63 || at + 1 + length > message.size()) return std::nullopt;
        if (!asked.name.empty()) asked.name += '.';
        asked.name.append(message.begin() + static_cast<std::ptrdiff_t>(at + 1),
                          message.begin() + static_cast<std::ptrdiff_t>(at + 1 + length));
        at += 1 + length;
    }
    if (at + 2 < message.size()) asked.type = message[at + 1] * 256U + message[at + 2];
    return asked;
}

octets write_reply(const question& asked, const dns_reply& reply, bool truncate)
{
    const bool empty = truncate || reply.has_garbage;
    const auto answers =
        reply.addresses.size() + reply.others.size() + (reply.cname.empty() ? 0 : 1);
    octets out;
    put16(out, asked.id);
    put16(out, 0x8180U | (truncate ? 0x0200U : 0U) | reply.response_code);
    put16(out, 1);
    put16(out, reply.has_garbage ? 1 : empty ? 0 : static_cast<unsigned>(answers));
    put16(out, !empty && reply.has_soa ? 1 : 0);
    put16(out, 0);
    put_name(out, asked.name);
    put16(out, asked.type);
    put16(out, class_in);
    if (reply.has_garbage) out.insert(out.end(), 7, 0xFF);
    if (empty) return out;

    if (!reply.cname.empty()) {
        octets target;
        put_name(target, reply.cname);
        put_record(out, asked.name, type_cname, 5, target);
    }
    const auto& owner = reply.cname.empty() ? asked.name : reply.cname;
    for (const auto& [address, ttl] : reply.addresses) {
        const auto four = asio::ip::make_address_v4(address).to_bytes();
        put_record(out, owner, type_a, ttl, {four.begin(), four.end()});
    }
    for (const auto& [type, data, ttl] : reply.others)
        put_record(out, owner, type, ttl, data);
    if (reply.has_soa)
        put_record(out, "test", type_soa, reply.soa_ttl, soa_data(reply.soa_minimum));
    return out;
}

octets write_forgery(question asked, const dns_reply& reply)
{
    if (reply.forge_id) asked.id ^= 0x5555U;
    if (reply.forge_question) asked.name = "other." + asked.name;
    return write_reply(asked, dns_reply::a({"127.0.0.99"}, std::chrono::hours{24}), false);
}

std::uint32_t count(std::chrono::seconds ttl)
{
    return static_cast<std::uint32_t>(ttl.count());
}

} // namespace

// ── replies ───────────────────────────────────────────────────────────────────────────────────

dns_reply dns_reply::a(std::vector<std::string> addresses, seconds ttl)
{
    dns_reply reply;
    for (auto& address : addresses)
        reply.addresses.push_back({std::move(address), count(ttl)});
    return reply;
}

dns_reply dns_reply::aaaa(std::vector<std::string> addresses, seconds ttl)
{
    dns_reply reply;
    for (const auto& address : addresses) {
        const auto sixteen = asio::ip::make_address_v6(address).to_bytes();
        reply.others.push_back({type_aaaa, {sixteen.begin(), sixteen.end()}, count(ttl)});
    }
    return reply;
}

dns_reply dns_reply::ptr(std::vector<std::string> names, seconds ttl)
{
    dns_reply reply;
    for (const auto& name : names) {
        octets data;
        put_name(data, name);
        reply.others.push_back({type_ptr, std::move(data), count(ttl)});
    }
    return reply;
}

dns_reply dns_reply::mx(std::vector<std::string> hosts, seconds ttl)
{
    dns_reply reply;
    for (const auto& host : hosts) {
        octets data;
        put16(data, 10);
        put_name(data, host == "." ? "" : host);
        reply.others.push_back({type_mx, std::move(data), count(ttl)});
    }
    return reply;
}

dns_reply dns_reply::txt(std::vector<std::string> texts, seconds ttl)
{
    constexpr std::size_t string_octets_max = 255;
    dns_reply reply;
    for (std::string_view text : texts) {
        octets data;
        do {
            const auto part = text.substr(0, string_octets_max);
            data.push_back(static_cast<std::uint8_t>(part.size()));
            data.insert(data.end(), part.begin(), part.end());
            text.remove_prefix(part.size());
        } while (!text.empty());
        reply.others.push_back({type_txt, std::move(data), count(ttl)});
    }
    return reply;
}

dns_reply dns_reply::nodata(seconds soa_ttl, seconds soa_minimum)
{
    dns_reply reply;
    reply.has_soa = true;
    reply.soa_ttl = count(soa_ttl);
    reply.soa_minimum = count(soa_minimum);
    return reply;
}

dns_reply dns_reply::nxdomain(seconds soa_ttl, seconds soa_minimum)
{
    auto reply = nodata(soa_ttl, soa_minimum);
    reply.response_code = 3;
    return reply;
}

dns_reply dns_reply::nxdomain_without_soa()
{
    dns_reply reply;
    reply.response_code = 3;
    return reply;
}

dns_reply dns_reply::servfail()
{
    dns_reply reply;
    reply.response_code = 2;
    return reply;
}

dns_reply dns_reply::refused()
{
    dns_reply reply;
    reply.response_code = 5;
    return reply;
}

dns_reply dns_reply::silence()
{
    dns_reply reply;
    reply.times = 0;
    return reply;
}

dns_reply dns_reply::garbage()
{
    dns_reply reply;
    reply.has_garbage = true;
    return reply;
}

dns_reply dns_reply::and_a(std::string address, seconds ttl) &&
{
    addresses.push_back({std::move(address), count(ttl)});
    return std::move(*this);
}

dns_reply dns_reply::behind_cname(std::string name) &&
{
    cname = std::move(name);
    return std::move(*this);
}

dns_reply dns_reply::after(std::chrono::milliseconds time) &&
{
    delay = time;
    return std::move(*this);
}

dns_reply dns_reply::held() &&
{
    is_held = true;
    return std::move(*this);
}

dns_reply dns_reply::truncated() &&
{
    is_truncated = true;
    return std::move(*this);
}

dns_reply dns_reply::behind_wrong_id() &&
{
    forge_id = true;
    return std::move(*this);
}

dns_reply dns_reply::behind_wrong_question() &&
{
    forge_question = true;
    return std::move(*this);
}

dns_reply dns_reply::sent(unsigned how_often) &&
{
    times = how_often;
    return std::move(*this);
}

// ── the server ────────────────────────────────────────────────────────────────────────────────

struct dns_server::impl {
    using sender = std::function<void(octets)>;
    struct tally {
        std::size_t udp = 0;
        std::size_t tcp = 0;
    };
    struct tcp_client {
        explicit tcp_client(tcp::socket accepted)
            : socket{std::move(accepted)}
        {
        }
        tcp::socket socket;
        std::array<std::uint8_t, 2> length{};
        octets message;
    };

    impl()
    {
        open();
        receive();
        accept();
        thread = std::thread{[this] { context.run(); }};
    }

    ~impl()
    {
        context.stop();
        thread.join();
    }

    /// Both transports on one port, which another program may have for one of them.
    void open()
    {
        const auto loopback = asio::ip::address_v4::loopback();
        for (int attempt = 0; attempt < 100; ++attempt) {
            udp_socket = udp::socket{context, udp::endpoint{loopback, 0}};
            port = udp_socket.local_endpoint().port();
            boost::system::error_code error;
            acceptor = tcp::acceptor{context, tcp::v4()};
            acceptor.set_option(tcp::acceptor::reuse_address{true});
            acceptor.bind({loopback, port}, error);
            if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
            if (!error) return;
        }
        throw std::runtime_error("no port for the DNS server");
    }

    void receive()
    {
        incoming.resize(512);
        udp_socket.async_receive_from(
            asio::buffer(incoming), from, [this](const auto& error, std::size_t size) {
                if (error == asio::error::operation_aborted) return;
                if (!error) {
                    incoming.resize(size);
                    {
                        const std::lock_guard guard{mutex};
                        ports.insert(from.port());
                    }
                    serve(incoming, false, [this, to = from](octets reply) {
                        boost::system::error_code ignored;
                        udp_socket.send_to(asio::buffer(reply), to, 0, ignored);
                    });
                }
                receive();
            });
    }

    void accept()
    {
        acceptor.async_accept([this](const auto& error, tcp::socket accepted) {
            if (error) return;
            read(std::make_shared<tcp_client>(std::move(accepted)));
            accept();
        });
    }

    void read(const std::shared_ptr<tcp_client>& client)
    {
        asio::async_read(client->socket, asio::buffer(client->length),
                         [this, client](const auto& error, std::size_t) {
                             if (error) return;
                             client->message.resize(client->length[0] * 256U + client->length[1]);
                             read_message(client);
                         });
    }

    void read_message(const std::shared_ptr<tcp_client>& client)
    {
        asio::async_read(client->socket, asio::buffer(client->message),
                         [this, client](const auto& error, std::size_t) {
                             if (error) return;
                             serve(client->message, true, [client](octets reply) {
                                 octets framed;
                                 put16(framed, static_cast<unsigned>(reply.size()));
                                 framed.insert(framed.end(), reply.begin(), reply.end());
                                 boost::system::error_code ignored;
                                 asio::write(client->socket, asio::buffer(framed), ignored);
                             });
                             read(client);
                         });
    }

    void serve(const octets& message, bool over_tcp, const sender& send)
    {
        const auto asked = read_question(message);
        if (!asked) return;
        const auto reply = take(lower(asked->name), asked->type, over_tcp);
        const auto out = write_reply(*asked, reply, reply.is_truncated && !over_tcp);
        if (reply.forge_id || reply.forge_question) send(write_forgery(*asked, reply));
        const auto answer = [send, out, times = reply.times] {
            for (unsigned i = 0; i < times; ++i)
                send(out);
        };
        if (reply.is_held && !released) {
            waiting.push_back(answer);
            return;
        }
        if (reply.delay == reply.delay.zero()) return answer();
        auto timer = std::make_shared<asio::steady_timer>(context, reply.delay);
        timer->async_wait([timer, answer](const auto& error) {
            if (!error) answer();
        });
    }

    /// Counts the query and says what to do with it.
    dns_reply take(const std::string& name, unsigned type, bool over_tcp)
    {
        const std::lock_guard guard{mutex};
        auto& counted = tallies[name];
        ++(over_tcp ? counted.tcp : counted.udp);
        if (const auto found = typed_programs.find({type, name}); found != typed_programs.end())
            return found->second;
        if (const auto found = programs.find(name); found != programs.end()) return found->second;
        return others ? others(name) : dns_reply::nxdomain_without_soa();
    }

    asio::io_context context;
    udp::socket udp_socket{context};
    tcp::acceptor acceptor{context};
    std::uint16_t port = 0;
    udp::endpoint from;
    octets incoming;
    std::vector<std::function<void()>> waiting; // server's thread only, as is `released`
    bool released = false;

    mutable std::mutex mutex; // for what follows
    std::map<std::string, dns_reply> programs;
    std::map<std::pair<unsigned, std::string>, dns_reply> typed_programs;
    std::function<dns_reply(const std::string&)> others;
    std::map<std::string, tally> tallies;
    std::set<std::uint16_t> ports;

    std::thread thread; // last: it uses everything else
};

dns_server::dns_server()
    : impl_{std::make_unique<impl>()}
{
}

dns_server::~dns_server() = default;

dns::server_address dns_server::address() const
{
    return dns::name_server{{ip_address::v4({127, 0, 0, 1}), impl_->port}, {}};
}

void dns_server::on(const std::string& name, dns_reply reply)
{
    const std::lock_guard guard{impl_->mutex};
    impl_->programs.insert_or_assign(lower(name), std::move(reply));
}

void dns_server::on(const std::string& type, const std::string& name, dns_reply reply)
{
    const std::lock_guard guard{impl_->mutex};
    impl_->typed_programs.insert_or_assign({type_of(type), lower(name)}, std::move(reply));
}

void dns_server::on_others(std::function<dns_reply(const std::string&)> program)
{
    const std::lock_guard guard{impl_->mutex};
    impl_->others = std::move(program);
}

void dns_server::release()
{
    asio::post(impl_->context, [self = impl_.get()] {
        self->released = true;
        for (const auto& answer : std::exchange(self->waiting, {}))
            answer();
    });
}

std::size_t dns_server::queries(const std::string& name) const
{
    const std::lock_guard guard{impl_->mutex};
    const auto found = impl_->tallies.find(lower(name));
    return found == impl_->tallies.end() ? 0 : found->second.udp + found->second.tcp;
}

std::size_t dns_server::tcp_queries(const std::string& name) const
{
    const std::lock_guard guard{impl_->mutex};
    const auto found = impl_->tallies.find(lower(name));
    return found == impl_->tallies.end() ? 0 : found->second.tcp;
}

std::size_t dns_server::queries() const
{
    const std::lock_guard guard{impl_->mutex};
    std::size_t sum = 0;
    for (const auto& [name, counted] : impl_->tallies)
        sum += counted.udp + counted.tcp;
    return sum;
}

std::size_t dns_server::ports() const
{
    const std::lock_guard guard{impl_->mutex};
    return impl_->ports.size();
}

dns::server_address dead_resolver_address()
{
    asio::io_context context;
    const udp::socket taken{context, {asio::ip::address_v4::loopback(), 0}};
    return dns::name_server{{ip_address::v4({127, 0, 0, 1}), taken.local_endpoint().port()}, {}};
}

} // namespace fendmail::test
