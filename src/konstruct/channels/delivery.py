"""The sender: the handler of the send lane. It shows each delivery of a conversation once, in order.

A send is committed as `sending` before the call and its deadline is checked on the monotonic clock just before the
write. What ends without a word of the provider is `unknown`, and is reconciled before anything is sent again: by the
echo that the provider shows us, and after a minute without one by a look into its history, and one resend.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

import structlog

from konstruct.channels import beginning, refusals, streams_repository, waiting, window
from konstruct.channels import deliveries_repository as repository
from konstruct.channels.beginning import Begun, Objection
from konstruct.channels.credentials import AccountUnusableError, Credentials, CredentialWaitsError
from konstruct.channels.deliveries_repository import Delivery, Sender
from konstruct.channels.delivery_job import DeliveryWaits, Job, LaneWaits
from konstruct.channels.delivery_post import LIFETIME_S, NOT_SHOWN, in_place_of, lifetime_s, post_of
from konstruct.channels.limits import SendLimits
from konstruct.channels.outreach import volume
from konstruct.channels.outreach.check import Refused, Waits
from konstruct.channels.outreach.consent import NO_CONSENT
from konstruct.channels.pacing import Paced, Pacing
from konstruct.channels.patience import Patience
from konstruct.channels.port import (
    Absent,
    ChannelAdapter,
    Failed,
    FindOutcome,
    Retry,
    SendOutcome,
    Sent,
    Unknown,
)
from konstruct.channels.port_abilities import Filing
from konstruct.channels.port_streams import Gone
from konstruct.channels.quality import breaker
from konstruct.channels.rates import HISTORY, POST
from konstruct.channels.stream_ending import StreamEnding
from konstruct.channels.streams_repository import Stream
from konstruct.channels.waiting import Passed
from konstruct.conversations import outbox
from konstruct.conversations.consent import consents_repository
from konstruct.db.database import Database
from konstruct.db.session import CheckViolation, TenantSession
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim
from konstruct.kit.counters import Counters
from konstruct.kit.ids import uuid7

log = structlog.get_logger()

SHORT_WAIT_S = 2.0
"""A wait up to this is slept through; a longer one gives the lane back."""
INACTIVE_WAIT_S = 60.0
TOKEN_WAIT_S = 0.2
"""Until a send is tried again with a renewed token."""
IN_WINDOW = "deliveries_in_window"
"""The database's own word against a free text to somebody whose window is closed."""


class _WindowClosed(Exception):  # noqa: N818  # control flow of one claim, not an error
    """Free texts may not be sent now, and wait."""


class _OutboxChanged(Exception):  # noqa: N818  # likewise
    """What was read as open is so no longer: it is read again."""


