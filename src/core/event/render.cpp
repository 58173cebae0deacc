// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"

#include "fendmail/core/limits.hpp"
#include "fields.hpp"

#include <algorithm>
#include <array>

namespace fendmail::event {

namespace {

const description& about(const any_event& what) noexcept
{
    return std::visit([](const auto& e) -> const description& { return e.about; }, what);
}

constexpr bool is_printable(char c) noexcept
{
    return c >= ' ' && c <= '~'; // not std::isprint: the locale must not decide
}

void append(fmt::memory_buffer& out, std::string_view text)
{
    out.append(text.data(), text.data() + text.size());
}

/// \ooo, always with three digits: a digit behind it cannot be taken for a part of it.
void append_octal(fmt::memory_buffer& out, char c)
{
    const auto octet = static_cast<unsigned char>(c);
    const auto digit = [octet](unsigned shift) {
        return static_cast<char>('0' + (octet >> shift & 7U));
    };
    const std::array<char, 4> escape{'\\', digit(6), digit(3), digit(0)};
    append(out, {escape.data(), escape.size()});
}

void append_escaped(fmt::memory_buffer& out, char c)
{
    switch (c) {
    case '\\': return append(out, "\\\\");
    case '\a': return append(out, "\\a");
    case '\b': return append(out, "\\b");
    case '\f': return append(out, "\\f");
    case '\n': return append(out, "\\n");
    case '\r': return append(out, "\\r");
    case '\t': return append(out, "\\t");
    case '\v': return append(out, "\\v");
    default: return is_printable(c) ? out.push_back(c) : append_octal(out, c);
    }
}

class json_writer final : public field_writer {
public:
    explicit json_writer(fmt::memory_buffer& out)
        : out_{out}
    {
        out_.push_back('{');
    }
    void close() { out_.push_back('}'); }

private:
    void put_text(std::string_view name, std::string_view value) override
    {
        put_name(name);
        append_quoted(out_, value);
    }
    void put_bare(std::string_view name, std::string_view value) override
    {
        put_name(name);
        append(out_, value);
    }
    void put_name(std::string_view name)
    {
        if (!first_) out_.push_back(',');
        first_ = false;
        append_quoted(out_, name);
        out_.push_back(':');
    }

    fmt::memory_buffer& out_;
    bool first_ = true;
};

class logfmt_writer final : public field_writer {
public:
    explicit logfmt_writer(fmt::memory_buffer& out)
        : out_{out}
    {
    }

private:
    void put_text(std::string_view name, std::string_view value) override
    {
        put_name(name);
        append_logfmt_value(out_, value);
    }
    void put_bare(std::string_view name, std::string_view value) override
    {
        put_name(name);
        append(out_, value);
    }
    void put_name(std::string_view name)
    {
        if (!first_) out_.push_back(' ');
        first_ = false;
        append(out_, name);
        out_.push_back('=');
    }

    fmt::memory_buffer& out_;
    bool first_ = true;
};

} // namespace

std::string_view to_string(level l) noexcept
{
    switch (l) {
    case level::debug: return "debug";
    case level::info: return "info";
    case level::warning: return "warning";
    case level::error: return "error";
    }
    return "unknown level";
}

std::string_view to_string(log_format f) noexcept
{
    switch (f) {
    case log_format::postscreen: return "postscreen";
    case log_format::json: return "json";
    case log_format::logfmt: return "logfmt";
    }
    return "unknown format";
}

level level_of(const any_event& what) noexcept
{
    return about(what).level;
}

std::string_view name_of(const any_event& what) noexcept
{
    return about(what).name;
}

std::string_view program_of(const any_event& what) noexcept
{
    return about(what).program;
}

void append_escaped(fmt::memory_buffer& out, std::string_view text, std::size_t limit)
{
    for (const char c : text.substr(0, limit))
        append_escaped(out, c);
}

void append_client_text(fmt::memory_buffer& out, std::string_view text)
{
    append_escaped(out, text, limits::log_text_octets);
}

void append_bracketed(fmt::memory_buffer& out, std::string_view text)
{
    for (const char c : text.substr(0, limits::log_text_octets))
        c == '<' || c == '>' ? append_octal(out, c) : append_escaped(out, c);
}

void append_own_text(fmt::memory_buffer& out, std::string_view text)
{
    while (text.ends_with('\n') || text.ends_with('\r'))
        text.remove_suffix(1);
    for (const char c : text.substr(0, own_text_octets)) {
        if (c == '\r') continue;
        c == '\n' ? append(out, "; ") : append_escaped(out, c);
    }
}

void append_seconds(fmt::memory_buffer& out, milliseconds span)
{
    const auto count = std::max(span, milliseconds{0}).count();
    const fmt::format_int whole{count / 1000};
    const fmt::format_int thousandths{1000 + count % 1000}; // the 1 makes room for zeros
    append(out, {whole.data(), whole.size()});
    out.push_back('.');
    append(out, {thousandths.data() + 1, thousandths.size() - 1});
}

void append_quoted(fmt::memory_buffer& out, std::string_view text)
{
    out.push_back('"');
    for (const char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    out.push_back('"');
}

void append_logfmt_value(fmt::memory_buffer& out, std::string_view text)
{
    const bool bare = !text.empty() && text.find_first_of(" =\"\\") == std::string_view::npos;
    bare ? append(out, text) : append_quoted(out, text);
}

void render_json(fmt::memory_buffer& out, const any_event& what, std::string_view time)
{
    json_writer writer{out};
    if (!time.empty()) writer.word("time", time);
    describe(writer, what);
    writer.close();
}

void render_logfmt(fmt::memory_buffer& out, const any_event& what, std::string_view time)
{
    logfmt_writer writer{out};
    if (!time.empty()) writer.word("time", time);
    describe(writer, what);
}

} // namespace fendmail::event
