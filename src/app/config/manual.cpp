// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/manual.hpp"

#include "fendmail/app/config/keys.hpp"
#include "fendmail/core/text/ascii.hpp"
#include "fendmail/core/text/roff.hpp"
#include "reference_texts.hpp"

#include <fmt/format.h>

// fendmail.toml(5), of the same tables as docs/configuration.md.
namespace fendmail::app {

namespace {

void add_key(roff_page& page, const key& k)
{
    page.entry(k.name, k.doc);
    std::string facts = fmt::format("{}. Default: `{}`.", type_text(k), k.default_toml);
    facts.front() = to_upper(facts.front());
    if (!k.example.empty()) facts += fmt::format(" Example: `{}`.", k.example);
    if (!k.reloadable) facts += " A change needs a restart.";
    page.continued(facts);
}

void add_tables(roff_page& page, const named_section& of)
{
    page.subheading(of.header(of.placeholder));
    page.paragraph(of.doc);
    for (const key& k : of.keys)
        if (!of.is_of_section(k)) add_key(page, k);
}

} // namespace

std::string configuration_manual()
{
    roff_page page{"fendmail.toml", 5, "fendmail " FENDMAIL_VERSION};
    page.heading("NAME");
    page.paragraph("fendmail.toml - configuration of fendmail(8)");
    page.heading("DESCRIPTION");
    page.markdown(reference_head);
    page.heading("SECTIONS");
    for (const section& s : all_sections()) {
        page.subheading(fmt::format("[{}]", s.name));
        page.paragraph(s.doc);
        for (const key& k : all_keys())
            if (k.section == s.name) add_key(page, k);
        for (const auto all : {all_named_sections(), all_table_lists()})
            for (const named_section& n : all)
                if (n.section == s.name) add_tables(page, n);
    }
    page.heading("SEE ALSO");
    page.paragraph("fendmail(8)");
    return page.text();
}

} // namespace fendmail::app
