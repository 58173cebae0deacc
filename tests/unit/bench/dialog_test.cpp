// SPDX-License-Identifier: Apache-2.0
#include "storm/dialog.hpp"
#include "storm/reply_scanner.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

namespace fendmail::storm {
namespace {

/// What a client says to these replies, its steps in one text; "(message)" for a mail, "(listen)"
/// when it waits for the end.
std::string played(dialog& client, const std::vector<int>& codes)
{
    std::string said;
    const auto note = [&](step what) {
        if (what == step::say) said += client.text();
        if (what == step::message) said += "(message)";
        if (what == step::listen) said += "(listen)";
    };
    note(client.on_connect());
    for (const int code : codes)
        note(client.on_reply(code));
    return said;
}

struct row {
    storm::role role;
    std::vector<int> codes;
    std::string said;
    storm::outcome outcome;
};

const std::string ehlo = "EHLO storm.example.test\r\n";
const std::string mail = "MAIL FROM:<sender@example.org>\r\n";
const std::string rcpt = "RCPT TO:<user@example.test>\r\n";
const std::string quit = "QUIT\r\n";

TEST_CASE("each role says its part and knows what became of it")
{
    const auto dialog_to_rcpt = ehlo + mail + rcpt;
    const std::vector<row> rows{
        {role::visitor, {}, "", outcome::open},
        {role::visitor, {220, 221}, quit + "(listen)", outcome::let_through},
        {role::visitor, {554, 221}, quit + "(listen)", outcome::refused},
        {role::visitor, {521}, "(listen)", outcome::refused},
        {role::visitor, {421}, "(listen)", outcome::deferred},
        {role::visitor, {250}, quit, outcome::unexpected},
        {role::sender,
         {220, 250, 250, 550, 221},
         dialog_to_rcpt + quit + "(listen)",
         outcome::refused},
        {role::sender,
         {220, 250, 250, 450, 221},
         dialog_to_rcpt + quit + "(listen)",
         outcome::deferred},
        {role::sender,
         {220, 250, 250, 250, 221},
         dialog_to_rcpt + quit + "(listen)",
         outcome::let_through},
        {role::sender, {220, 354}, ehlo + quit, outcome::unexpected},
        {role::pregreeter, {521}, ehlo + "(listen)", outcome::refused},
        {role::pregreeter, {220, 250, 250, 550}, dialog_to_rcpt + quit, outcome::refused},
        {role::pregreeter, {250, 250, 550}, dialog_to_rcpt + quit, outcome::refused},
        {role::pregreeter, {354}, ehlo + quit, outcome::unexpected},
        {role::pregreeter, {220, 250, 250, 250}, dialog_to_rcpt + quit, outcome::let_through},
        {role::holder, {220}, "", outcome::let_through},
        {role::mailer,
         {220, 250, 250, 250, 354, 250, 221},
         dialog_to_rcpt + "DATA\r\n(message)" + quit + "(listen)",
         outcome::let_through},
        {role::mailer,
         {220, 250, 250, 250, 250},
         dialog_to_rcpt + "DATA\r\n" + quit,
         outcome::unexpected},
        {role::mailer,
         {220, 250, 250, 250, 354, 452},
         dialog_to_rcpt + "DATA\r\n(message)" + quit,
         outcome::deferred},
    };
    for (const auto& r : rows) {
        dialog client{r.role};
        const auto said = played(client, r.codes);
        CAPTURE(static_cast<int>(r.role), r.codes);
        CHECK(said == r.said);
        CHECK(client.outcome() == r.outcome);
    }
}

TEST_CASE("the verdict stands, whatever is said to QUIT")
{
    dialog client{role::visitor};
    CHECK(played(client, {220, 550, 421}) == quit + "(listen)(listen)");
    CHECK(client.outcome() == outcome::let_through);
}

TEST_CASE("a client is greeted by the last line of the greeting or by a refusal")
{
    for (const int code : {220, 450, 554}) {
        dialog client{role::visitor};
        CHECK_FALSE(client.is_greeted());
        static_cast<void>(client.on_reply(code));
        CHECK(client.is_greeted());
    }
}

TEST_CASE("replies are found in whatever pieces they come")
{
    const std::string text =
        "220-teaser\r\n220 mx\r\n250-a\r\n250\r\nbad\r\n\r\n22\r\n550 5.7.1 x\r\n";
    const std::vector<reply_line> wanted{{220, false}, {220, true}, {250, false}, {250, true},
                                         {0, true},    {0, true},   {0, true},    {550, true}};
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        reply_scanner scanner;
        std::vector<reply_line> found;
        for (std::size_t at = 0; at < text.size(); at += piece) {
            std::string_view octets = std::string_view{text}.substr(at, piece);
            while (const auto line = scanner.next(octets))
                found.push_back(*line);
        }
        CAPTURE(piece);
        CHECK(found == wanted);
    }
}

} // namespace
} // namespace fendmail::storm
