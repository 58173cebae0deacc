// SPDX-License-Identifier: Apache-2.0
#include "feed_files.hpp"

#include "fendmail/app/names/known_senders.hpp"
#include "fendmail/core/spf/sender_file.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <vector>

namespace fendmail::app {

namespace {

void print_feed(const feed_source& from, const feed::forbidden_networks& forbidden,
                const std::string& config_path)
{
    const auto found = load_feed(from, from.file, forbidden, std::nullopt);
    if (!found.data) {
        fmt::print(stderr, "{}: warning: feed.{}: {}: {}\n", config_path, from.name,
                   from.file.string(), found.refusal);
        return;
    }
    const auto age = std::max(io::wall_now() - found.stamp.changed_at(), seconds{0});
    fmt::print("feed {}: {} {}, {} left out, {} old, {}\n", from.name, found.entries,
               found.data->origins ? "nodes" : "entries", found.left_out(), age_text(age),
               found.data->origins
                   ? fmt::format("tells where clients are from ({})", found.data->origins->type())
                   : from.use_text());
    if (age > from.max_age)
        fmt::print(stderr,
                   "{}: warning: feed.{}: {} is {} old, which is more than max_age; is it "
                   "renewed?\n",
                   config_path, from.name, from.file.string(), age_text(age));
}

} // namespace

std::shared_ptr<const feed::forbidden_networks> forbidden_of(const config& from)
{
    std::vector<network> senders;
    if (!from.runtime.known_senders.domains.empty()) {
        const auto read = io::read_whole_file(sender_file_of(from.startup));
        const auto file = spf::parse_sender_file(read.text.value_or(""));
        for (const auto& one : file.senders)
            if (std::ranges::find(from.runtime.known_senders.domains, one.domain) !=
                from.runtime.known_senders.domains.end())
                senders.insert(senders.end(), one.networks.begin(), one.networks.end());
    }
    return forbidden_for(from.runtime, from.startup.server.listen, senders);
}

std::shared_ptr<const feed_set> feeds_of(const config& from)
{
    if (from.runtime.feeds.empty()) return nullptr;
    return load_all_feeds(from.runtime, *forbidden_of(from));
}

void print_feeds(const config& from, const std::string& config_path)
{
    if (from.runtime.feeds.empty()) return;
    const auto forbidden = forbidden_of(from);
    for (const feed_source& each : from.runtime.feeds.sources)
        print_feed(each, *forbidden, config_path);
}

} // namespace fendmail::app
