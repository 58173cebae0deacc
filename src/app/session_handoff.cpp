// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/assert.hpp"
#include "fendmail/io/clock.hpp"
#include "session_impl.hpp"

namespace fendmail::app {

void session::tell_way_in()
{
    switch (screener_.how()) {
    case screen::way_in::allowlisted: verdict_ = event::verdict::allowlisted; return;
    case screen::way_in::known:
        verdict_ = event::verdict::pass_old;
        emit(event::passed{client_, false});
        return;
    case screen::way_in::tested:
        verdict_ = screener_.is_new_client() ? event::verdict::pass_new : event::verdict::pass_old;
        emit(event::passed{client_, screener_.is_new_client()});
        return;
    case screen::way_in::tolerated: verdict_ = event::verdict::passed; return;
    case screen::way_in::none: break;
    }
    FENDMAIL_ASSERT(false);
}

asio::awaitable<io::hand_off_result> session::connect_backend()
{
    auto& shared = worker_.sessions().shared();
    if (!shared.has_room_for_backend()) {
        io::hand_off_result none_left;
        none_left.reason = "no descriptors are left for it; raise the limit (LimitNOFILE=)";
        co_return none_left;
    }
    const counted descriptor{shared.descriptors};
    std::optional<counted> in_transit;
    if (service_->backend->passes_sockets()) in_transit.emplace(shared.handing_off);
    io::hand_off_request request{stream_, client_, local_, worker_.deadlines(), streams_};
    co_return co_await service_->backend->hand_off(request);
}

asio::awaitable<void> session::hand_off()
{
    const auto remembered = memory();
    const bool was_tested =
        screener_.how() == screen::way_in::tested || screener_.how() == screen::way_in::tolerated;
    // Another session of the client may have passed more than this one.
    if (was_tested) screener_.on_latest_record(remembered.get());
    tell_way_in();
    if (const auto record = screener_.record_to_store(io::wall_now())) remembered.put(*record);
    enter(event::phase::hand_off);
    ticket_.leave_screening();

    const auto result = co_await connect_backend();

    hand_off_time_ = result.until_ready;
    octets_in_ = result.octets_in;
    octets_out_ = result.octets_out;
    switch (result.end) {
    case io::hand_off_end::passed_on:
        backend_has_it_ = true;
        ended_by_ = event::ended_by::backend;
        co_return;
    case io::hand_off_end::relayed:
        backend_has_it_ = true;
        phase_ = event::phase::relay;
        ended_by_ = result.ended_by;
        if (result.idle) reasons_ = "idle";
        co_return;
    case io::hand_off_end::lost:
        emit(event::backend_unavailable{client_, service_->backend->name(), result.reason});
        verdict_ = event::verdict::deferred;
        ended_by_ = event::ended_by::fendmail;
        co_return;
    case io::hand_off_end::failed: break;
    }
    emit(event::backend_unavailable{client_, service_->backend->name(), result.reason});
    co_await answer_for_backend(result);
}

/// The client gets the backend's own 4xx, or a 421 of ours. A backend that greets with a 5xx (a
/// wrong port, a half-made configuration) would bounce all mail for good, so the client is told to
/// come back. Behind a teaser no 4xx may follow at once: "220-" has to be completed by a 220, and
/// the first command gets the reply.
asio::awaitable<void> session::answer_for_backend(const io::hand_off_result& result)
{
    auto answer = result.refusal && result.refusal->is_transient()
                      ? *result.refusal
                      : smtp::make_reply(421, "4.3.2", "All server ports are busy");
    verdict_ = event::verdict::deferred;
    reasons_ = "backend_unavailable";
    if (!stream_.is_open()) {
        ended_by_ = event::ended_by::fendmail;
        co_return;
    }
    if (!teaser_sent_) {
        co_await say_and_close(std::move(answer));
        co_return;
    }
    reply_ = smtp::to_log(answer);
    co_await talk(smtp::dialog::answering_once(config().dialog, std::move(answer), footer()));
}

} // namespace fendmail::app
