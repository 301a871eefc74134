"""The channel as a turn sees it: rendering, the sign that the employee is at work, and an answer that grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog

from konstruct.channels import choices, streams_repository
from konstruct.channels.credentials import Credentials
from konstruct.channels.limits import SendLimits
from konstruct.channels.port import ChannelAdapter, Target
from konstruct.channels.port_abilities import Titling
from konstruct.channels.port_streams import Edits, Streams, Way
from konstruct.channels.stream_machine import Pace
from konstruct.channels.streaming import GrowingAnswer, Means, SilentAnswer
from konstruct.channels.work_sign import WorkSign
from konstruct.conversations.answer_place import AnswerPlace
from konstruct.conversations.part import Button, Part, in_words, with_buttons
from konstruct.db.database import Database
from konstruct.kit.counters import Counters

log = structlog.get_logger()

Answer = GrowingAnswer | SilentAnswer

TITLE_MAX = 80
_PATIENCE_S = 15.0
"""For what is tidied up behind a turn."""


class Rendering(Protocol):
    """A `conversations.place.Render` that takes buttons as well."""

    def __call__(
        self,
        kind: str,
        channel_id: str,
        thread_id: str | None,
        participants: frozenset[str],
        text: str,
        buttons: Sequence[Button] = (),
    ) -> list[Part]:
        """Return the parts, `buttons` below the last one."""


def renderer(adapters: Mapping[str, ChannelAdapter]) -> Rendering:
    """Return how each channel will show a text: as parts, none for a text without anything to show.

    Buttons stand below it, or in a list that opens; what the channel cannot show so stands in it as a numbered list.
    """

    def render(
        kind: str,
        channel_id: str,
        thread_id: str | None,
        participants: frozenset[str],
        text: str,
        buttons: Sequence[Button] = (),
    ) -> list[Part]:
        return rendered(adapters[kind], Target(channel_id, thread_id, participants), text, buttons)

    return render


def rendered(adapter: ChannelAdapter, target: Target, text: str, buttons: Sequence[Button]) -> list[Part]:
    """Return `text` as the channel will show it, with `buttons` below it or in it."""
    parts = adapter.render(text, target)
    below = next((part.text for part in reversed(parts) if part.form == "text"), "")
    if not buttons or choices.shown_as(adapter.caps, below, buttons) is not None:
        return with_buttons(parts, buttons)
    return adapter.render(in_words(text, buttons), target)


class Surface:
    """Implements the turn loop's `ChannelSurface` over the adapters."""

    def __init__(
        self,
        db: Database,
        adapters: Mapping[str, ChannelAdapter],
        credentials: Credentials,
        limits: SendLimits,
        *,
        counters: Counters,
        pace: Pace | None = None,
    ) -> None:
        self._adapters = adapters
        self._credentials = credentials
        self._limits = limits
        self._means = Means(db, credentials, limits, counters, pace or Pace())
        self._tasks: set[asyncio.Task[None]] = set()

    def render(
        self,
        kind: str,
        channel_id: str,
        thread_id: str | None,
        participants: frozenset[str],
        text: str,
        buttons: Sequence[Button] = (),
    ) -> list[Part]:
        """See `renderer`."""
        return rendered(self._adapters[kind], Target(channel_id, thread_id, participants), text, buttons)

    def business_only(self, kind: str) -> bool:
        """Return whether the channel's provider wants the employee to talk about the business alone."""
        return self._adapters[kind].caps.business_only

    @asynccontextmanager
    async def answering(self, place: AnswerPlace) -> AsyncIterator[Answer]:
        """Show that the employee is at work, and what it says, for as long as the block lasts. Delays nothing.

        What is shown then is left to the answer, which takes its place. If the block ends by an exception, and nobody goes on
        with the turn, nothing stays that looks as if somebody were at work.
        """
        adapter = self._adapters[place.channel_kind]
        answer = self._answer(adapter, place)
        sign = WorkSign(adapter, self._credentials, self._limits, place, needless=lambda: answer.visible or answer.resting)
        try:
            yield answer
        except BaseException:
            sign.stop()
            await answer.abandon()
            self._later(self._tidy(sign, answer, place))
            raise
        await answer.rest()
        self._later(self._after(sign, answer, adapter, place))

    def _answer(self, adapter: ChannelAdapter, place: AnswerPlace) -> Answer:
        way: Way | None = None
        if adapter.caps.stream == "native" and place.reader_id is not None and place.thread_id is not None:
            way = "native"
        elif adapter.caps.stream == "edit":
            way = "edit"
        if way is None or not isinstance(adapter, Edits if way == "edit" else Streams):
            return SilentAnswer()
        return GrowingAnswer(self._means, adapter, way, place)

    async def settled(self) -> None:
        """Wait until what is tidied up behind turns is done."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def close(self) -> None:
        """Leave what is tidied up behind turns: whatever it shows goes away by itself."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await work
        except Exception as error:
            log.debug("not_tidied_up", error=type(error).__name__)

    async def _tidy(self, sign: WorkSign, answer: Answer, place: AnswerPlace) -> None:
        if await self._means.db.run(place.claim.scope, lambda s: streams_repository.left_behind(s, place)):
            await answer.stand()
            await sign.end(answered=False)

    async def _after(self, sign: WorkSign, answer: Answer, adapter: ChannelAdapter, place: AnswerPlace) -> None:
        await sign.end(answered=not answer.unsaid)
        title = _title(place.opens_thread or "")
        if title and isinstance(adapter, Titling):
            if await self._limits.take(place.claim.scope, place.account_id, adapter.title_method) > 0:
                return
            credential = await self._credentials.of(place.claim.scope, place.account_id)
            await adapter.title(Target(place.channel_id, place.thread_id), title, credential)


def _title(question: str) -> str:
    """Return a question as the title of its thread: one line, cut after a word."""
    line = " ".join(question.split())
    if len(line) <= TITLE_MAX:
        return line
    cut = line[: TITLE_MAX - 1]
    return (cut[: cut.rfind(" ")] if " " in cut[TITLE_MAX // 2 :] else cut).rstrip(" ,;:") + "…"
