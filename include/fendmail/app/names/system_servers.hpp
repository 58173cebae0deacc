// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/host_files.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/io/dns/server_book.hpp"
#include "fendmail/io/os/file_watch.hpp"

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

/// The name servers of the system as they are now: resolv.conf, read whenever it changes.
///
/// A file that names none, or is gone, leaves those of before in use: it is being written, or a
/// network is down, and then no other server answers either. Where none was ever named, 127.0.0.1
/// is asked, as resolv.conf(5) has it. Whatever changes is told, because otherwise the lists would
/// be blamed for what their resolver does not say. While no server answers, the file is looked at
/// like at any other time, every file_watch::period: soon enough, and it costs nothing.
///
/// Memory: the file.
/// Errors: none; a file that cannot be read names no servers, and the reason is told.
/// Threads: the thread of its io_context.
namespace fendmail::app {

class system_servers {
public:
    /// A file is taken for empty when it still is after so long.
    static constexpr milliseconds patience{1000};

    /// Reads the file. @param changed is called when it says something else, also from within
    /// look()
    system_servers(boost::asio::io_context& context, event_sink& events,
                   std::function<void()> changed,
                   std::filesystem::path file = io::resolv_conf_file);

    [[nodiscard]] const std::vector<dns::name_server>& servers() const noexcept { return servers_; }
    /// What else the file says: the search list.
    [[nodiscard]] const dns::resolv_conf& file() const noexcept { return conf_; }
    /// Whether anything is asked there. What has changed is told only then; what is wrong, when it
    /// begins.
    void set_in_use(bool in_use);
    /// Reads the file now.
    void look();
    void stop() noexcept { watch_.stop(); }

private:
    void take(dns::resolv_conf&& fresh);
    void tell_none();
    void tell_unusable();

    event_sink& events_;
    std::function<void()> changed_;
    std::filesystem::path path_;
    dns::resolv_conf conf_;
    std::vector<dns::name_server> servers_;
    std::string failure_;     ///< why the file could not be read
    bool names_none_ = false; ///< the file does not
    tick none_since_{};
    bool is_told_ = false; ///< that it names none
    bool in_use_ = false;
    std::vector<std::string> told_unusable_;
    io::file_watch watch_;
};

} // namespace fendmail::app
