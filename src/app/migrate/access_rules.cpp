// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/access_rules.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <optional>

namespace fendmail::app::postscreen {

namespace {

using acl::decision;

/// Sorts networks into as few rules as the order allows: one goes behind the last rule of the
/// other decision that has an address in common with it, and no further.
class rule_stack {
public:
    void add(decision what, const network& net)
    {
        std::size_t at = layers_.size();
        while (at > 0 &&
               !(layers_[at - 1].rule.decision != what && layers_[at - 1].taken.overlaps(net)))
            --at;
        while (at < layers_.size() && layers_[at].rule.decision != what)
            ++at;
        if (at == layers_.size()) layers_.push_back({{what, {}}, {}});
        layers_[at].taken.add(net);
        layers_[at].rule.nets.push_back(net);
    }

    std::vector<access_rule> finish() &&
    {
        std::vector<access_rule> out;
        for (layer& one : layers_)
            out.push_back(std::move(one.rule));
        return out;
    }

private:
    struct layer {
        access_rule rule;
        network_set taken;
    };
    std::vector<layer> layers_;
};

class translator {
public:
    translator(const std::vector<network>& mynetworks, const file_reader& read,
               std::vector<remark>& remarks, const place& where)
        : read_{read}
        , remarks_{remarks}
        , where_{where}
    {
        for (const network& net : mynetworks)
            mynetworks_.add(net);
    }

    std::vector<access_block> translate(std::string_view list)
    {
        const std::vector<network> everywhere{all_v4(), all_v6()};
        for (const std::string& word : split_list(list)) {
            block_ = {};
            rules_ = {};
            const auto table = parse_table_name(word);
            block_.title = table ? table->shown() : to_lower(word);
            block_.file_stem = to_lower(word); // of a word
            if (table)
                take_table(*table);
            else if (!take_word(word, everywhere, false, 0))
                is_over_ = true;
            block_.rules = std::move(rules_).finish();
            out_.push_back(std::move(block_));
            shielded_ = {};
            if (is_over_) break;
        }
        return std::move(out_);
    }

private:
    void take_table(const table_name& table)
    {
        remark_sink sink{remarks_, where_};
        sink_ = &sink;
        const auto found = read_network_table(table, read_, sink);
        block_.is_missing = !found.has_value();
        block_.is_file = !table.is_inline() && table.kind != table_kind::fixed;
        block_.file_stem =
            block_.is_file ? std::filesystem::path(table.name).stem().string() : table.type;
        if (found)
            for (const network_rule& rule : *found)
                take_result(rule);
        sink_ = nullptr;
    }

    /// What a table says of these networks is a list of its own.
    void take_result(const network_rule& rule)
    {
        for (const std::string& word : split_list(rule.result))
            if (!take_word(word, rule.nets, true, rule.line)) return;
        shield(rule.nets);
    }

    /// @return false when nothing behind this word counts for these networks
    bool take_word(const std::string& word, const std::vector<network>& nets, bool nested,
                   unsigned line)
    {
        const std::string lower = to_lower(word);
        if (lower == "permit" || lower == "reject") {
            for (const network& net : nets)
                decide(lower == "permit" ? decision::permit : decision::reject, net);
            return false;
        }
        if (lower == "permit_mynetworks") {
            block_.uses_mynetworks = true;
            for (const network& net : nets)
                for (const network& mine : mynetworks_.common_with(net))
                    decide(decision::permit, mine);
            return true;
        }
        if (lower == "dunno") {
            if (nested) shield(nets);
            return false;
        }
        if (nested && word.find(':') != std::string::npos) {
            complain(line, "a table within a table: left out, as Postfix does");
            shield(nets);
            return false;
        }
        complain(line, fmt::format("\"{}\" is none of permit, reject, dunno, permit_mynetworks: "
                                   "the search ends there undecided, as in Postfix",
                                   lower));
        for (const network& net : nets)
            for (const network& part : shielded_.rest_of(net))
                stopped_.add(part);
        return false;
    }

    void decide(decision what, const network& net)
    {
        // What an earlier rule decides would only make the files longer.
        if (decided_.covers(net)) return;
        for (const network& part : shielded_.rest_of(net))
            for (const network& piece : stopped_.rest_of(part)) {
                if (decided_.covers(piece)) continue;
                rules_.add(what, piece);
                decided_.add(piece);
            }
    }

    /// Later entries of this table do not see these networks.
    void shield(const std::vector<network>& nets)
    {
        for (const network& net : nets)
            shielded_.add(net);
    }

    void complain(unsigned line, std::string text)
    {
        if (sink_ != nullptr)
            sink_->add(line, std::move(text));
        else
            remarks_.push_back({where_, std::move(text)});
    }

    const file_reader& read_;
    std::vector<remark>& remarks_;
    const place& where_;
    network_set mynetworks_;

    network_set decided_;  ///< by some rule so far
    network_set shielded_; ///< from the rest of this table
    network_set stopped_;  ///< from everything that follows
    access_block block_;
    rule_stack rules_;
    remark_sink* sink_ = nullptr;
    bool is_over_ = false;
    std::vector<access_block> out_;
};

} // namespace

std::vector<access_block> translate_access_list(std::string_view list,
                                                const std::vector<network>& mynetworks,
                                                const file_reader& read,
                                                std::vector<remark>& remarks, const place& where)
{
    return translator{mynetworks, read, remarks, where}.translate(list);
}

} // namespace fendmail::app::postscreen
