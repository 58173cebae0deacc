// SPDX-License-Identifier: Apache-2.0
#include "conversion.hpp"

#include "fendmail/app/migrate/access_rules.hpp"
#include "fendmail/app/migrate/address_list.hpp"
#include "fendmail/app/migrate/logical_lines.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

/// So many networks of one rule may stand in fendmail.toml itself.
constexpr std::size_t inline_max = 16;
/// More rules than that are slow: each is looked at in turn.
constexpr std::size_t rules_max = 200;

std::string safe_stem(std::string_view stem)
{
    std::string out;
    for (const char c : stem)
        out += is_word_character(c) || c == '-' || c == '.' ? c : '-';
    return out;
}

class rule_writer {
public:
    /// @param mynetworks_lost a part of it could not be read
    rule_writer(conversion& c, bool mynetworks_lost)
        : c_{c}
        , mynetworks_lost_{mynetworks_lost}
    {
    }

    void add(const access_block& block)
    {
        comment_line(block.title);
        // Of a table that permits mynetworks in a result it is not known what its other entries may
        // decide; of the word alone what it permits is right, but not all.
        const bool is_word = block.title == "permit_mynetworks";
        const bool lacks_networks = block.uses_mynetworks && mynetworks_lost_;
        if (lacks_networks && !is_word) is_incomplete_ = true;
        // It is not known what that table permitted or rejected, so no later rule may decide about
        // its clients. Postfix too ends its search at a table that it cannot read.
        if (is_incomplete_ && !block.rules.empty())
            comment_line("ATTENTION: not active, because something above could not be read");
        is_incomplete_ = is_incomplete_ || block.is_missing;
        if (block.is_missing) comment_line("ATTENTION: not translated, see the end of this file");
        if (!block.is_missing && block.rules.empty()) comment_line("decides nothing");
        add_rules(block);
        if (lacks_networks) {
            comment_line("ATTENTION: mynetworks lacks a part that could not be read");
            is_incomplete_ = true;
            lose("mynetworks");
        }
        if (block.is_missing) lose(block.title);
    }

    [[nodiscard]] std::string finish() const
    {
        if (count_ == 0 && lines_.empty()) return "[]";
        return "[\n" + lines_ + "]";
    }
    [[nodiscard]] std::size_t count() const { return count_; }

private:
    /// A single address without its prefix length.
    [[nodiscard]] static std::string short_text(const network& net)
    {
        return net.prefix_length == net.address.bits() ? to_text(net.address) : to_text(net);
    }

    void add_rules(const access_block& block)
    {
        std::size_t part = 0;
        for (const access_rule& rule : block.rules) {
            if (goes_to_file(block, rule)) {
                add_file(block, rule, ++part);
                continue;
            }
            for (const network& net : rule.nets)
                rule_line(rule.decision, short_text(net));
        }
    }

    /// What a file says stays in files, so that `migrate --tables` can renew them.
    [[nodiscard]] bool goes_to_file(const access_block& block, const access_rule& rule) const
    {
        return c_.options.writes_files && !block.file_stem.empty() &&
               (block.is_file || rule.nets.size() > inline_max);
    }

    void lose(std::string_view title)
    {
        c_.lacks_tables = true;
        c_.out.add_leftover({fmt::format("access.rules: {} was not translated. Its place among "
                                         "the rules is marked; put its networks there, and then "
                                         "uncomment the rules behind it.",
                                         title),
                             true});
    }

    void comment_line(std::string_view text)
    {
        std::string clean;
        for (const char c : text)
            clean += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
        lines_ += fmt::format("    # {}\n", clean);
    }

    void rule_line(acl::decision what, std::string_view object)
    {
        lines_ += fmt::format("    {}{},\n", is_incomplete_ ? "# " : "",
                              toml_text(fmt::format("{} {}", acl::to_string(what), object)));
        if (!is_incomplete_) ++count_;
    }

    void add_file(const access_block& block, const access_rule& rule, std::size_t part)
    {
        const std::string stem = safe_stem(block.file_stem);
        std::string name = fmt::format("{}-{}-{}.cidr", stem, part, acl::to_string(rule.decision));
        const auto is_taken = [&](const std::string& wanted) {
            return std::ranges::any_of(c_.access_files,
                                       [&](const auto& file) { return file.first == wanted; });
        };
        for (std::size_t n = 2; is_taken(name); ++n)
            name = fmt::format("{}-{}-{}-{}.cidr", stem, part, acl::to_string(rule.decision), n);
        std::string text =
            fmt::format("# Part {} of {}: {}.\n", part, block.title, acl::to_string(rule.decision));
        for (const network& net : rule.nets)
            text += short_text(net) + "\n";
        rule_line(rule.decision, "file:" + name);
        c_.access_files.emplace_back(std::move(name), std::move(text));
    }

