// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/dialog.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// A dialog as a script: what the client sends, what we must answer, what must be noted.
///
///     dialog_script{options}.greeted("mx.example ESMTP")
///         .client("EHLO c.example").server("250-mx.example").server("250 DSN")
///         .client("DATA").server("503 5.5.1 Error: need RCPT command")
///         .notes("DATA without valid RCPT").closes().check();
///
/// check() runs it as written, then with each input split at each of its octets, then octet by
/// octet, then with all inputs in one read: nothing may depend on how octets arrive.
namespace fendmail::test {

[[nodiscard]] inline std::string describe(const smtp::note& what)
{
    if (const auto* refused = std::get_if<smtp::recipient_refused>(&what))
        return to_log(refused->answer) + "; from=<" + refused->from + ">, to=<" + refused->to +
               ">, proto=" + (refused->esmtp ? "ESMTP" : "SMTP") + ", helo=<" + refused->helo + ">";
    if (const auto* mail = std::get_if<smtp::mail_without_recipient>(&what))
        return std::string{mail->verb} + " without valid RCPT";
    if (const auto* fault = std::get_if<smtp::fault_seen>(&what))
        return std::string{to_string(fault->what)} + " after " + std::string{fault->after} + ": " +
               fault->text;
    if (const auto* injected = std::get_if<smtp::plaintext_behind_starttls>(&what))
        return "behind STARTTLS: " + injected->text;
    const auto& exceeded = std::get<smtp::limit_exceeded>(what);
    return std::string{to_string(exceeded.which)} + " after " + std::string{exceeded.after};
}

class dialog_script {
public:
    explicit dialog_script(smtp::dialog_options options)
        : options_{std::move(options)}
    {
    }

    dialog_script& silent() { return terms_.opening = smtp::opening::silent, *this; }
    dialog_script& refusing(smtp::reply with) { return terms_.refusal = std::move(with), *this; }
    dialog_script& watching(smtp::fault f, smtp::on_fault what)
    {
        return terms_.faults[f] = what, *this;
    }
    dialog_script& footer(std::string text) { return terms_.footer = std::move(text), *this; }
    dialog_script& answering_once(smtp::reply with) { return once_ = std::move(with), *this; }

    dialog_script& greeted(std::string_view text)
    {
        greeting_ = "220 " + std::string{text} + "\r\n";
        return *this;
    }
    /// One line, which gets a <CRLF>.
    dialog_script& client(std::string_view line) { return octets(std::string{line} + "\r\n"); }
    /// Octets as they are.
    dialog_script& octets(std::string input)
    {
        exchanges_.push_back({.input = std::move(input), .output = {}, .notes = {}});
        return *this;
    }
    dialog_script& time_limit()
    {
        exchanges_.push_back({.input = std::nullopt, .output = {}, .notes = {}});
        return *this;
    }
    /// A line of the reply to the input above; nothing at all when not called.
    dialog_script& server(std::string_view line)
    {
        exchanges_.back().output += std::string{line} + "\r\n";
        return *this;
    }
    dialog_script& notes(std::string_view description)
    {
        exchanges_.back().notes.emplace_back(description);
        return *this;
    }
    /// The session ends with the reply above.
    dialog_script& closes() { return closes_ = true, *this; }

    void check() const
    {
        play_exchanges("as written",
                       [](std::string_view input, std::size_t) { return std::vector{input}; });
        for (std::size_t i = 0; i < exchanges_.size(); ++i)
            for (std::size_t at = 1; exchanges_[i].input && at < exchanges_[i].input->size(); ++at)
                play_exchanges("input " + std::to_string(i) + " split at " + std::to_string(at),
                               [&](std::string_view input, std::size_t index) {
                                   if (index != i) return std::vector{input};
                                   return std::vector{input.substr(0, at), input.substr(at)};
                               });
        play_exchanges("octet by octet", [](std::string_view input, std::size_t) {
            std::vector<std::string_view> pieces;
            for (std::size_t at = 0; at < input.size(); ++at)
                pieces.push_back(input.substr(at, 1));
            return pieces;
        });
        play_in_one_read();
    }

private:
    struct exchange {
        std::optional<std::string> input; ///< unset: the time limit passes
        std::string output;
        std::vector<std::string> notes;
    };

    /// What one or several steps gave together.
    struct heard {
        std::string output;
        std::vector<std::string> notes;
        smtp::next then = smtp::next::read;

        void add(const smtp::step& step)
        {
            output += step.output;
            for (const smtp::note& what : step.notes)
                notes.push_back(describe(what));
            then = step.then;
        }
    };

    [[nodiscard]] smtp::dialog make() const
    {
        return once_ ? smtp::dialog::answering_once(options_, *once_, terms_.footer)
                     : smtp::dialog{options_, terms_};
    }

    void check_start(smtp::dialog& dialog) const
    {
        const smtp::step started = dialog.start();
        CHECK(started.output == greeting_);
        CHECK(started.notes.empty());
        CHECK(to_string(started.then) == to_string(smtp::next::read));
    }

    static void check_ignored_after_close(smtp::dialog& dialog)
    {
        for (const smtp::step& late :
             {dialog.on_octets("NOOP\r\nNOOP\r\n"), dialog.on_octets(std::string(100'000, 'x')),
              dialog.on_time_limit()}) {
            CHECK(late.output.empty());
            CHECK(late.notes.empty());
            CHECK(to_string(late.then) == to_string(smtp::next::close));
        }
    }

    template <class Split>
    void play_exchanges(const std::string& how, const Split& split) const
    {
        CAPTURE(how);
        smtp::dialog dialog = make();
        check_start(dialog);
        for (std::size_t i = 0; i < exchanges_.size(); ++i) {
            const exchange& want = exchanges_[i];
            CAPTURE(i, want.input.value_or("(time limit)"));
            heard got;
            if (!want.input) got.add(dialog.on_time_limit());
            for (const std::string_view piece :
                 want.input ? split(*want.input, i) : std::vector<std::string_view>{})
                got.add(dialog.on_octets(piece));
            const bool is_end = closes_ && i + 1 == exchanges_.size();
            CHECK(got.output == want.output);
            CHECK(got.notes == want.notes);
            CHECK(to_string(got.then) == to_string(is_end ? smtp::next::close : smtp::next::read));
        }
        if (closes_) check_ignored_after_close(dialog);
    }

    void play_in_one_read() const
    {
        CAPTURE("all in one read");
        smtp::dialog dialog = make();
        check_start(dialog);
        std::string input;
        heard got;
        heard want;
        for (const exchange& e : exchanges_) {
            want.output += e.output;
            want.notes.insert(want.notes.end(), e.notes.begin(), e.notes.end());
            if (e.input) {
                input += *e.input;
                continue;
            }
            got.add(dialog.on_octets(std::exchange(input, {})));
            got.add(dialog.on_time_limit());
        }
        if (!input.empty()) got.add(dialog.on_octets(input));
        want.then = closes_ ? smtp::next::close : smtp::next::read;
        CHECK(got.output == want.output);
        CHECK(got.notes == want.notes);
        CHECK(to_string(got.then) == to_string(want.then));
    }

    smtp::dialog_options options_;
    smtp::dialog_terms terms_;
    std::optional<smtp::reply> once_;
    std::string greeting_;
    std::vector<exchange> exchanges_;
    bool closes_ = false;
};

} // namespace fendmail::test
