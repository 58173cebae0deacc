// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/feeds/feed_book.hpp"

#include "fendmail/io/os/whole_file.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"
#include "support/run_until.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

using namespace fendmail;
using app::feed_book;
using test::run_until;
namespace fs = std::filesystem;

namespace {

struct fixture {
    boost::asio::io_context context;
    test_support::event_recorder events;
    test_support::temp_dir dir;
    fs::path file = dir.file("bad");
    feed_book::set current;
    int published = 0;
    std::optional<feed_book> book;

    [[nodiscard]] app::feed_options options(std::string name = "bad") const
    {
        app::feed_options out;
        auto& source = out.sources.emplace_back();
        source.name = std::move(name);
        source.file = file;
        source.use = app::feed_use::reject;
        source.max_age = seconds{86400};
        return out;
    }
    static feed_book::forbidden forbidding(std::string_view net = {})
    {
        auto made = std::make_shared<feed::forbidden_networks>();
        if (!net.empty()) made->add(feed::objection::known_sender, parse_network(net).value());
        made->finish();
        return made;
    }
    void write(std::string_view text) const { REQUIRE_FALSE(io::replace_file(file, text)); }
    void start()
    {
        book.emplace(context, events, [this](feed_book::set fresh) {
            current = std::move(fresh);
            ++published;
        });
        book->configure(options(), forbidding());
    }
    [[nodiscard]] bool has(std::string_view address) const
    {
        return current && !current->find(parse_address(address).value(), {}).empty();
    }
};

} // namespace

TEST_CASE("feed book: the first time all is there before it returns", "[feed]")
{
    fixture f;
    f.write("45.0.0.1\n");
    f.start();
    CHECK(f.has("45.0.0.1"));
    CHECK(f.events.count<event::feed_loaded>() == 1);
    CHECK(f.book->status().front().state == app::feed_state::good);
}

TEST_CASE("feed book: a file that comes, changes or is spoilt is noticed", "[feed]")
{
    fixture f;
    f.start();
    CHECK_FALSE(f.current);
    CHECK(f.published == 0);
    CHECK(f.events.count<event::feed_rejected>() == 1);
    f.write("45.0.0.1\n45.0.0.2\n");
    REQUIRE(run_until(f.context, [&] { return f.has("45.0.0.1"); }));
    f.write("45.0.0.3\n45.0.0.2\n");
    REQUIRE(run_until(f.context, [&] { return f.has("45.0.0.3"); }));
    CHECK_FALSE(f.has("45.0.0.1"));
    f.write("<html>\n");
    REQUIRE(run_until(f.context, [&] { return f.events.count<event::feed_rejected>() == 2; }));
    CHECK(f.has("45.0.0.3"));
    CHECK(f.book->status().front().state == app::feed_state::refused);
}

TEST_CASE("feed book: other networks that must not be hit let it be judged again", "[feed]")
{
    fixture f;
    f.write("45.0.0.0/24\n46.0.0.1\n");
    f.start();
    CHECK(f.has("45.0.0.1"));
    f.book->judge_again(fixture::forbidding("45.0.0.128/25"));
    REQUIRE(run_until(f.context, [&] { return !f.has("45.0.0.1"); }));
    CHECK(f.has("46.0.0.1"));
    CHECK(f.events.count<event::feed_trimmed>() == 1);
    f.book->judge_again(fixture::forbidding());
    REQUIRE(run_until(f.context, [&] { return f.has("45.0.0.1"); }));
    CHECK(f.events.count<event::feed_trimmed>() == 1);
}

TEST_CASE("feed book: another configuration keeps what stays and drops what goes", "[feed]")
{
    fixture f;
    f.write("45.0.0.1\n");
    f.start();
    (void)f.current->find(parse_address("45.0.0.1").value(), {});
    count(f.current->find(parse_address("45.0.0.1").value(), {}));
    auto other = f.options();
    other.sources.front().use = app::feed_use::score;
    other.sources.front().weight = 4;
    f.book->configure(other, fixture::forbidding());
    const auto hits = f.current->find(parse_address("45.0.0.1").value(), {});
    REQUIRE(hits.size() == 1);
    CHECK(score_of(hits).value == 4);
    CHECK(listings_of(hits) == "feed.bad*4");
    CHECK(f.book->status().front().hits == 1);
    f.book->configure({}, fixture::forbidding());
    CHECK_FALSE(f.current);
    CHECK(f.book->empty());
    f.book.reset();
    f.context.run(); // what was read meanwhile has no place to go
    CHECK_FALSE(f.current);
}

TEST_CASE("feed book: it may end while a file is read", "[feed]")
{
    fixture f;
    std::string text;
    for (int i = 0; i < 20000; ++i)
        text += "45.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + "\n";
    f.write(text);
    f.start();
    for (int i = 0; i < 3; ++i)
        f.book->judge_again(fixture::forbidding());
    f.book.reset();
    f.context.run();
    CHECK(f.published == 1);
}

TEST_CASE("feed set: what permits comes before what rejects", "[feed]")
{
    const auto hit = [](app::feed_use use, int weight, std::string_view name) {
        return app::feed_hit{use, weight, name, name, nullptr};
    };
    using enum app::feed_use;
    const app::feed_hits all{hit(reject, 0, "r"), hit(permit, 0, "p"),
                             hit(app::feed_use::score, -3, "a"), hit(app::feed_use::score, 2, "b"),
                             hit(app::feed_use::score, 5, "c")};
    CHECK(app::rule_of(all)->rule == "p");
    CHECK(app::rule_of(all)->decision == acl::decision::permit);
    CHECK(app::score_of(all).value == 4);
    CHECK(app::score_of(all).reply_name == "c");
    CHECK(app::listings_of(all) == "a*-3,b*2,c*5");
    CHECK_FALSE(app::rule_of({}));
    CHECK(app::score_of({}).value == 0);
    CHECK(app::listings_of({}).empty());
}
