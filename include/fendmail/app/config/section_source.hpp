// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_rows.hpp"
#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/section_builder.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What sections/*.cpp say: each has one section_source.
namespace fendmail::app {

/// Takes down the rows of a section and of its tables.
class section_rows : public key_rows<config> {
public:
    section_rows(std::string_view section, std::vector<key>& keys,
                 std::vector<named_section>& named, std::vector<named_section>& lists)
        : key_rows<config>{section, keys}
        , section_{section}
        , keys_{keys}
        , named_{named}
        , lists_{lists}
    {
    }

    /// Tables [section.name."..."], or [[section.name]] if there is no placeholder.
    /// @tparam Table what the places of their keys are in
    template <class Table, class Describe>
    void tables(named_section about, Describe describe)
    {
        about.section = section_;
        key_rows<Table> rows{about.full_name(), about.keys};
        describe(rows);
        (about.placeholder.empty() ? lists_ : named_).push_back(std::move(about));
    }

    /// Tables [[section]], of which one is as good as the section: they have its keys, and those
    /// that are described here.
    /// @pre all keys of the section are there
    template <class Describe>
    void repeated(named_section about, Describe describe)
    {
        about.section = section_;
        key_rows<config> rows{section_, about.keys};
        describe(rows);
        std::ranges::copy_if(keys_, std::back_inserter(about.keys),
                             [this](const key& k) { return k.section == section_; });
        lists_.push_back(std::move(about));
    }

private:
    std::string_view section_;
    const std::vector<key>& keys_;
    std::vector<named_section>& named_;
    std::vector<named_section>& lists_;
};

struct section_source {
    section about;
    void (*describe)(section_rows& keys);
    /// Makes what no place has taken, and checks what only shows when values are seen together.
    void (*build)(const section_builder& from) = nullptr;
};

template <class Builder>
void build_with(const section_builder& from)
{
    Builder{from}.build();
}

/// In the order of the file, in which they are also built.
[[nodiscard]] std::span<const section_source* const> all_section_sources();

} // namespace fendmail::app
