// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/names/host_names.hpp"
#include "fendmail/app/names/system_servers.hpp"
#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/io/dns/server_book.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

/// All addresses that a configuration names and that change while we run: the system's name
/// servers, and hosts by their names. One loop looks them up for all workers.
///
/// Memory: one book.
/// Errors: none; see system_servers and host_names.
/// Threads: the main thread.
namespace fendmail::app {

class address_book {
public:
    using book_pointer = std::shared_ptr<const io::server_book>;
    /// Gets each new book.
    using publisher = std::function<void(const book_pointer&)>;

    address_book(boost::asio::io_context& context, event_sink& events, publisher publish);

    /// What this snapshot names from now on; the files are read again.
    void configure(std::shared_ptr<const snapshot> what);
    [[nodiscard]] const book_pointer& book() const noexcept { return book_; }
    void stop() noexcept;

private:
    void on_system_change();
    void update();

    publisher publish_;
    std::shared_ptr<const snapshot> snapshot_;
    book_pointer book_;
    system_servers system_;
    host_names hosts_;
};

} // namespace fendmail::app