    conversion& c_;
    bool mynetworks_lost_;
    std::string lines_;
    std::size_t count_ = 0;
    bool is_incomplete_ = false;
};

std::vector<address_pattern> read_mynetworks(conversion& c)
{
    remark_sink sink{c.out.remarks, c.place_of("mynetworks")};
    return parse_address_list(c.text("mynetworks"), c.read, sink);
}

bool uses_mynetworks(const std::vector<access_block>& blocks)
{
    return std::ranges::any_of(blocks, [](const access_block& b) { return b.uses_mynetworks; });
}

void convert_rules(conversion& c)
{
    const auto mynetworks = read_mynetworks(c);
    const auto blocks =
        translate_access_list(c.text("postscreen_access_list"), members(mynetworks), c.read,
                              c.out.remarks, c.place_of("postscreen_access_list"));
    // Of a value that Postfix cannot expand it is not known what it permits either.
    const bool mynetworks_lost =
        has_lost(mynetworks) || !c.values.value("mynetworks").error.empty();
    rule_writer writer{c, mynetworks_lost};
    for (const access_block& block : blocks)
        writer.add(block);
    std::vector<comment> comments;
    if (uses_mynetworks(blocks)) {
        if (mynetworks_lost)
            comments.push_back(
                {"mynetworks: a part of it could not be read; networks that it names, "
                 "and all behind an exclusion that it names, are missing below",
                 true});
        if (c.values.written("mynetworks") != nullptr) {
            comments.push_back({c.source_text("mynetworks"), false});
        } else {
            const std::string style = c.text("mynetworks_style");
            comments.push_back({fmt::format("mynetworks is not set: these are the networks of "
                                            "this machine by mynetworks_style = {}. Is it the one "
                                            "that the mail comes to?",
                                            style),
                                true});
            c.out.warn({}, fmt::format("mynetworks is not set: access.rules has the networks of "
                                       "this machine (mynetworks_style = {})",
                                       style));
        }
    }
    c.put("access", "rules", writer.finish(), {"postscreen_access_list"}, std::move(comments));
    if (writer.count() > rules_max && !c.options.writes_files)
        c.out.warn({}, fmt::format("access.rules has {} rules; --output DIR puts the networks of "
                                   "tables into files, which is faster",
                                   writer.count()));
}

/// Everything, from the first pattern on: the key need not be written.
bool is_everything(const std::vector<address_pattern>& list)
{
    bool v4 = false, v6 = false;
    for (const address_pattern& p : list) {
        if (!p.is_member) return false;
        v4 = v4 || p.net == all_v4();
        v6 = v6 || p.net == all_v6();
    }
    return v4 && v6;
}

void convert_interfaces(conversion& c)
{
    const std::string text = c.text("postscreen_allowlist_interfaces");
    remark_sink sink{c.out.remarks, c.place_of("postscreen_allowlist_interfaces")};
    const auto list = parse_address_list(text, c.read, sink);
    if (is_everything(list)) {
        c.put("access", "allowlist_interfaces", "[]", {"postscreen_allowlist_interfaces"});
        return;
    }
    if (has_lost(list)) {
        // Without the part that is missing no client might be able to earn a pass at all.
        c.put("access", "allowlist_interfaces", "[]", {"postscreen_allowlist_interfaces"},
              {{"a part of this could not be read, so that all addresses are allowed here; write "
                "those that shall be",
                true}});
        return;
    }
    std::vector<std::string> texts;
    for (const address_pattern& p : list)
        texts.push_back((p.is_member ? "" : "!") + (p.net.prefix_length == p.net.address.bits()
                                                        ? to_text(p.net.address)
                                                        : to_text(p.net)));
    // An empty list allows all here; in postscreen what matches nothing allows none.
    if (texts.empty()) texts = {"!0.0.0.0/0", "!::/0"};
    c.put("access", "allowlist_interfaces", toml_list(texts), {"postscreen_allowlist_interfaces"});
}

} // namespace

void convert_access(conversion& c)
{
    convert_rules(c);
    c.put("access", "action", fmt::format("\"{}\"", c.action("postscreen_denylist_action")),
          {"postscreen_denylist_action"});
    convert_interfaces(c);
}

} // namespace fendmail::app::postscreen
