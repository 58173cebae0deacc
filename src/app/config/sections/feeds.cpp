// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/sections/feeds.hpp"

#include "all.hpp"
#include "feed_rows.hpp"
#include "fendmail/app/config/choices.hpp"
#include "fendmail/app/config/key_rows.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace fendmail::app {

namespace {

constexpr int weight_max = 1000;
constexpr unsigned change_max = 100'000;
constexpr std::size_t name_octets = 32;
constexpr std::string_view score_mark = "score:";
constexpr std::string_view mmdb_ending = ".mmdb";

template <class Number>
bool read_number(std::string_view text, Number& into) noexcept
{
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into);
    return failure == std::errc{} && end == text.data() + text.size();
}

struct written_use {
    feed_use what = feed_use::score;
    int weight = 0;
};

std::optional<written_use> parse_use(std::string_view text) noexcept
{
    if (text == "permit") return written_use{feed_use::permit, 0};
    if (text == "reject") return written_use{feed_use::reject, 0};
    if (!text.starts_with(score_mark)) return std::nullopt;
    text.remove_prefix(score_mark.size());
    if (text.starts_with('+')) text.remove_prefix(1);
    int weight = 0;
    if (!read_number(text, weight) || weight == 0 || std::abs(weight) > weight_max)
        return std::nullopt;
    return written_use{feed_use::score, weight};
}

/// "50%"; "" = any. @return false when it is neither
bool read_change(std::string_view text, std::optional<unsigned>& into) noexcept
{
    if (text.empty()) {
        into.reset();
        return true;
    }
    if (!text.ends_with('%')) return false;
    text.remove_suffix(1);
    unsigned percent = 0;
    if (!read_number(text, percent) || percent > change_max) return false;
    into = percent;
    return true;
}

/// What logs, metrics and files can hold as it is.
bool is_feed_name(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= name_octets && std::ranges::all_of(text, [](char c) {
        return is_letter(c) || is_digit(c) || c == '_' || c == '-';
    });
}

feed::format format_of(const named_table& table)
{
    const auto all = choices<feed::format>();
    const auto written = all[static_cast<std::size_t>(table.get("format").number)].value;
    const bool is_mmdb = to_lower(table.text("file").text).ends_with(mmdb_ending);
    return written == feed::format::automatic && is_mmdb ? feed::format::mmdb : written;
}

/// What a table has before it is made sense of.
struct feed_values {
    std::string file;
    feed::format format = feed::format::automatic;
    std::string use = "score:1";
    seconds max_age = std::chrono::days{7};
    std::size_t min_entries = 1;
    std::string max_change = "50%";
};

class feed_builder : section_builder {
public:
    explicit feed_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();

private:
    void build_one(const named_table& table);
    void build_use(const named_table& table, feed_source& into);
};

void feed_builder::build()
{
    const auto tables = from_.tables("feed", "");
    for (const named_table& table : tables)
        build_one(table);
    if (tables.size() > limits::feeds)
        error(tables.back().name.where, "feed",
              fmt::format("at most {} feeds, found {}", limits::feeds, tables.size()));
    if (feed_span_of(from_).highest != 0 || feed_span_of(from_).lowest != 0)
        out_.runtime.screening.tests[screen::test::dnsbl].enabled = true;
}

void feed_builder::build_one(const named_table& table)
{
    const auto key_name = [&](std::string_view name) {
        return fmt::format("{}.{}", table.header, name);
    };
    feed_source made;
    made.name = table.name.text;
    if (!is_feed_name(made.name))
        found(table.name, "feed",
              fmt::format("a name of a feed is letters, digits, \"-\" and \"_\", at most {}",
                          name_octets));
    const setting& file = table.get("file");
    if (file.texts.front().text.empty() && !file.broken)
        error(table.name.where, table.header, "write the file of the feed: file = \"/path\"");
    made.file = path_of(file.texts.front());
    made.format = format_of(table);
    made.max_age = std::chrono::duration_cast<seconds>(milliseconds{table.get("max_age").number});
    made.min_entries = static_cast<std::size_t>(table.get("min_entries").number);
    if (!read_change(table.text("max_change").text, made.max_change))
        found(table.text("max_change"), key_name("max_change"),
              "write a part such as \"50%\", or \"\" for any change");
    build_use(table, made);
    out_.runtime.feeds.sources.push_back(std::move(made));
}

void feed_builder::build_use(const named_table& table, feed_source& into)
{
    const text_item& use = table.text("use");
    const auto name = fmt::format("{}.use", table.header);
    const auto parsed = parse_use(use.text);
    if (into.format == feed::format::mmdb) {
        into.use = feed_use::origin;
        if (use.where.line != 0)
            found(use, name,
                  "a database says where clients are from; what that means stands in "
                  "access.rules and [networks.score]");
    } else if (!parsed) {
        found(use, name,
              fmt::format("write \"score:N\" with a number from -{0} to {0} that is not 0, "
                          "\"permit\" or \"reject\"",
                          weight_max));
    } else {
        into.use = parsed->what;
        into.weight = parsed->weight;
    }
}

class networks_builder : section_builder {
public:
    explicit networks_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();
};

