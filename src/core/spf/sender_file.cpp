// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/sender_file.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/spf/domain.hpp"
#include "fendmail/core/text/time_text.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <iterator>
#include <optional>

namespace fendmail::spf {

namespace {

constexpr std::string_view head =
    "# Known senders: the addresses that the SPF records of these domains permit.\n"
    "# Written by fendmail at every refresh; what is changed here is lost then.\n";
constexpr std::string_view domain_mark = "# domain ";
constexpr std::string_view time_mark = ", refreshed ";
constexpr std::string_view count_mark = ", networks: ";
constexpr std::string_view end_mark = "# end, domains: ";

std::optional<std::size_t> parse_count(std::string_view text) noexcept
{
    std::size_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, value);
    if (fault != std::errc{} || stop != end) return std::nullopt;
    return value;
}

class reader {
public:
    sender_file read(std::string_view text)
    {
        for (unsigned number = 1; !text.empty(); ++number) {
            const auto end = std::min(text.find('\n'), text.size());
            if (!take(text.substr(0, end))) return {{}, number};
            text.remove_prefix(std::min(end + 1, text.size()));
            last_line_ = number;
        }
        if (!has_end_) return {{}, last_line_ + 1};
        return {std::move(senders_), 0};
    }

private:
    bool take(std::string_view line)
    {
        if (has_end_) return line.empty();
        if (line.empty()) return true;
        if (line.starts_with(domain_mark)) return begin(line.substr(domain_mark.size()));
        if (line.starts_with(end_mark)) {
            has_end_ = true;
            return is_whole() && parse_count(line.substr(end_mark.size())) == senders_.size();
        }
        if (line.starts_with('#')) return senders_.empty();
        const auto net = parse_network(line);
        if (!net || senders_.empty() || is_whole()) return false;
        senders_.back().networks.push_back(*net);
        return true;
    }

    bool begin(std::string_view line)
    {
        const auto time = line.find(time_mark);
        const auto count = line.find(count_mark);
        if (time == std::string_view::npos || count == std::string_view::npos || count < time)
            return false;
        const auto domain = parse_domain(line.substr(0, time));
        const auto time_begin = time + time_mark.size();
        const auto when = parse_time_text(line.substr(time_begin, count - time_begin));
        const auto networks = parse_count(line.substr(count + count_mark.size()));
        if (!domain || !when || !networks || *networks > limits::spf_networks || !is_whole())
            return false;
        senders_.push_back({*domain, *when, {}});
        announced_ = *networks;
        return senders_.size() <= limits::known_senders;
    }

    [[nodiscard]] bool is_whole() const noexcept
    {
        return senders_.empty() || senders_.back().networks.size() == announced_;
    }

    std::vector<known_sender> senders_;
    std::size_t announced_ = 0; ///< networks of the last one
    bool has_end_ = false;
    unsigned last_line_ = 0;
};

} // namespace

std::string write_sender_file(std::span<const known_sender> senders)
{
    std::string out{head};
    const auto to = std::back_inserter(out);
    for (const known_sender& each : senders) {
        fmt::format_to(to, "\n{}{}{}{}{}{}\n", domain_mark, each.domain, time_mark,
                       time_text(each.refreshed_at), count_mark, each.networks.size());
        for (const network& net : each.networks)
            fmt::format_to(to, "{}\n", to_text(net));
    }
    fmt::format_to(to, "\n{}{}\n", end_mark, senders.size());
    return out;
}

sender_file parse_sender_file(std::string_view text)
{
    return reader{}.read(text);
}

} // namespace fendmail::spf
