// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/event/render.hpp"

#include <concepts>
#include <cstdint>
#include <fmt/format.h>
#include <string_view>

/// What the fields of an event are written with (`fields(out)`, core/event/base.hpp), once for JSON
/// and logfmt, and the escaping that all formats share. Private to the renderers.
///
/// Units: durations become seconds with three decimals, always; TTLs and deadlines whole seconds.
/// Memory: one buffer for escaped text, reused for all fields of an event.
/// Errors: none.
/// Threads: one writer belongs to one call.
namespace fendmail::event {

/// Longest piece of our own text in a line (a reply, a reason, the errors of a configuration).
inline constexpr std::size_t own_text_octets = 4096;

/// Client text, cut at `limits::log_text_octets` and escaped.
void append_client_text(fmt::memory_buffer& out, std::string_view text);
/// As append_client_text, for text between < and >: those two are escaped as well, so that a
/// client cannot close the bracket and forge the fields behind it.
void append_bracketed(fmt::memory_buffer& out, std::string_view text);
/// Our own text: escaped as well, since a reason may quote a backend or a file; an end of line
/// becomes "; ".
void append_own_text(fmt::memory_buffer& out, std::string_view text);
/// Seconds with three decimals: "6.010".
void append_seconds(fmt::memory_buffer& out, milliseconds span);
/// "text" in double quotes with \ before " and \; right for JSON and logfmt as long as `text` is
/// printable ASCII, which escaped text is.
void append_quoted(fmt::memory_buffer& out, std::string_view text);
/// As append_quoted, but without quotes where logfmt needs none.
void append_logfmt_value(fmt::memory_buffer& out, std::string_view text);

/// Gets the fields of an event one after the other.
class field_writer {
public:
    field_writer() = default;
    field_writer(const field_writer&) = delete;
    field_writer& operator=(const field_writer&) = delete;
    virtual ~field_writer() = default;

    /// A name of ours: an enumerator, an event, a point in time. Must be printable ASCII.
    void word(std::string_view name, std::string_view value) { put_text(name, value); }
    void own_text(std::string_view name, std::string_view value);
    void client_text(std::string_view name, std::string_view value);
    void address(std::string_view name, const ip_address& value);
    /// Two fields: the address as `name`, the port as `port_name`.
    void where(std::string_view name, std::string_view port_name, const endpoint& value);
    void duration(std::string_view name, milliseconds value);
    /// A template, so that no integer is silently taken for a flag.
    void flag(std::string_view name, std::same_as<bool> auto value)
    {
        put_bare(name, value ? "true" : "false");
    }
    void number(std::string_view name, std::integral auto value)
    {
        const fmt::format_int text{value};
        put_bare(name, {text.data(), text.size()});
    }

private:
    /// @param value printable ASCII, not yet quoted
    virtual void put_text(std::string_view name, std::string_view value) = 0;
    /// A number, true or false: written as it is.
    virtual void put_bare(std::string_view name, std::string_view value) = 0;

    fmt::memory_buffer scratch_;
};

/// Writes "event" and "level", then the fields of `what`.
void describe(field_writer& out, const any_event& what);

} // namespace fendmail::event
