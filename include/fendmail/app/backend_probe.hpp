// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/service.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/stream_group.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

/// What the backend offers to clients from outside: asked now and then as if one of them had
/// connected, and learned anew from each client that goes on there.
///
/// Source: RFC 5321 §4.1.1.1. The probe names an address for documentation (RFC 5737 §3), because
/// to our own a backend may offer what it offers nobody else (XCLIENT).
/// Memory: one EHLO reply.
/// Errors: a backend that cannot be asked leaves what was known before; it is told once until it
/// can be asked again.
/// Threads: one worker.
namespace fendmail::app {

class backend_probe {
public:
    backend_probe(boost::asio::io_context& context, io::deadline_queue& deadlines,
                  event_sink& events)
        : context_{&context}
        , deadlines_{&deadlines}
        , events_{&events}
        , pause_{context}
    {
    }

    /// Asks the backend of this service, now and from time to time, if its clients can go on there
    /// from our dialog.
    void use(std::shared_ptr<const service> what);
    /// Ends what runs; nothing is asked any more.
    void stop() noexcept;
    [[nodiscard]] bool is_idle() const noexcept { return !running_; }

    /// Null as long as nobody knows.
    [[nodiscard]] std::shared_ptr<const smtp::extensions> offers() const noexcept
    {
        return offers_;
    }
    /// What a client has found at the backend of this service, in plain text.
    void note(const service& of, const smtp::extensions& seen);

private:
    io::awaitable<void> run();
    io::awaitable<bool> ask(std::shared_ptr<const service> what);

    boost::asio::io_context* context_;
    io::deadline_queue* deadlines_;
    event_sink* events_;
    io::steady_timer pause_;
    std::shared_ptr<const service> service_;
    std::shared_ptr<const smtp::extensions> offers_;
    io::stream_group* streams_ = nullptr; ///< of the probe under way
    bool running_ = false;
    bool stopped_ = false;
    bool changed_ = false; ///< another service is to be asked
    bool noted_ = false;   ///< a client has told what it offers since the last probe
    bool told_ = false;    ///< that the backend cannot be asked
};

} // namespace fendmail::app
