"""Pigeon as the contract asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from konstruct.channels.port import Target
from konstruct.kit.ids import uuid7
from tests.channels.contract.harness import Bodies, Harness, credential
from tests.channels.contract.plain_adapter import PlainAdapter
from tests.channels.contract.plain_provider import SECRET, Pigeon


@asynccontextmanager
async def plain_harness(make: Callable[[str], PlainAdapter] = PlainAdapter) -> AsyncIterator[Harness]:
    """Yield a harness of an adapter that `make` makes for the provider's address."""
    pigeon = Pigeon({"shop": "token-canary-one", "cafe": "token-canary-two"}, {"shop": {"p1"}, "cafe": {"p2"}})
    await pigeon.start()
    adapter = make(pigeon.url)
    pigeon.speak("shop", "p1", "hi")
    pigeon.speak("cafe", "p2", "hi")
    receipt = {"type": "receipt", "id": "r1", "to": "p1", "message": "pg-1", "ref": str(uuid7()), "state": "read"}
    choice = {"type": "choice", "id": "c1", "from": "p1", "message": "pg-1", "choice": "a-yes"}
    try:
        yield Harness(
            adapter=adapter,
            provider=pigeon,
            sign=pigeon.sign,
            bodies=Bodies(
                message=lambda text: pigeon.speak("shop", "p1", text, f"{sum(text.encode())}", 1_790_000_000),
                own=lambda text: pigeon.speak("shop", "shop", text),
                unknown=pigeon.body("shop", {"type": "hologram", "id": "h1"}),
                challenge=({"token": SECRET.decode(), "echo": "coo"}, {"token": "guess", "echo": "coo"}, b"coo"),
                events={"receipt": pigeon.body("shop", receipt), "pressed": pigeon.body("shop", choice)},
            ),
            credentials=(credential("shop", "token-canary-one"), credential("cafe", "token-canary-two")),
            targets=(Target("p1", None), Target("p2", None)),
            close_window=pigeon.heard.clear,
        )
    finally:
        await adapter.close()
        await pigeon.down()
