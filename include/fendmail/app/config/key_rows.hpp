// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/value_form.hpp"
#include "fendmail/app/config/value_place.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Writes the rows of a section into the table of keys. A section says
///
///     keys.add("screening", &limits_options::screening, {.doc = "...", .min = 1, .max = 100});
///
/// and type and default of the key are those of the member. A place is whatever std::invoke()
/// makes a member of: a pointer to it, or a function of the part of the configuration that it is
/// in. Which part that is, startup_config or runtime_config, says whether a reload takes it.
///
/// Threads: one owner.
namespace fendmail::app {

/// A T within a Root.
template <class Root, class T>
class member_place final : public value_place {
public:
    explicit member_place(std::function<T&(Root&)> member)
        : member_{std::move(member)}
    {
    }
    void store(const key& k, const setting& from, void* into, problem_list& problems) const override
    {
        value_form<T>::read(k, from, member_(*static_cast<Root*>(into)), problems);
    }
    [[nodiscard]] bool is_same(void* a, void* b) const override
    {
        return member_(*static_cast<Root*>(a)) == member_(*static_cast<Root*>(b));
    }

private:
    std::function<T&(Root&)> member_;
};

/// The rows of a part of something, such as runtime_config::limits.
template <class Outer, class Whole, class Place>
class part_rows {
public:
    part_rows(Outer& outer, Place place)
        : outer_{outer}
        , place_{place}
    {
    }
    template <class Member>
    void add(std::string_view name, Member member, const key_facts& facts)
    {
        outer_.add(
            name,
            [place = place_, member](Whole& whole) -> auto& {
                return std::invoke(member, std::invoke(place, whole));
            },
            facts);
    }
    void built(std::string_view name, key_type type, std::string_view default_toml,
               const key_facts& facts)
    {
        outer_.built(name, type, default_toml, facts);
    }

private:
    Outer& outer_;
    Place place_;
};

/// Rows of one section, or of one kind of table.
/// @tparam Root what the places are in: `config`, or the struct of one table
template <class Root>
class key_rows {
public:
    key_rows(std::string_view section, std::vector<key>& into)
        : section_{section}
        , into_{into}
    {
    }

    template <class Place>
    void add(std::string_view name, Place place, const key_facts& facts)
    {
        using T = std::remove_cvref_t<decltype(within(std::declval<Root&>(), place))>;
        key& k = begin(name, facts);
        value_form<T>::describe(k);
        k.default_toml = value_form<T>::toml(within(fresh_, place));
        k.reloadable = !std::is_invocable_v<Place, startup_config&>;
        k.place = std::make_shared<member_place<Root, T>>(
            [place](Root& root) -> T& { return within(root, place); });
    }

    /// A key that the section makes something of that has another form.
    void built(std::string_view name, key_type type, std::string_view default_toml,
               const key_facts& facts)
    {
        key& k = begin(name, facts);
        k.type = type;
        k.default_toml = default_toml;
    }

    /// All rows of a struct that describes its own.
    template <class Place>
    void add_part(Place place)
    {
        using whole =
            std::conditional_t<!std::is_same_v<Root, config>, Root,
                               std::conditional_t<std::is_invocable_v<Place, startup_config&>,
                                                  startup_config, runtime_config>>;
        using part = std::remove_cvref_t<std::invoke_result_t<Place, whole&>>;
        part_rows<key_rows, whole, Place> rows{*this, place};
        part::describe(rows);
    }

    /// All rows of a part of runtime_config that another struct describes, as a type of the core
    /// cannot.
    template <class Description, class Place>
    void add_described(Place place)
    {
        part_rows<key_rows, runtime_config, Place> rows{*this, place};
        Description::describe(rows);
    }

private:
    template <class Place>
    static auto& within(Root& root, const Place& place)
    {
        if constexpr (!std::is_same_v<Root, config>)
            return std::invoke(place, root);
        else if constexpr (std::is_invocable_v<Place, startup_config&>)
            return std::invoke(place, root.startup);
        else
            return std::invoke(place, root.runtime);
    }

    key& begin(std::string_view name, const key_facts& facts)
    {
        key& k = into_.emplace_back();
        k.section = section_;
        k.name = name;
        k.doc = facts.doc;
        k.example = facts.example;
        k.min = facts.min;
        k.max = facts.max;
        k.is_one_line = facts.is_one_line;
        k.has_dollars = facts.has_dollars;
        k.secret = facts.secret;
        if (facts.is_size) k.type = key_type::size;
        return k;
    }

    std::string section_;
    std::vector<key>& into_;
    Root fresh_{};
};

} // namespace fendmail::app
