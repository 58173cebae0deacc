// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/feed/content.hpp"

#include "fendmail/core/limits.hpp"
#include "flat_json.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace fendmail::feed {

namespace {

constexpr std::string_view blanks = " \t\r";
constexpr std::size_t shown_octets = 60;

std::string_view trim(std::string_view text) noexcept
{
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// Takes the next line off the front.
std::string_view take_line(std::string_view& text) noexcept
{
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

std::string_view take_word(std::string_view& text) noexcept
{
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    const auto end = std::min(text.find_first_of(blanks), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

template <class Number>
bool read_number(std::string_view text, Number& into) noexcept
{
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), into);
    return failure == std::errc{} && end == text.data() + text.size();
}

/// As ipset and firewalls read it: of "192.0.2.7/24" the network counts. Publishers write such,
/// and there is nothing else that they could mean.
result<network> read_network(std::string_view text) noexcept
{
    const auto net = parse_network(text);
    if (net || net.error() != error::host_bits_set) return net;
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    unsigned length = 0;
    if (!address || !read_number(text.substr(slash + 1), length) || length > address->bits())
        return net;
    return network_of(*address, length);
}

/// What a line says.
enum class meaning : std::uint8_t { nothing, entry, bad };

class reader {
public:
    explicit reader(format form) { out_.form = form; }

    [[nodiscard]] content read(std::string_view text)
    {
        for (unsigned number = 1; !text.empty(); ++number) {
            const auto line = take_line(text);
            if (out_.entries() >= limits::feed_entries) {
                out_.is_too_long = true;
                break;
            }
            // A comment may be as long as it likes.
            const auto start = trim(line);
            const bool is_comment = start.starts_with('#') || start.starts_with(';');
            if (start.empty() || is_comment) continue;
            if (line.size() > limits::feed_line_octets || read_line(start) == meaning::bad)
                note_bad(number, start);
        }
        return std::move(out_);
    }

private:
    meaning read_line(std::string_view line)
    {
        switch (out_.form) {
        case format::cidr: return read_cidr(line);
        case format::ipset: return read_ipset(line);
        case format::drop_json: return read_json(line);
        case format::automatic: // parse() has decided
        case format::mmdb: break;
        }
        return meaning::bad;
    }

    meaning add(std::string_view text)
    {
        const auto net = read_network(text);
        if (!net) return meaning::bad;
        out_.networks.push_back(*net);
        return meaning::entry;
    }

    meaning read_cidr(std::string_view line)
    {
        return add(trim(line.substr(0, line.find_first_of("#;"))));
    }

    /// "add NAME 192.0.2.0/24 timeout 600"; what makes the set is of no use here.
    meaning read_ipset(std::string_view line)
    {
        const auto verb = take_word(line);
        if (verb == "create" || verb == "-N" || verb == "flush" || verb == "COMMIT")
            return meaning::nothing;
        if (verb != "add" && verb != "-A") return meaning::bad;
        (void)take_word(line);
        const auto net = take_word(line);
        // An exception from a wider entry: to list it would be the opposite.
        while (!line.empty()) {
            const auto word = take_word(line);
            if (word == "nomatch") return meaning::bad;
            if (word == "comment") break;
        }
        return add(net);
    }

    meaning read_json(std::string_view line)
    {
        flat_json_reader members{line};
        std::string_view cidr;
        std::string_view asn;
        std::string_view records;
        bool is_metadata = false;
        while (const auto member = members.next()) {
            if (member->name == "cidr" && member->is_text) cidr = member->value;
            if (member->name == "asn") asn = member->value;
            if (member->name == "records") records = member->value;
            if (member->name == "type") is_metadata = member->value == "metadata";
        }
        if (!members.is_whole()) return meaning::bad;
        if (is_metadata) return read_claim(records);
        if (!cidr.empty()) return add(cidr);
        std::uint32_t number = 0;
        if (!read_number(asn, number) || number == 0) return meaning::bad;
        out_.asns.push_back(number);
        return meaning::entry;
    }

    meaning read_claim(std::string_view records)
    {
        std::size_t claimed = 0;
        if (!read_number(records, claimed)) return meaning::bad;
        out_.claimed = claimed;
        return meaning::nothing;
    }

    void note_bad(unsigned number, std::string_view line)
    {
        if (out_.bad_lines++ != 0) return;
        out_.first_bad_line = number;
        out_.first_bad_text = line.substr(0, shown_octets);
        for (char& c : out_.first_bad_text)
            if (c < ' ' || c > '~') c = '?';
    }

    content out_;
};

} // namespace

std::string_view to_string(format f) noexcept
{
    switch (f) {
    case format::automatic: return "auto";
    case format::cidr: return "cidr";
    case format::ipset: return "ipset";
    case format::drop_json: return "drop-json";
    case format::mmdb: return "mmdb";
    }
    return "unknown";
}

format guess_format(std::string_view text) noexcept
{
    while (!text.empty()) {
        auto line = trim(take_line(text));
        if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
        if (line.starts_with('{')) return format::drop_json;
        const auto verb = take_word(line);
        if (verb == "add" || verb == "-A" || verb == "create" || verb == "-N") return format::ipset;
        break;
    }
    return format::cidr;
}

content parse(std::string_view text, format how)
{
    return reader{how == format::automatic ? guess_format(text) : how}.read(text);
}

} // namespace fendmail::feed
