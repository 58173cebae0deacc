// SPDX-License-Identifier: Apache-2.0
#include "fields.hpp"

namespace fendmail::event {

void field_writer::own_text(std::string_view name, std::string_view value)
{
    scratch_.clear();
    append_own_text(scratch_, value);
    put_text(name, {scratch_.data(), scratch_.size()});
}

void field_writer::client_text(std::string_view name, std::string_view value)
{
    scratch_.clear();
    append_client_text(scratch_, value);
    put_text(name, {scratch_.data(), scratch_.size()});
}

void field_writer::address(std::string_view name, const ip_address& value)
{
    put_text(name, to_text(value));
}

void field_writer::where(std::string_view name, std::string_view port_name, const endpoint& value)
{
    address(name, value.address);
    number(port_name, value.port);
}

void field_writer::duration(std::string_view name, milliseconds value)
{
    scratch_.clear();
    append_seconds(scratch_, value);
    put_bare(name, {scratch_.data(), scratch_.size()});
}

void describe(field_writer& out, const any_event& what)
{
    out.word("event", name_of(what));
    out.word("level", to_string(level_of(what)));
    std::visit([&out](const auto& e) { e.fields(out); }, what);
}

} // namespace fendmail::event
