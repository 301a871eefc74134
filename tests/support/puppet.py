"""A model on strings: the test says, while it runs, what it answers and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from konstruct.llm.backends.scripted import Reply, ScriptedBackend, echo
from konstruct.llm.port import ChatRequest
from tests.support.house import until


class Puppet(ScriptedBackend):
    """`says` makes each reply (the messages asked, unless changed); while `hold` is not set, no reply comes."""

    def __init__(self) -> None:
        super().__init__(self._say, delay=self._pace)
        self.says: Callable[[ChatRequest], Reply] = echo
        self.hold = asyncio.Event()
        self.hold.set()

    async def asked(self, times: int) -> None:
        """Wait until it was asked so often."""
        await until(lambda: len(self.requests) >= times)

    def _say(self, request: ChatRequest) -> Reply:
        return self.says(request)

    async def _pace(self, _request: ChatRequest) -> None:
        await self.hold.wait()
