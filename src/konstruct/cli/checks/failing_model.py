"""Check of what a customer reads when the model fails: two turns of the doctor's own tenant, on a model that raises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from konstruct.agents import fallbacks
from konstruct.agents.loop import TurnLoop
from konstruct.channels.credentials import Credentials
from konstruct.channels.media import Media
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.streaming import SilentAnswer
from konstruct.channels.surface import renderer
from konstruct.cli.checks import probe_repository
from konstruct.cli.checks.check import System, SystemCheck, Verdict
from konstruct.cli.checks.probe_tenant import Probe, probe_tenant
from konstruct.conversations.answer_place import AnswerPlace
from konstruct.db.scope import TenantScope
from konstruct.jobs.queue import Claim
from konstruct.kit.counters import Counters
from konstruct.llm.port import ChatRequest, Delta, LlmError
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.vault import Vault

TELLING = "Traceback (most recent call last): https://model.internal refused the key of the doctor's probe"
"""What no customer may read."""
_LEASE = timedelta(seconds=60)


class TellingError(Exception):
    """What the probe's model raises where nobody expects it."""


class _Raising:
    """A model that fails, and says too much about it."""

    name = "doctor"
    model = "probe"

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def stream(self, _request: ChatRequest) -> AsyncIterator[Delta]:
        raise self._error
        yield  # what makes it a stream

    async def close(self) -> None:
        """Nothing is open."""


class _NoDocuments:
    async def passages(self, scope: TenantScope, query: str, limit: int) -> Sequence[Any]:
        return ()


class _Paper:
    """A channel that shows nothing: what would be shown stands in the outbox."""

    def __init__(self, adapters: dict[str, ChannelAdapter]) -> None:
        self.render = renderer(adapters)

    def business_only(self, kind: str) -> bool:
        return False

    @asynccontextmanager
    async def answering(self, place: AnswerPlace) -> AsyncIterator[SilentAnswer]:
        yield SilentAnswer()


async def model_failure(system: System) -> Verdict:
    """A model's failure reaches the channel as one plain sentence, and nothing of what it said."""
    adapters: dict[str, ChannelAdapter] = {"slack": SlackAdapter(system.settings)}
    try:
        async with probe_tenant(system.db) as probe:
            known = await _turn(system, adapters, probe, LlmError("bad_request", TELLING))
            unknown = await _turn(system, adapters, probe, TellingError(TELLING))
    finally:
        await adapters["slack"].close()
    right = set(known) == {fallbacks.sentence(fallbacks.MODEL_DOWN)} and set(unknown) == {fallbacks.sentence(fallbacks.BROKEN)}
    if right:
        return True, "a model that fails, and one that raises what nobody expects, both end in one plain sentence"
    leaks = any(TELLING[:20] in text for text in (*known, *unknown))
    return False, "a model's own words would reach the channel" if leaks else "a failed model does not end in its plain sentence"


async def _turn(system: System, adapters: dict[str, ChannelAdapter], probe: Probe, error: Exception) -> list[str]:
    """Run a turn on a model that raises `error`, as a worker would; return what would be shown."""
    async with system.db.tenant(probe.scope) as session:
        claim = await probe_repository.ask(session, probe.account_id, probe.agent_id, uuid4(), _LEASE)
    credentials = Credentials(system.db, Vault(open_key_provider(system.settings)), adapters)
    surface = _Paper(adapters)
    router = Router([_Raising(error)], prices=load_prices())
    media = Media(system.db, adapters, credentials)
    loop = TurnLoop(system.db, router, surface, _NoDocuments(), media, deadline_s=20.0, attempts=1, counters=Counters())
    await _work(loop, claim)
    async with system.db.tenant(probe.scope) as session:
        return await probe_repository.shown(session, claim.conversation_id)


async def _work(loop: TurnLoop, claim: Claim) -> None:
    """Do what the engine does with a turn that raises: try again, until its attempts are used up."""
    try:
        await loop(claim)
    except TellingError:
        await loop(replace(claim, attempts=claim.attempts + 1))


CHECKS: dict[str, SystemCheck] = {"model-failure": model_failure}