void networks_builder::build()
{
    constexpr std::string_view name = "networks.score";
    auto& weights = out_.runtime.feeds.weights;
    const setting& written = get("networks", "score");
    for (const auto& [what, number] : written.pairs) {
        const auto parsed = acl::parse_origin(what.text);
        int weight = 0;
        if (!parsed)
            error(what, name, parsed.error());
        else if (std::ranges::find(weights, *parsed, &origin_weight::what) != weights.end())
            found(what, name, "this is there already");
        else if (!read_number(number.text, weight) || weight == 0)
            found(number, name, "a weight of 0 would say nothing");
        else
            weights.push_back({*parsed, weight});
    }
    if (!weights.empty() && !has_origin_feed(from_))
        error(written.pairs.front().first.where, name,
              "no feed says where clients are from; add a [feed] with a file in MaxMind's format");
}

} // namespace

std::string feed_source::use_text() const
{
    switch (use) {
    case feed_use::score: return fmt::format("score:{}", weight);
    case feed_use::permit: return "permit";
    case feed_use::reject: return "reject";
    case feed_use::origin: return "origin";
    }
    return "unknown";
}

const feed_source* feed_options::find(std::string_view name) const noexcept
{
    const auto found = std::ranges::find(sources, name, &feed_source::name);
    return found == sources.end() ? nullptr : &*found;
}

bool has_origin_feed(const settings& from)
{
    return std::ranges::any_of(from.tables("feed", ""), [](const named_table& table) {
        return format_of(table) == feed::format::mmdb;
    });
}

feed_span feed_span_of(const settings& from)
{
    feed_span span;
    const auto add = [&span](std::int64_t weight) {
        (weight > 0 ? span.highest : span.lowest) += weight;
    };
    for (const named_table& table : from.tables("feed", "")) {
        const auto use = parse_use(table.text("use").text);
        if (use && format_of(table) != feed::format::mmdb) add(use->weight);
    }
    // A client has one country and one AS.
    feed_span of_country;
    feed_span of_asn;
    for (const auto& [what, number] : from.get("networks", "score").pairs) {
        const auto parsed = acl::parse_origin(what.text);
        std::int64_t weight = 0;
        if (!parsed || !read_number(number.text, weight)) continue;
        feed_span& of = parsed->is_country() ? of_country : of_asn;
        of.highest = std::max(of.highest, weight);
        of.lowest = std::min(of.lowest, weight);
    }
    return {span.highest + of_country.highest + of_asn.highest,
            span.lowest + of_country.lowest + of_asn.lowest};
}

namespace {

void describe_feed(key_rows<feed_values>& keys)
{
    keys.add("file", &feed_values::file,
             {.doc = "The file; a relative path starts at the file that holds the key. It is read "
                     "again when it changes.",
              .example = R"("/var/lib/fendmail/feeds/drop_v4.json")"});
    keys.add("format", &feed_values::format,
             {.doc = "Its form: cidr (an address or network a line), ipset (what `ipset save` "
                     "writes), drop-json (Spamhaus DROP as JSON lines), mmdb (MaxMind's, with "
                     "countries or autonomous systems), or whichever it looks like; a file whose "
                     "name ends with .mmdb is one.",
              .example = R"("drop-json")"});
    keys.add("use", &feed_values::use,
             {.doc = "What it means for clients in it: \"score:N\" adds N to the score of the "
                     "lists, \"permit\" and \"reject\" are as in access.rules and come behind "
                     "those. A database has none.",
              .example = R"("score:3")"});
    keys.add("max_age", &feed_values::max_age,
             {.doc = "A file that was not renewed for so long is warned of once a day; its entries "
                     "stay in use.",
              .example = R"("2d")",
              .min = spans::minute,
              .max = spans::ttl_max});
    keys.add("min_entries", &feed_values::min_entries,
             {.doc = "A file with fewer entries (a database: nodes) is refused, and what was "
                     "there before stays in use.",
              .example = "100",
              .min = 1,
              .max = static_cast<std::int64_t>(limits::feed_entries)});
    keys.add("max_change", &feed_values::max_change,
             {.doc =
                  "A file is refused that has so many entries more or fewer than the one before, "
                  "unless `fendmail feed install --force` has put it there; \"\" = any change is "
                  "taken.",
              .example = R"("20%")"});
}

} // namespace

const section_source feed_section{
    {"feed", "Networks from files that something renews, such as fendmail-feed@.timer. What a feed "
             "says is mostly a score; docs/feeds.md has more."},
    [](section_rows& keys) {
        keys.tables<feed_values>(
            {.doc = "One feed. Entries that are too wide, or touch private networks, this host, "
                    "balancers, or what is permitted or a known sender, are left out.",
             .placeholder = "NAME",
             .example = "drop"},
            describe_feed);
    },
    build_with<feed_builder>,
};

const section_source networks_section{
    {"networks",
     "What the country and the autonomous system of a client mean; they come from feeds "
     "in MaxMind's format."},
    [](section_rows& keys) {
        keys.built("score", key_type::number_map, "{}",
                   {.doc = "\"country:XX\" or \"asn:N\" = what it adds to the score of the lists.",
                    .example = R"({ "country:XX" = 1, "asn:64500" = 2 })",
                    .min = -weight_max,
                    .max = weight_max});
    },
    build_with<networks_builder>,
};

} // namespace fendmail::app
