// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// Manual pages, in the macros that man(7) describes.
///
/// Texts may have `code` and **bold** as in Markdown, which become bold; all else in them means
/// nothing to roff.
///
/// Units: lines of at most about 90 octets, so that the source can be read.
/// Memory: the page.
/// Errors: none.
/// Threads: one owner.
namespace fendmail {

class roff_page {
public:
    /// @param source "fendmail 0.1.0", in the foot of the page
    roff_page(std::string_view name, unsigned section, std::string_view source);

    void heading(std::string_view text);
    void subheading(std::string_view text);
    void paragraph(std::string_view text);
    /// A term with what it means, which is set in beside it.
    void entry(std::string_view term, std::string_view text);
    /// A further paragraph of what an entry means.
    void continued(std::string_view text);
    /// Lines as they are, such as an example.
    void verbatim(std::string_view lines);
    /// Paragraphs and "- " lists of Markdown.
    void markdown(std::string_view text);

    [[nodiscard]] const std::string& text() const noexcept { return out_; }

private:
    void request(std::string_view line);
    /// Lines that are filled; none begins like a request.
    void filled(std::string_view text);
    void block(std::string_view text);

    std::string out_;
    bool is_after_heading_ = false; ///< where a paragraph needs no request
};

/// A text in which nothing has a meaning for roff.
/// @param is_bold it stands in bold, to which a `code` goes back
[[nodiscard]] std::string roff_text(std::string_view text, bool is_bold = false);

} // namespace fendmail
