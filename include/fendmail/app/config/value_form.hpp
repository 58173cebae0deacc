// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/choices.hpp"
#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/settings.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/listen_address.hpp"
#include "fendmail/core/result.hpp"
#include "fendmail/core/throttle/budget.hpp"
#include "fendmail/io/log/destination.hpp"

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// What a type of C++ is in fendmail.toml: the type of its key, its value of a setting, and how
/// it is written.
///
/// Errors: what is no value of the type is told at its place.
/// Threads: values only.
namespace fendmail::app {

/// A value of a text, and the text of a value; only a type of which there are defaults needs the
/// latter. `parse` says why there is none.
template <class T>
struct text_form;

/// What a parser of the core says.
template <class T>
std::optional<T> parsed(result<T> what, std::string& why)
{
    if (what) return std::move(*what);
    why = message(what.error());
    return std::nullopt;
}

template <>
struct text_form<std::string> {
    static std::optional<std::string> parse(const std::string& text, std::string&) { return text; }
    static std::string text(const std::string& value) { return value; }
};
template <>
struct text_form<std::filesystem::path> {
    static std::optional<std::filesystem::path> parse(const std::string& text, std::string&)
    {
        return std::filesystem::path{text};
    }
    static std::string text(const std::filesystem::path& value) { return value.string(); }
};
template <>
struct text_form<endpoint> {
    static std::optional<endpoint> parse(const std::string& text, std::string& why);
    static std::string text(const endpoint& value);
};

template <>
struct text_form<listen_address> {
    static std::optional<listen_address> parse(const std::string& text, std::string& why);
    static std::string text(const listen_address& value) { return fendmail::to_text(value); }
};

template <>
struct text_form<dns::server_address> {
    static std::optional<dns::server_address> parse(const std::string& text, std::string& why)
    {
        return parsed(dns::parse_server_address(text), why);
    }
    static std::string text(const dns::server_address& value) { return dns::to_text(value); }
};

template <>
struct text_form<budget> {
    static std::optional<budget> parse(const std::string& text, std::string& why)
    {
        return parsed(parse_budget(text), why);
    }
    static std::string text(const budget& value) { return fendmail::to_text(value); }
};

template <>
struct text_form<io::log_destination> {
    static std::optional<io::log_destination> parse(const std::string& text, std::string& why);
    static std::string text(const io::log_destination& value) { return io::to_text(value); }
};

template <class T>
concept has_text_form = requires(const T& value) {
    { text_form<T>::text(value) } -> std::same_as<std::string>;
};

/// "" where there is none.
template <class T>
struct text_form<std::optional<T>> {
    static std::optional<std::optional<T>> parse(const std::string& text, std::string& why)
    {
        if (text.empty()) return std::optional<T>{};
        if (auto value = text_form<T>::parse(text, why)) return std::optional<T>{std::move(value)};
        return std::nullopt;
    }
    static std::string text(const std::optional<T>& value)
    {
        if (!value) return {};
        if constexpr (has_text_form<T>) {
            return text_form<T>::text(*value);
        } else {
            FENDMAIL_ASSERT(false); // a default of a type that has no text
            return {};
        }
    }
};

/// In quotes of TOML, on one line whatever it holds.
[[nodiscard]] std::string toml_string(std::string_view text);
/// As people write it: "60s" rather than "1m", "14d" rather than "2w".
[[nodiscard]] std::string duration_toml(milliseconds value);

template <class T>
void read_text(const key& k, const text_item& item, T& into, problem_list& problems)
{
    std::string why;
    if (auto value = text_form<T>::parse(item.text, why))
        into = std::move(*value);
    else
        problems.error(item.where, fmt::format("{}.{}: {} (found {})", k.section, k.name, why,
                                               in_quotes(item.written)));
}

template <class T>
struct value_form;

template <>
struct value_form<bool> {
    static void describe(key& k) { k.type = key_type::boolean; }
    static void read(const key&, const setting& from, bool& into, problem_list&)
    {
        into = from.number != 0;
    }
    static std::string toml(bool value) { return value ? "true" : "false"; }
};

/// log.respectful: the words of today, or those of old.
template <>
struct value_form<event::log_words> {
    static void describe(key& k) { k.type = key_type::boolean; }
    static void read(const key&, const setting& from, event::log_words& into, problem_list&)
    {
        into = from.number != 0 ? event::log_words::respectful : event::log_words::old;
    }
    static std::string toml(event::log_words value)
    {
        return value == event::log_words::respectful ? "true" : "false";
    }
};

/// For ranges that fit, as those of the keys do.
template <std::integral T>
struct value_form<T> {
    static void describe(key& k)
    {
        if (k.type != key_type::size) k.type = key_type::integer;
    }
    static void read(const key&, const setting& from, T& into, problem_list&)
    {
        into = static_cast<T>(from.number);
    }
    static std::string toml(T value) { return std::to_string(value); }
};

template <>
struct value_form<milliseconds> {
    static void describe(key& k) { k.type = key_type::duration; }
    static void read(const key&, const setting& from, milliseconds& into, problem_list&)
    {
        into = milliseconds{from.number};
    }
    static std::string toml(milliseconds value) { return toml_string(duration_toml(value)); }
};
template <>
struct value_form<seconds> {
    static void describe(key& k)
    {
        k.type = key_type::duration;
        k.step = spans::second;
    }
    static void read(const key&, const setting& from, seconds& into, problem_list&)
    {
        into = std::chrono::duration_cast<seconds>(milliseconds{from.number});
    }
    static std::string toml(seconds value) { return toml_string(duration_toml(value)); }
};

template <has_text_form T>
struct value_form<T> {
    static void describe(key& k) { k.type = key_type::text; }
    static void read(const key& k, const setting& from, T& into, problem_list& problems)
    {
        read_text(k, from.texts.front(), into, problems);
    }
    static std::string toml(const T& value) { return toml_string(text_form<T>::text(value)); }
};

template <class T>
struct value_form<std::vector<T>> {
    static void describe(key& k) { k.type = key_type::text_list; }
    /// One for each text, so that both can be looked at side by side.
    static void read(const key& k, const setting& from, std::vector<T>& into,
                     problem_list& problems)
    {
        into = std::vector<T>(from.texts.size());
        for (std::size_t i = 0; i < into.size(); ++i)
            read_text(k, from.texts[i], into[i], problems);
    }
    static std::string toml(const std::vector<T>& values)
    {
        std::string out = "[";
        if constexpr (has_text_form<T>) {
            for (const T& value : values)
                fmt::format_to(std::back_inserter(out), "{}{}", out.size() > 1 ? ", " : "",
                               toml_string(text_form<T>::text(value)));
        } else {
            FENDMAIL_ASSERT(values.empty());
        }
        out += ']';
        return out;
    }
};

template <class T>
    requires std::is_enum_v<T>
struct value_form<T> {
    static void describe(key& k)
    {
        k.type = key_type::choice;
        for (const auto& one : choices<T>())
            k.choices.push_back(one.text);
    }
    static void read(const key&, const setting& from, T& into, problem_list&)
    {
        into = choices<T>()[static_cast<std::size_t>(from.number)].value;
    }
    static std::string toml(T value)
    {
        for (const auto& one : choices<T>())
            if (one.value == value) return toml_string(one.text);
        return {};
    }
};

} // namespace fendmail::app
