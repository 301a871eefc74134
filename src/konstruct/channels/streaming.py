"""An answer on its way to its reader: shown while the model still speaks, so that nobody waits for its last word.

The model is never held up: what it says is noted, and a task beside the turn makes the calls. Each is preceded by a look at
the rows: the lease still ours, the conversation still the employee's, tenant and account active. What people see is known to
the rows before it is shown (`streams`), so that whoever goes on after a crash ends it well.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct.channels import streams_repository as repository
from konstruct.channels.credentials import Credentials, CredentialWaitsError
from konstruct.channels.limits import SendLimits
from konstruct.channels.port import Credential, Retry, Sent, Target
from konstruct.channels.port_streams import Edits, Shown, StreamOutcome, Streams, Way
from konstruct.channels.stream_machine import Action, Append, Edit, Machine, Open, Pace, Phase, Stop, Wait
from konstruct.channels.streams_repository import State
from konstruct.conversations.answer_place import AnswerPlace
from konstruct.conversations.part import Part
from konstruct.db.database import TRANSIENT_ERRORS, Database
from konstruct.db.session import TenantSession
from konstruct.kit.counters import Counters
from konstruct.kit.errors import LeaseLostError

log = structlog.get_logger()

PAUSE_S = 1.0
"""After the database or a limit stood in the way."""


_STATES: dict[Phase, State] = {Phase.GROWING: "growing", Phase.STILL: "still"}


@dataclass(frozen=True, slots=True)
class Means:
    """What streaming works with, the same for all answers of a process."""

    db: Database
    credentials: Credentials
    limits: SendLimits
    counters: Counters
    pace: Pace
    clock: Callable[[], float] = time.monotonic


class Barred(Exception):  # noqa: N818  # control flow of one answer, not an error
    """Nothing more may be shown by this holder. `stop`: what grows is to be stopped."""

    def __init__(self, reason: str, *, stop: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.stop = stop


class GrowingAnswer:
    """One turn's answer. `piece` and `again` are called by the turn; the calls are made by a task of its own."""

    def __init__(self, means: Means, edits: Edits, way: Way, place: AnswerPlace) -> None:
        self._means = means
        self._edits = edits
        self._place = place
        self._target = Target(place.channel_id, place.thread_id, place.participants)
        self._machine = Machine(way, means.pace, lambda text: edits.growing(text, place.participants))
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.resting = False
        """Whether nothing more is shown before the answer is whole."""
        self.unsaid = False
        """Set by the turn if it ends without an answer."""
        self._calling = False
        self._known = not place.resumed
        """Whether it is known here what the rows say of this turn's answer."""
        self._unwritten = False
        """Whether a row may stand there for a message that was certainly never begun."""
        self._external_id: str | None = None
        self._stored = True

    @property
    def visible(self) -> bool:
        """Whether people see something of the answer, as far as is known here."""
        return self._machine.phase is not Phase.NOTHING

    async def piece(self, text: str) -> None:
        """Take what the model has just said. Returns at once."""
        self._machine.take(text, self._means.clock())
        if self._task is None:
            self._task = asyncio.create_task(self._show(), name=f"stream {self._place.turn_id}")
        self._news.set()

    async def again(self) -> None:
        """Take note that the model begins another text."""
        self._machine.again()

    async def rest(self) -> None:
        """Show nothing more: the answer is whole, or there will be none. A message that is being begun is waited for."""
        self.resting = True
        self._news.set()
        task = self._task
        if task is None or task.done():
            return
        if self._machine.phase is not Phase.OPENING:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._means.pace.linger_s if self._calling else 0.0):
                    await asyncio.wait([task])
        else:
            await asyncio.wait([task])
        if not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def abandon(self) -> None:
        """The turn was taken away: show nothing more, and wait for nothing."""
        self.resting = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def stand(self) -> None:
        """Nobody goes on with the turn for now: let what people see not look as if somebody did."""
        if self._machine.phase is Phase.GROWING:
            await self._stop()

    async def settle(self, session: TenantSession, first: Part) -> UUID | None:
        """In the turn's last transaction: return the id of the delivery that people see already, None if they see nothing.

        `first` is the answer's first part, which that delivery will be.
        """
        phase, shown = self._machine.phase, self._machine.shown
        if self._known and phase is Phase.NOTHING:
            if self._unwritten:
                await repository.forget(session, self._place.turn_id)
            return None
        certain = phase in _STATES and shown is not None and first.text.startswith(shown)
        delivery_id = await repository.settle(
            session, self._place.turn_id, _STATES.get(phase), self._external_id, len(shown or "") if certain else None
        )
        # A file cannot take a message's place: the beginning is taken away, and the answer shown as ever.
        return delivery_id if first.form == "text" else None

    async def _show(self) -> None:
        try:
            if not self._known:
                await self._adopt()
            while not self.resting:
                action = self._machine.next(self._means.clock())
                if isinstance(action, Wait):
                    await self._wait(action.seconds)
                else:
                    await self._act(action)
        except Barred as barred:
            log.info("stream_rests", reason=barred.reason)
            self._means.counters.inc("streams_total", outcome=barred.reason)
            self._machine.resting = True
            if barred.stop and self._machine.phase is Phase.GROWING:
                await self._stop()
        except LeaseLostError:
            self._machine.resting = True
        except Exception as error:
            # Showing an answer early is a kindness; the answer itself does not depend on it.
            self._machine.resting = True
            log.warning("stream_failed", error=type(error).__name__)

    async def _wait(self, seconds: float | None) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _adopt(self) -> None:
        place = self._place
        row = await self._means.db.run(place.claim.scope, lambda s: repository.adopt(s, place.claim, place.turn_id))
        self._known = True
        if row is not None:
            self._external_id = row["external_id"]
            self._machine.resume(Phase(row["state"]))

    async def _act(self, action: Action) -> None:
        before = self._machine.shown
        try:
            window_s, credential = await self._may(action)
        except (CredentialWaitsError, *TRANSIENT_ERRORS):
            window_s, credential = 0.0, None
        now = self._means.clock()
        if credential is None or window_s <= 0:
            self._machine.not_made(action, before, now + PAUSE_S)
            return
        self._machine.begun(action)
        if isinstance(action, Open):
            await self._open(action, credential, now + window_s)
            return
        self._calling = True
        try:
            outcome = await self._call(action, credential, window_s)
        finally:
            self._calling = False
        await self._note(action, outcome, before)

    async def _may(self, action: Action) -> tuple[float, Credential | None]:
        """Return for how many seconds the call may still be begun (0: not now), and as whom. Raises Barred."""
        place, began = self._place, self._means.clock()
        if not self._stored:
            await self._store()
        may = await self._means.db.run(place.claim.scope, lambda s: repository.may_show(s, place))
        if may is None:
            raise Barred("lease_lost")
        if not may.tenant:
            raise Barred("tenant_inactive", stop=True)
        if not may.ours:
            raise Barred("owner_changed", stop=True)
        if not may.account:
            raise Barred("account_inactive")
        if await self._limited(action) > 0:
            # Nothing waits for it: the answer goes on, and may be whole before it is seen to grow.
            self._means.counters.inc("streams_total", outcome="limited")
            return 0.0, None
        credential = await self._means.credentials.of(place.claim.scope, place.account_id)
        # Another holder may begin when the lease ends, and not a moment sooner.
        left = may.lease_s - (self._means.clock() - began)
        pace = self._means.pace
        return min(left, pace.open_s if isinstance(action, Open) else pace.call_s), credential

    async def _limited(self, action: Action) -> float:
        scope, account_id = self._place.claim.scope, self._place.account_id
        channel_id = self._place.channel_id if isinstance(action, Open) and action.way == "edit" else None
        return await self._means.limits.take(scope, account_id, self._method(action), channel_id=channel_id)

    def _method(self, action: Action) -> str:
        match action:
            case Open(way="native"):
                name = "open"
            case Open():
                name = "begin"
            case Append():
                name = "append"
            case Stop():
                name = "stop"
            case _:
                name = "edit"
        return self._edits.stream_methods[name]

    async def _open(self, action: Open, credential: Credential, deadline: float) -> None:
        """Begin the message: the row before the call, its name right after it."""
        place, scope = self._place, self._place.claim.scope
        try:
            delivery_id = await self._means.db.run(scope, lambda s: repository.begin(s, place))
        except BaseException as error:
            # Nothing was begun; but the row may stand there all the same, where the answer to the commit was lost.
            self._unwritten = True
            self._machine.not_made(action, "", 0.0)
            if isinstance(error, TRANSIENT_ERRORS):
                raise Barred("not_stored") from None
            raise
        if delivery_id is None:
            self._machine.not_made(action, "", 0.0)
            raise Barred("something_else_is_open")
        left = deadline - self._means.clock()
        outcome: StreamOutcome = Retry(0.0, "not_begun")
        if left > 0 and not self.resting:
            outcome = await self._call(action, credential, left)
        if isinstance(outcome, Sent):
            self._external_id, self._stored = outcome.external_id, False
        await self._note(action, outcome, "")
        self._means.counters.inc("streams_total", outcome=type(outcome).__name__.lower())
        if self._machine.phase is Phase.NOTHING:
            self._unwritten = True
            await self._means.db.run(scope, lambda s: repository.forget(s, place.turn_id))
            self._unwritten = False
        elif isinstance(outcome, Sent):
            with contextlib.suppress(*TRANSIENT_ERRORS):
                await self._store()

    async def _store(self) -> None:
        external_id, state = self._external_id, _STATES[self._machine.phase]
        assert external_id is not None
        turn_id = self._place.turn_id
        await self._means.db.run(self._place.claim.scope, lambda s: repository.opened(s, turn_id, external_id, state))
        self._stored = True

    async def _call(self, action: Action, credential: Credential, timeout_s: float) -> StreamOutcome:
        edits = self._edits
        if isinstance(action, Open) and action.way == "edit":
            return await edits.begin(self._target, action.text, credential, timeout_s)
        if isinstance(action, Edit):
            return await edits.edit(self._shown(), action.text, credential, timeout_s)
        assert isinstance(edits, Streams)
        if isinstance(action, Open):
            assert self._place.reader_id is not None
            return await edits.open(self._target, self._place.reader_id, action.text, credential, timeout_s)
        if isinstance(action, Append):
            return await edits.append(self._shown(), action.text, credential, timeout_s)
        return await edits.stop(self._shown(), credential, timeout_s)

    async def _note(self, action: Action, outcome: StreamOutcome, before: str | None) -> None:
        now = self._means.clock()
        self._machine.done(action, outcome, now, before)
        if not isinstance(outcome, Sent):
            log.info("stream_call", call=type(action).__name__.lower(), outcome=type(outcome).__name__.lower())
        if isinstance(outcome, Retry) and outcome.scope != "delivery":
            method = self._method(action) if outcome.scope == "channel" else None
            scope, account_id = self._place.claim.scope, self._place.account_id
            await self._means.limits.pause(scope, account_id, outcome.after_s, method=method)

    async def _stop(self) -> None:
        """Let the message stand as it is. Nobody's words are added, so that no lease is needed for it."""
        credential = await self._means.credentials.of(self._place.claim.scope, self._place.account_id)
        outcome = await self._call(Stop(), credential, self._means.pace.call_s)
        self._machine.done(Stop(), outcome, self._means.clock(), self._machine.shown)

    def _shown(self) -> Shown:
        assert self._external_id is not None
        return Shown(self._target, self._external_id)


class SilentAnswer:
    """The same where a channel shows only whole answers."""

    visible = False

    def __init__(self) -> None:
        self.resting = False
        self.unsaid = False

    async def piece(self, text: str) -> None:
        """Nothing to show."""

    async def again(self) -> None:
        """Nothing to show."""

    async def rest(self) -> None:
        """Nothing to wait for."""
        self.resting = True

    async def abandon(self) -> None:
        """Nothing to stop."""
        self.resting = True

    async def stand(self) -> None:
        """Nothing to stop."""

    async def settle(self, session: TenantSession, first: Part) -> UUID | None:
        """Nothing that people see already."""
        return None
