"""The sign that the employee is at work: shown where an answer takes a while, and taken away where none will do that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from konstruct.channels.credentials import Credentials
from konstruct.channels.limits import SendLimits
from konstruct.channels.port import ChannelAdapter, Target
from konstruct.channels.rates import WORKING
from konstruct.conversations.answer_place import AnswerPlace

log = structlog.get_logger()

SHOW_AFTER_S = 0.4
"""A quick answer needs no sign, and a sign that arrives after the answer would stay."""
RENEWED_AT = 0.75
"""Of the time after which the sign goes away by itself: then it is shown again."""
CALL_S = 5.0
"""For a call whose sign would otherwise be lost sight of."""


class WorkSign:
    """The sign of one turn. Best effort: nothing here raises, or holds anything up."""

    def __init__(
        self,
        adapter: ChannelAdapter,
        credentials: Credentials,
        limits: SendLimits,
        place: AnswerPlace,
        *,
        needless: Callable[[], bool],
    ) -> None:
        """`needless` says whether people see the answer itself by now: then the sign is not renewed."""
        self._adapter = adapter
        self._credentials = credentials
        self._limits = limits
        self._place = place
        self._needless = needless
        self._target = Target(place.channel_id, place.thread_id, heard_id=place.heard_id)
        self._asked = False
        """Whether the provider may show it."""
        self._calling = False
        self._task = asyncio.create_task(self._show(), name=f"sign {place.turn_id}")

    async def end(self, *, answered: bool) -> None:
        """The turn is over. Where no answer takes the sign away, or the sign may come after it, it is taken away.

        Where the sign says as well that the message was read, a quick answer does not leave that unsaid.
        """
        late = self._calling
        if late:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CALL_S):
                    await asyncio.wait([self._task])
        self.stop()
        unread = not self._asked and self._adapter.caps.read_receipts
        if unread or (self._asked and (late or not answered)):
            await self._tell(active=False)

    def stop(self) -> None:
        """Show it no more; what is shown stays."""
        self._task.cancel()

    async def _show(self) -> None:
        await asyncio.sleep(SHOW_AFTER_S)
        while not self._needless():
            await self._tell(active=True)
            await asyncio.sleep(RENEWED_AT * self._adapter.caps.sign_lasts_s)

    async def _may(self) -> float:
        place = self._place
        method = f"{place.channel_kind}.{WORKING}"
        return await self._limits.take(place.claim.scope, place.account_id, method, channel_id=place.channel_id)

    async def _tell(self, *, active: bool) -> None:
        place = self._place
        try:
            while (wait_s := await self._may()) > 0:
                if active or wait_s > CALL_S:
                    return
                # Taking it away is worth a wait, and nobody waits for that.
                await asyncio.sleep(wait_s)
            credential = await self._credentials.of(place.claim.scope, place.account_id)
            self._asked, self._calling = True, active
            code = await self._adapter.working(self._target, credential, active)
            if code is not None:
                await self._credentials.refused(credential, code)
        except Exception as error:
            log.debug("working_not_shown", error=type(error).__name__)
        finally:
            self._calling = False
