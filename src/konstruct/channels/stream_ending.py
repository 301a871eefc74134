"""The sender's part in answers that grow: each comes to its end, as a whole answer or as what people have seen of it."""

from __future__ import annotations

import time
from dataclasses import replace

import structlog

from konstruct.channels import streams_repository as repository
from konstruct.channels.delivery_job import Job, LaneWaits
from konstruct.channels.limits import SendLimits
from konstruct.channels.patience import Patience
from konstruct.channels.port import Failed, Post, Retry, Sent, Target, Unknown
from konstruct.channels.port_streams import Edits, Found, Gone, Shown, Speaker, StreamOutcome, Streams
from konstruct.channels.rates import HISTORY
from konstruct.channels.stream_finish import finish
from konstruct.channels.streams_repository import Stream
from konstruct.db.database import Database

log = structlog.get_logger()

CALL_S = 5.0
GIVEN_UP_S = 900.0
"""A stream that could not be stopped for so long has died by itself."""
AGAIN_S = 5.0


class StreamEnding:
    """Ends answers that grew. It keeps nothing between them."""

    def __init__(self, db: Database, limits: SendLimits, patience: Patience) -> None:
        self._db = db
        self._limits = limits
        self._patience = patience

    async def locate(self, job: Job, stream: Stream) -> Stream | None:
        """Return the answer with its message's name, None if no message shows it. Raises LaneWaits while that is not known.

        Its echo may name the message at any time, in another process.
        """
        if stream.external_id is not None:
            return stream
        if stream.age_s < self._patience.echo_s:
            raise LaneWaits(self._patience.echo_s - stream.age_s)
        found = await self._look_up(job, stream)
        if isinstance(found, Sent):
            await self._db.run(job.claim.scope, lambda s: repository.opened(s, stream.turn_id, found.external_id, "growing"))
            return replace(stream, external_id=found.external_id, state="growing", shown=None)
        if isinstance(found, Retry) and stream.age_s < self._patience.look_up_s:
            raise LaneWaits(min(found.after_s, self._patience.look_up_s - stream.age_s))
        await self.forget(job, stream)
        log.warning("stream_not_found", age_s=round(stream.age_s), looked_up=found is None)
        return None

    async def finish(
        self, job: Job, stream: Stream, post: Post, deadline: float, *, certain: bool
    ) -> Sent | Retry | Failed | Gone:
        """Let people see `post` where they saw it grow. `certain`: nobody has tried that before."""
        edits = job.adapter
        assert isinstance(edits, Edits)
        rest = post.text[stream.shown :] if certain and stream.shown is not None else None
        shown = _shown(stream, post.target)
        outcome = await finish(
            edits, shown, post, rest, stream.state == "growing", job.credential, lambda: max(0.0, deadline - time.monotonic())
        )
        if isinstance(outcome, Retry) and outcome.scope != "delivery":
            name = "stop" if stream.state == "growing" and rest is not None else "edit"
            method = edits.stream_methods[name] if outcome.scope == "channel" else None
            await self._limits.pause(job.claim.scope, stream.account_id, outcome.after_s, method=method)
            return replace(outcome, scope="delivery")
        if isinstance(outcome, Gone):
            # It may still stand there, where it cannot be changed: the whole answer is shown anew, and not beside a part of it.
            await edits.remove(shown, job.credential, CALL_S)
            await self.forget(job, stream)
        return outcome

    async def allowed_in(self, job: Job, stream: Stream, *, certain: bool) -> float:
        """Return the seconds until `finish` may be tried; 0 counts it."""
        assert isinstance(job.adapter, Edits)
        stops = stream.state == "growing" and certain and stream.shown is not None
        method = job.adapter.stream_methods["stop" if stops else "edit"]
        return await self._limits.take(job.claim.scope, stream.account_id, method)

    async def end(self, job: Job, stream: Stream) -> float | None:
        """Let an answer that will not be finished stand as people have seen it, or take it away if it is shown elsewhere.

        Return the seconds after which to try again; None once there is nothing left to do.
        """
        edits = job.adapter
        if not isinstance(edits, Edits) or job.sender.status != "active" or stream.age_s > GIVEN_UP_S:
            await self.forget(job, stream)
            return None
        try:
            located = await self.locate(job, stream)
        except LaneWaits as waits:
            return waits.seconds
        if located is None:
            return None
        shown = _shown(located, Target(stream.channel_id, stream.thread_id, job.sender.participants))
        outcome: StreamOutcome | None = None
        if located.state == "growing" and isinstance(edits, Streams):
            outcome = await edits.stop(shown, job.credential, CALL_S)
        if stream.elsewhere and not isinstance(outcome, Retry):
            outcome = await edits.remove(shown, job.credential, CALL_S)
        if isinstance(outcome, Retry | Unknown):
            return outcome.after_s if isinstance(outcome, Retry) else AGAIN_S
        await self.forget(job, stream)
        log.info("stream_ended", removed=stream.elsewhere)
        return None

    async def forget(self, job: Job, stream: Stream) -> None:
        """There is nothing left to do for it."""
        await self._db.run(job.claim.scope, lambda s: repository.forget(s, stream.turn_id))

    async def _look_up(self, job: Job, stream: Stream) -> Found:
        edits, scope = job.adapter, job.claim.scope
        if not isinstance(edits, Edits):
            return None
        if (wait_s := await self._limits.take(scope, stream.account_id, job.method(HISTORY))) > 0:
            return Retry(wait_s, "limited")
        known = await self._db.run(
            scope, lambda s: repository.known_ids(s, stream.account_id, stream.channel_id, stream.asked_at)
        )
        speaker = Speaker(job.sender.bot_user_id, job.sender.app_id)
        target = Target(stream.channel_id, stream.thread_id)
        found = await edits.find_begun(target, speaker, stream.asked_at, known, job.credential)
        if isinstance(found, Retry) and found.scope != "delivery":
            method = job.method(HISTORY) if found.scope == "channel" else None
            await self._limits.pause(scope, stream.account_id, found.after_s, method=method)
        return found


def _shown(stream: Stream, target: Target) -> Shown:
    assert stream.external_id is not None
    return Shown(target, stream.external_id)
