// SPDX-License-Identifier: Apache-2.0
#include "question.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>

#include <ares.h>
#include <arpa/nameser.h>

namespace fendmail::io {
namespace {

struct ares_freer {
    void operator()(unsigned char* octets) const noexcept { ares_free_string(octets); }
};
using ares_octets = std::unique_ptr<unsigned char, ares_freer>;

struct encoded {
    ares_octets octets;
    std::size_t size = 0;
    int status = ARES_SUCCESS;
};

#if ARES_VERSION >= 0x011c00 // 1.28 has a message of its own; the call below is deprecated there

struct record_freer {
    void operator()(ares_dns_record_t* record) const noexcept { ares_dns_record_destroy(record); }
};

encoded encode(const std::string& name, dns::record_type type)
{
    ares_dns_record_t* made = nullptr;
    int status =
        ares_dns_record_create(&made, 0, ARES_FLAG_RD, ARES_OPCODE_QUERY, ARES_RCODE_NOERROR);
    const std::unique_ptr<ares_dns_record_t, record_freer> record{made};
    if (status == ARES_SUCCESS)
        status = ares_dns_record_query_add(made, name.c_str(),
                                           static_cast<ares_dns_rec_type_t>(type), ARES_CLASS_IN);
    unsigned char* octets = nullptr;
    std::size_t size = 0;
    if (status == ARES_SUCCESS) status = ares_dns_write(made, &octets, &size);
    return {ares_octets{octets}, size, status};
}

#else

encoded encode(const std::string& name, dns::record_type type)
{
    unsigned char* octets = nullptr;
    int size = 0;
    const int status = ares_create_query(name.c_str(), ns_c_in, static_cast<int>(type), 0,
                                         1 /* recursion */, &octets, &size, 0 /* no EDNS */);
    return {ares_octets{octets}, static_cast<std::size_t>(std::max(size, 0)), status};
}

#endif

bool is_letter(std::uint8_t octet) noexcept
{
    const auto low = static_cast<std::uint8_t>(octet | 0x20);
    return low >= 'a' && low <= 'z';
}

/// Calls `f(octet, position, upper)` for each octet of the question; `upper` says of a letter
/// whether it was sent in upper case.
template <class F>
bool each_octet(std::span<const std::uint8_t> message, std::uint32_t letters, F f)
{
    unsigned letter = 0;
    std::size_t label_end = NS_HFIXEDSZ;
    bool in_name = true;
    for (std::size_t at = NS_HFIXEDSZ; at < message.size(); ++at) {
        bool upper = false;
        if (in_name && at == label_end) { // a length
            in_name = message[at] != 0;
            label_end = at + 1 + message[at];
        } else if (in_name && is_letter(message[at])) {
            upper = (letters >> (letter++ % 32) & 1U) != 0;
            if (!f(at, true, upper)) return false;
            continue;
        }
        if (!f(at, false, false)) return false;
    }
    return true;
}

std::uint8_t as_sent(std::uint8_t octet, bool is_name_letter, bool upper) noexcept
{
    if (!is_name_letter || !upper) return octet;
    return static_cast<std::uint8_t>(octet & ~0x20);
}

} // namespace

dns_question make_question(const std::string& name, dns::record_type type)
{
    const auto made = encode(name, type);
    dns_question question;
    if (made.status != ARES_SUCCESS) {
        question.reason = ares_strerror(made.status);
        return question;
    }
    question.message.assign(made.octets.get(), made.octets.get() + made.size);
    return question;
}

void append_question(std::span<const std::uint8_t> message, std::uint16_t id, std::uint32_t letters,
                     std::vector<std::uint8_t>& to)
{
    const std::size_t begin = to.size();
    to.insert(to.end(), message.begin(), message.end());
    to[begin] = static_cast<std::uint8_t>(id >> 8);
    to[begin + 1] = static_cast<std::uint8_t>(id);
    if (letters == 0) return;
    each_octet(message, letters, [&](std::size_t at, bool is_name_letter, bool upper) {
        to[begin + at] = as_sent(message[at], is_name_letter, upper);
        return true;
    });
}

question_match match_question(std::span<const std::uint8_t> message, std::uint32_t letters,
                              std::span<const std::uint8_t> answer) noexcept
{
    if (answer.size() < NS_HFIXEDSZ || (answer[2] & 0x80) == 0) return question_match::none;
    const unsigned questions = static_cast<unsigned>(answer[4]) << 8 | answer[5];
    const unsigned code = answer[3] & 0x0FU;
    if (questions == 0 && code != ns_r_noerror && code != ns_r_nxdomain)
        return question_match::not_repeated;
    if (questions != 1 || answer.size() < message.size()) return question_match::none;
    bool is_exact = true;
    const bool is_same =
        each_octet(message, letters, [&](std::size_t at, bool is_name_letter, bool upper) {
            const std::uint8_t sent = as_sent(message[at], is_name_letter, upper);
            if (answer[at] == sent) return true;
            is_exact = false;
            return is_name_letter && (answer[at] | 0x20) == (sent | 0x20);
        });
    if (!is_same) return question_match::none;
    return is_exact ? question_match::exact : question_match::other_case;
}

unsigned raised_letters(std::span<const std::uint8_t> message, std::uint32_t letters) noexcept
{
    unsigned raised = 0;
    each_octet(message, letters, [&](std::size_t at, bool is_name_letter, bool upper) {
        raised += is_name_letter && as_sent(message[at], true, upper) != (message[at] | 0x20);
        return true;
    });
    return raised;
}

std::optional<std::uint16_t> message_id(std::span<const std::uint8_t> message) noexcept
{
    if (message.size() < NS_HFIXEDSZ) return std::nullopt;
    return static_cast<std::uint16_t>(message[0] << 8 | message[1]);
}

bool is_truncated(std::span<const std::uint8_t> message) noexcept
{
    // Without EDNS there is no room for more than 512 octets; what is longer is cut in our buffers.
    return message.size() > NS_PACKETSZ ||
           (message.size() >= NS_HFIXEDSZ && (message[2] & 0x02) != 0);
}

} // namespace fendmail::io
