// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "feed_files.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/explain/explanation.hpp"
#include "fendmail/app/explain/live_lookup.hpp"
#include "fendmail/app/explain/lookups.hpp"
#include "fendmail/app/names/known_recipients.hpp"
#include "fendmail/app/names/known_senders.hpp"
#include "fendmail/app/rules/timed_rule_book.hpp"
#include "fendmail/app/session/client_memory.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "fendmail/io/store/lmdb/store.hpp"
#include "read_config.hpp"

#include <CLI/CLI.hpp>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <system_error>
#include <variant>

namespace fendmail::app {

namespace {

/// Why the store cannot be used.
class store_trouble final : public event_sink {
public:
    void on(const any_event& what) noexcept override
    {
        if (std::holds_alternative<event::store_moved_aside>(what) ||
            std::holds_alternative<event::store_unavailable>(what))
            is_there_ = true;
    }
    [[nodiscard]] bool is_there() const noexcept { return is_there_; }

private:
    std::atomic<bool> is_there_{false};
};

/// A directory of our own, removed with all that is in it.
class scratch_directory {
public:
    scratch_directory()
    {
        auto name = (std::filesystem::temp_directory_path() / "fendmail-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(), name);
        path_ = name;
    }
    ~scratch_directory()
    {
        std::error_code ignored; // it is in a place for such things
        std::filesystem::remove_all(path_, ignored);
    }
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

void find_record(explanation& about, const config& from)
{
    switch (from.startup.store.kind) {
    case store_kind::none: about.store = "store.kind is \"none\": nobody is remembered"; return;
    case store_kind::memory:
        about.store = "store.kind is \"memory\": only the running fendmail knows";
        return;
    case store_kind::lmdb: break;
    }
    std::error_code failure;
    if (!std::filesystem::exists(from.startup.store.path, failure)) {
        about.store = failure
                          ? failure.message()
                          : fmt::format("{} is not there yet", from.startup.store.path.string());
        return;
    }
    try {
        // A copy: opening the store moves a file aside that seems unusable, and the one of a
        // fendmail that runs is not this command's to touch.
        const scratch_directory scratch;
        store_trouble events;
        io::lmdb_options options;
        options.path = scratch.path() / "clients.lmdb";
        options.sweep_interval = seconds{0};
        std::filesystem::copy_file(from.startup.store.path, options.path);
        io::lmdb_store store{options, events};
        about.record = client_memory{store, from.runtime, about.client}.get(io::wall_now());
        if (events.is_there()) about.store = "its copy cannot be read; try again";
    } catch (const std::exception& e) {
        about.store = e.what();
    }
}

void ask_lists(explanation& about, const runtime_config& config)
{
    boost::asio::io_context context{1};
    io::deadline_queue deadlines{context};
    io::resolver_pool resolvers{context, config.resolvers, nullptr};
    resolvers.prepare(config.dnsbl_sites);
    live_lookup lookup{deadlines, resolvers, config, about};
    lookup.start([&context] { context.stop(); });
    context.run();
}

struct explain_request {
    std::string config_path = default_config_path;
    std::string address; ///< of the client
    bool as_json = false;
    bool asks_lists = true; ///< for up to dnsbl.timeout
};

int explain(const explain_request& request)
{
    const auto client = parse_address(request.address);
    if (!client) {
        fmt::print(stderr, "{}: {}\n", request.address, message(client.error()));
        return exit_usage;
    }
    const auto found = read_config_or_tell(request.config_path, io::host_name());
    if (!found) return exit_failure;
    explanation about;
    about.client = *client;
    find_timed_rule(about, timed_rules_file_of(found->startup.store.path), io::wall_now());
    const auto feeds = feeds_of(*found);
    find_feeds(about, feeds.get());
    find_rule(about, found->runtime);
    find_feed_rule(about, feeds.get());
    find_sender(about, found->runtime, sender_file_of(found->startup));
    find_recipient(about, found->runtime, recipient_file_of(found->startup.store.path),
                   io::wall_now());
    if (request.asks_lists) ask_lists(about, found->runtime);
    find_record(about, *found);
    conclude(about, found->runtime, io::wall_now());
    fmt::print("{}", request.as_json ? to_json(about) + "\n" : to_table(about));
    return exit_ok;
}

} // namespace

void add_explain(command_set& all)
{
    const auto wanted = std::make_shared<explain_request>();
    CLI::App& command =
        all.add("explain",
                "Tell what would become of a client and why: access rule, known sender, its "
                "record in the store, and what each list says of it now. Asks no running fendmail.",
                [wanted] { return explain(*wanted); });
    take_config(command, wanted->config_path);
    command.add_option("ADDRESS", wanted->address, "IPv4 or IPv6 address of the client")
        ->type_name("")
        ->required();
    command.add_flag("--json", wanted->as_json, "One JSON object in place of the table");
    command.add_flag("!--no-lists", wanted->asks_lists, "Do not ask the lists");
}

} // namespace fendmail::app