class Delivering:
    """Sends what is open in a claimed conversation."""

    def __init__(
        self,
        db: Database,
        adapters: Mapping[str, ChannelAdapter],
        credentials: Credentials,
        limits: SendLimits,
        *,
        counters: Counters,
        patience: Patience,
    ) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials
        self._limits = limits
        self._counters = counters
        self._patience = patience
        self._streams = StreamEnding(db, limits, patience)
        self._pacing = Pacing(limits, patience)

    async def __call__(self, claim: Claim) -> None:
        """Send everything that is open and may go out, then release the lane. Raises LeaseLostError."""
        passed = Passed()
        while (found := await self._db.run(claim.scope, lambda s: self._open_or_release(s, claim, passed))) is not None:
            sender, deliveries, streams = found
            try:
                if sender.status == "disconnected":
                    await self._give_up(claim, deliveries, streams)
                    continue
                job = await self._job(claim, sender, deliveries)
                if job is None:
                    continue
                growing = {stream.delivery_id: stream for stream in streams}
                waits = await self._end_streams(job, _unfinished(streams, deliveries, passed))
                for delivery in deliveries:
                    with structlog.contextvars.bound_contextvars(delivery_id=str(delivery.id)):
                        await self._advance_or_pass(job, delivery, growing.get(delivery.id), passed)
                if waits and not deliveries:
                    raise LaneWaits(min(waits))
            except _OutboxChanged:
                continue
            except LaneWaits as waits_for:
                wait_s = min(waits_for.seconds, passed.wait_s or waits_for.seconds)
                async with self._db.tenant(claim.scope) as session:
                    await queue.release(session, claim, wait_s=wait_s)
                return

    async def _open_or_release(
        self, session: TenantSession, claim: Claim, passed: Passed
    ) -> tuple[Sender, list[Delivery], list[Stream]] | None:
        """Return who sends, what is open besides what is `passed`, and what people see a part of and nothing will finish.

        Releases the lane and returns None if nothing is to do now.
        """
        sender, deliveries = await repository.open_deliveries(session, claim, besides=list(passed.ids))
        streams = await streams_repository.live(session, claim.conversation_id)
        if deliveries or _unfinished(streams, deliveries, passed):
            return sender, deliveries, streams
        if sender.contact_id is not None and not passed.texts:
            await waiting.settle(session, claim.conversation_id)
        await queue.release(session, claim, wait_s=passed.wait_s)
        return None

    async def _end_streams(self, job: Job, streams: Sequence[Stream]) -> list[float]:
        """End the answers that people saw a part of and that will not be finished; return the waits for those that wait."""
        waits = [await self._streams.end(job, stream) for stream in streams]
        return [wait_s for wait_s in waits if wait_s is not None]

    async def _give_up(self, claim: Claim, deliveries: Sequence[Delivery], streams: Sequence[Stream]) -> None:
        """The account was disconnected: nothing is sent, and nobody can be asked any more what became of an unknown send."""
        for stream in streams:
            await self._db.run(claim.scope, partial(streams_repository.forget, turn_id=stream.turn_id))
        for delivery in deliveries:
            if delivery.state == "sending":
                raise LaneWaits(delivery.blocked_s + 0.05)
            with structlog.contextvars.bound_contextvars(delivery_id=str(delivery.id)):
                if delivery.state == "unknown":
                    await self._fail(claim, delivery, "outcome_unknown")
                else:
                    await self._cancel(claim, delivery, repository.DISCONNECTED)

    async def _job(self, claim: Claim, sender: Sender, deliveries: Sequence[Delivery]) -> Job | None:
        """Open the account's token. Without one that holds, what is too old comes to its end (None), or all of it waits."""
        read_at = time.monotonic()
        try:
            credential = await self._credentials.of(claim.scope, sender.account_id)
        except AccountUnusableError:
            wait_s = INACTIVE_WAIT_S
        except CredentialWaitsError as waits:
            wait_s = waits.seconds
        else:
            return Job(claim, sender, self._adapters[sender.kind], credential, read_at)
        await self._outlive(claim, deliveries, wait_s)
        return None

    async def _outlive(self, claim: Claim, deliveries: Sequence[Delivery], wait_s: float) -> None:
        """Nothing can go out now. It is kept for LIFETIME_S from when it was written; then it ends as a dead letter."""
        for delivery in deliveries:
            if delivery.state == "sending":
                raise LaneWaits(delivery.blocked_s + 0.05)
            left_s = lifetime_s(delivery) - delivery.age_s
            if left_s >= 0:
                raise LaneWaits(min(wait_s, left_s + 1.0))
            with structlog.contextvars.bound_contextvars(delivery_id=str(delivery.id)):
                await self._fail(claim, delivery, "outcome_unknown" if delivery.state == "unknown" else "expired")

    async def _advance_or_pass(self, job: Job, delivery: Delivery, stream: Stream | None, passed: Passed) -> None:
        """Bring one delivery to its end, or leave it behind where others may go before it."""
        try:
            if passed.left_behind(delivery.form) and delivery.state == "pending":
                raise _WindowClosed
            await self._advance(job, delivery, stream)
        except DeliveryWaits as waits_for:
            passed.waits[delivery.id] = waits_for.seconds
        except _WindowClosed:
            await self._hold(job, passed)

    async def _hold(self, job: Job, passed: Passed) -> None:
        """Leave the free texts of the conversation behind until the person writes again; templates may go before them."""
        held = await self._db.run(job.claim.scope, lambda s: waiting.hold(s, job))
        if held is None:
            passed.texts = None
        else:
            self._counters.inc("deliveries_total", held.cancelled, state="cancelled")
            passed.texts = {
                delivery_id: min(waiting.LOOK_S, max(0.0, LIFETIME_S - age_s) + 1.0) for delivery_id, age_s in held.ages.items()
            }
        raise _OutboxChanged

    async def _advance(self, job: Job, delivery: Delivery, stream: Stream | None) -> None:
        """Bring one delivery to its end; raises LaneWaits when it cannot be brought there now."""
        if delivery.state == "sending":
            # An earlier holder may still be at it; nobody else touches it before its time is over.
            raise LaneWaits(delivery.blocked_s + 0.05)
        if stream is not None and delivery.age_s <= LIFETIME_S:
            await self._complete(job, delivery, stream)
        elif delivery.state == "unknown" and stream is None:
            await self._reconcile(job, delivery)
        elif delivery.age_s > lifetime_s(delivery):
            await self._fail(job.claim, delivery, "expired")
        else:
            await self._send(job, delivery)

    async def _complete(self, job: Job, delivery: Delivery, stream: Stream) -> None:
        """Finish what people see already. That may be tried any number of times: it is the same message each time."""
        if delivery.state == "unknown":
            await self._db.run(job.claim.scope, lambda s: repository.mark_again(s, job.claim, delivery.id))
        located = await self._streams.locate(job, stream)
        if located is None:
            # As for any send without a trace: shown once more, and counted.
            self._counters.inc("deliveries_total", state="resent")
            log.warning("delivery_resent", attempt=delivery.attempt, unknown_s=round(stream.age_s), looked_up=True)
        await self._send(job, delivery, located)

    async def _send(self, job: Job, delivery: Delivery, stream: Stream | None = None) -> None:
        if await self._shut_out(job, delivery, _closed(job, delivery)):
            return
        await self._respect_limits(job, delivery, stream)
        window_s = self._patience.send_s

        try:
            begun = await self._db.run(job.claim.scope, lambda s: beginning.begin(s, job, delivery, window_s, self._pacing))
        except Objection as objection:
            await self._object(job, delivery, objection.verdict)
            return
        except Paced as paced:
            if paced.seconds > SHORT_WAIT_S:
                raise LaneWaits(paced.seconds) from None
            await asyncio.sleep(paced.seconds)
            await self._send(job, delivery, stream)
            return
        except CheckViolation as violation:
            if consents_repository.missing(violation):
                await self._object(job, delivery, Refused(NO_CONSENT))
                return
            if violation.constraint_name != IN_WINDOW:
                raise
            begun = Begun(window.CLOSED)
        refused = begun.refused
        if await self._shut_out(job, delivery, refused if refused == window.CLOSED else None):
            return
        if refused == "owner_changed":
            await self._cancel(job.claim, delivery, "owner_changed")
        elif refused == "inactive":
            raise LaneWaits(INACTIVE_WAIT_S)
        elif refused is None:
            if time.monotonic() >= begun.deadline:
                # Frozen between the commit and here: the window has passed, and no send may start.
                raise LaneWaits(SHORT_WAIT_S)
            outcome = await self._call(job, delivery, stream, begun.deadline)
            if isinstance(outcome, Failed) and outcome.window and job.waits_outside and delivery.form != "template":
                await self._db.run(job.claim.scope, lambda s: waiting.refused(s, job, delivery.id, begun.window.expires_at))
                log.warning("delivery_refused_window", reason=outcome.reason, attempt=delivery.attempt + 1)
                raise _OutboxChanged
            await self._settle(job, delivery, outcome)

    async def _shut_out(self, job: Job, delivery: Delivery, reason: str | None) -> bool:
        """The provider would refuse it, and might punish us for asking: it fails, or waits where a template would go.

        Returns False if there is no `reason` why. Raises _WindowClosed.
        """
        if reason is None:
            return False
        if job.waits_outside:
            raise _WindowClosed
        await self._fail(job.claim, delivery, reason)
        return True

    async def _object(self, job: Job, delivery: Delivery, verdict: Refused | Waits) -> None:
        """What may not be sent now waits, and what may not be sent at all fails: the call would be refused, or punished."""
        if isinstance(verdict, Waits):
            seconds = verdict.seconds if verdict.then is None else await self._db.run(job.claim.scope, verdict.then)
            log.info("delivery_waits", reason=verdict.reason, after_s=round(seconds))
            # What is too old by then comes to its end in time.
            raise DeliveryWaits(min(seconds, max(0.0, lifetime_s(delivery) - delivery.age_s) + 1.0))
        await self._fail(job.claim, delivery, verdict.reason)

    async def _call(self, job: Job, delivery: Delivery, stream: Stream | None, deadline: float) -> SendOutcome | Gone:
        post = post_of(delivery, job.sender)
        if stream is None:
            return await job.adapter.send(post, job.credential, deadline - time.monotonic())
        return await self._streams.finish(job, stream, post, deadline, certain=delivery.attempt == 0)

    async def _settle(self, job: Job, delivery: Delivery, outcome: SendOutcome | Gone) -> None:
        scope, claim = job.claim.scope, job.claim
        match outcome:
            case Sent(external_id):
                await self._sent(job, delivery, external_id)
            case Retry(after_s, reason, width):
                await self._pause(job, delivery, after_s, width)
                await self._not_taken(job, delivery, reason)
                log.info("delivery_retries", reason=reason, after_s=after_s, attempt=delivery.attempt + 1)
                raise LaneWaits(after_s)
            case Gone(reason):
                await self._db.run(scope, lambda s: repository.mark_pending(s, claim, delivery.id, reason))
                log.warning("delivery_shown_anew", reason=reason, attempt=delivery.attempt + 1)
                raise _OutboxChanged
            case Unknown(reason):
                await self._db.run(scope, lambda s: repository.mark_unknown(s, claim, delivery.id, reason))
                self._counters.inc("deliveries_total", state="unknown")
                log.warning("delivery_unknown", reason=reason, attempt=delivery.attempt + 1)
                raise LaneWaits(self._patience.echo_s)
            case Failed(reason, as_text=True) if delivery.form == "file" and isinstance(job.adapter, Filing):
                await self._show_as_text(job, delivery, job.adapter, reason)
            case Failed(reason, content=True) if delivery.kind == "reply":
                await self._say_instead(job, delivery, reason)
            case Failed(reason, account_broken=True):
                await self._not_taken(job, delivery, reason)
                raise LaneWaits(await self._refused(job, reason))
            case Failed(reason, outreach=True) as said if delivery.form == "template":
                # The provider's count is above ours: there is less room than we thought, and this one waits for its share.
                await self._not_taken(job, delivery, reason, said)
                raise DeliveryWaits(SHORT_WAIT_S)
            case Failed(reason) as said:
                await self._fail(job.claim, delivery, reason, (job, said))

    async def _not_taken(self, job: Job, delivery: Delivery, reason: str, said: Failed | None = None) -> None:
        """The provider certainly did not take it: it may be sent again, and nobody counts because of it."""

        async def work(session: TenantSession) -> None:
            await self._pacing.end(session, job)
            await repository.mark_pending(session, job.claim, delivery.id, reason)
            if said is not None:
                await refusals.note(session, delivery.id, said)
            await volume.give_back(session, delivery.id)

        await self._db.run(job.claim.scope, work)

    async def _pause(self, job: Job, delivery: Delivery, seconds: float, width: str) -> None:
        """Let what the provider has refused for now rest, and what it has refused along with it."""
        scope, account_id = job.claim.scope, job.sender.account_id
        if width == "account":
            await self._limits.pause(scope, account_id, seconds)
        elif width != "delivery":
            where = delivery.channel_id
            await self._limits.pause(scope, account_id, seconds, method=job.method(POST), channel_id=where, alone=width == "pair")

    async def _reconcile(self, job: Job, delivery: Delivery) -> None:
        """Find out what became of an unknown send. Its echo may settle it at any time, in another process."""
        unknown_s = delivery.unknown_s or 0.0
        if unknown_s < self._patience.echo_s:
            raise LaneWaits(self._patience.echo_s - unknown_s)
        found = await self._look_up(job, delivery)
        match found:
            case Sent(external_id):
                await self._sent(job, delivery, external_id)
                return
            case Failed(reason, account_broken=True):
                # Nobody can be asked now, and nothing could be sent: it is looked up when the account is good again.
                raise LaneWaits(await self._refused(job, reason))
            case Retry(after_s) if unknown_s < self._patience.look_up_s:
                raise LaneWaits(min(after_s, self._patience.look_up_s - unknown_s))
        if delivery.resent or delivery.age_s > lifetime_s(delivery):
            await self._fail(job.claim, delivery, "outcome_unknown")
            return
        self._counters.inc("deliveries_total", state="resent")
        log.warning("delivery_resent", attempt=delivery.attempt, unknown_s=round(unknown_s), looked_up=found == Absent())
        await self._db.run(job.claim.scope, lambda s: repository.mark_for_resend(s, job.claim, delivery.id))
        await self._send(job, delivery)

    async def _refused(self, job: Job, reason: str) -> float:
        """The account's token was refused; return in how many seconds it is worth trying again."""
        follows = await self._credentials.refused(job.credential, reason)
        if follows == "other" and not await breaker.blocked(self._db, job.claim.scope, job.sender.account_id, reason):
            await self._db.run(job.claim.scope, lambda s: repository.account_broken(s, job.sender.account_id, reason))
            log.error("account_broken", account_id=str(job.sender.account_id), reason=reason)
        return TOKEN_WAIT_S if follows == "renew" else INACTIVE_WAIT_S

    async def _look_up(self, job: Job, delivery: Delivery) -> FindOutcome:
        scope, account_id = job.claim.scope, job.sender.account_id
        if (wait_s := await self._limits.take(scope, account_id, job.method(HISTORY))) > 0:
            return Retry(wait_s, "limited")
        # An answer may have waited for hours before it was sent: its trace is as old as the attempt.
        since = (delivery.sending_since or delivery.created_at) - timedelta(seconds=5)
        found = await job.adapter.find(post_of(delivery, job.sender), since, job.credential)
        if isinstance(found, Retry) and found.scope != "delivery":
            await self._limits.pause(
                scope, account_id, found.after_s, method=job.method(HISTORY) if found.scope == "channel" else None
            )
        return found

    async def _respect_limits(self, job: Job, delivery: Delivery, stream: Stream | None) -> None:
        async def ask() -> float:
            if stream is not None:
                return await self._streams.allowed_in(job, stream, certain=delivery.attempt == 0)
            return await self._limits.take(
                job.claim.scope, job.sender.account_id, job.method(POST), channel_id=delivery.channel_id
            )

        while (wait_s := await ask()) > 0:
            if wait_s > SHORT_WAIT_S:
                raise LaneWaits(wait_s)
            await asyncio.sleep(wait_s)

    async def _sent(self, job: Job, delivery: Delivery, external_id: str) -> None:
        async def work(session: TenantSession) -> None:
            await self._pacing.end(session, job)
            await repository.mark_sent(session, delivery.id, external_id)

        await self._db.run(job.claim.scope, work)
        self._counters.inc("deliveries_total", state="sent")
        log.info("delivery_sent", attempt=delivery.attempt + 1, age_ms=round(delivery.age_s * 1000))

    async def _fail(self, claim: Claim, delivery: Delivery, reason: str, said: tuple[Job, Failed] | None = None) -> None:
        """End it; `said`: for whom the provider refused it, and how, which may concern more than this delivery."""

        async def work(session: TenantSession) -> None:
            if said is not None:
                await self._pacing.end(session, said[0])
            await repository.end(session, claim, delivery.id, "failed", reason)
            if said is not None:
                await refusals.note(session, delivery.id, said[1])
                await volume.give_back(session, delivery.id)

        await self._db.run(claim.scope, work)
        self._counters.inc("deliveries_total", state="failed")
        log.error("delivery_failed", reason=reason, attempt=delivery.attempt)

    async def _say_instead(self, job: Job, delivery: Delivery, reason: str) -> None:
        """Give up the message whose words the channel refuses, and say so in words that it takes: nobody meets silence.

        A fallback that is refused as well is not replaced: that would have no end. Nor is what a colleague wrote, who
        sees that it failed.
        """
        target = post_of(delivery, job.sender).target
        parts = job.adapter.render(NOT_SHOWN, target)

        async def work(session: TenantSession) -> int:
            given_up = await repository.give_up(session, job.claim, delivery.id, reason)
            heir_id = uuid7()
            await outbox.put(session, in_place_of(delivery, job, parts), first_id=heir_id)
            await streams_repository.hand_on(session, delivery.id, heir_id)
            return given_up

        given_up = await self._db.run(job.claim.scope, work)
        self._counters.inc("deliveries_total", given_up, state="failed")
        log.error("delivery_refused", reason=reason, attempt=delivery.attempt + 1, parts=given_up)
        raise _OutboxChanged

    async def _show_as_text(self, job: Job, delivery: Delivery, adapter: Filing, reason: str) -> None:
        """The file cannot be shown: its words go out as messages instead."""
        post = post_of(delivery, job.sender)
        parts = adapter.instead_of_file(post.text, post.target)
        await self._db.run(job.claim.scope, lambda s: repository.show_as_text(s, job.claim, delivery.id, reason, parts))
        log.warning("delivery_as_text", reason=reason, parts=len(parts))
        raise _OutboxChanged

    async def _cancel(self, claim: Claim, delivery: Delivery, reason: str) -> None:
        await self._db.run(claim.scope, lambda s: repository.end(s, claim, delivery.id, "cancelled", reason))
        self._counters.inc("deliveries_total", state="cancelled")
        log.info("delivery_cancelled", reason=reason)


def _closed(job: Job, delivery: Delivery) -> str | None:
    """Return why a free text may not be sent any more, or None."""
    return None if delivery.form == "template" else job.closed()


def _unfinished(streams: Sequence[Stream], deliveries: Sequence[Delivery], passed: Passed) -> list[Stream]:
    """Return the answers that people saw a part of, of turns that are over, and that no open delivery will finish."""
    open_ids = {delivery.id for delivery in deliveries} | passed.ids
    return [stream for stream in streams if stream.over and stream.delivery_id not in open_ids]
