// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/early_speech.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail::smtp;
using namespace std::string_literals;

TEST_CASE("early speech: what a client speaks before its turn is named", "[smtp]")
{
    struct row {
        std::string octets;
        speech want;
    };
    const row rows[] = {
        {"", speech::unknown},
        {"EHLO x\r\n", speech::smtp},
        {"ehlo x\n", speech::smtp},
        {"QUIT", speech::smtp},
        {"MAIL FROM:<>\r\n", speech::smtp},
        {"STARTTLS\r\n", speech::smtp},
        {"EHLOx", speech::unknown},
        {"EH", speech::unknown},
        {"\x16\x03\x01\x02\x00\x01"s, speech::tls},
        {"\x16\x03\x03"s, speech::tls},
        {"\x16"s, speech::tls},
        {"\x16\x05\x01"s, speech::unknown},
        {"GET / HTTP/1.1\r\n", speech::http},
        {"POST /x HTTP/1.0\r\n", speech::http},
        {"CONNECT mx:25 HTTP/1.1\r\n", speech::http},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", speech::http},
        {"get / http/1.1\r\n", speech::unknown},
        {"\x05\x01\x00"s, speech::socks},
        {"\x05\x02\x00\x02"s, speech::socks},
        {"\x05\x00"s, speech::unknown},
        {"\x04\x01\x00\x19\x7f\x00\x00\x01\x00"s, speech::socks},
        {"\x04\x03"s, speech::unknown},
        {"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00"s,
         speech::rdp},
        {"\x03\x00\x00\x13\x0e\x10"s, speech::unknown},
        {"SSH-2.0-Go\r\n", speech::ssh},
        {"\x00\x00"s, speech::unknown},
        {"hello\r\n", speech::unknown},
    };
    for (const auto& r : rows) {
        CAPTURE(r.octets);
        CHECK(to_string(speech_of(r.octets)) == to_string(r.want));
    }
}

TEST_CASE("early speech: no octet is too much or too few", "[smtp]")
{
    for (int first = 0; first < 256; ++first)
        for (std::size_t size = 1; size < 9; ++size) {
            const std::string octets(size, static_cast<char>(first));
            CHECK_FALSE(to_string(speech_of(octets)).empty());
        }
}
