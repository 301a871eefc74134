"""Whoever opens the employee's messages is offered questions to begin with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from konstruct.channels import accounts_repository
from konstruct.channels.credentials import AccountUnusableError, Credentials
from konstruct.channels.events_handling import Handle, Received
from konstruct.channels.limits import SendLimits
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.port_abilities import Suggesting
from konstruct.channels.port_events import Opened
from konstruct.conversations.suggestion import Suggestion
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope

STALE_S = 120.0
"""Whoever opened the messages longer ago has begun to write, or left."""
Offer = Callable[[TenantScope], Awaitable[tuple[str, Sequence[Suggestion]]]]
"""What an employee offers: its greeting, and the questions."""


class Suggestions:
    """The handler of `Opened` for the place of the messages. Best effort: what cannot be offered now is not offered later."""

    def __init__(
        self,
        db: Database,
        adapters: Mapping[str, ChannelAdapter],
        credentials: Credentials,
        limits: SendLimits,
        offer: Offer,
    ) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials
        self._limits = limits
        self._offer = offer

    async def __call__(self, received: Received) -> None:
        """Offer what the employee of the tenant has to offer."""
        event: Opened = received.event
        scope, account_id = received.scope, received.account_id
        if event.channel_id is None or received.age_s > STALE_S:
            return
        account = await self._db.run(scope, lambda s: accounts_repository.get_account(s, account_id))
        adapter = self._adapters[account.kind]
        if not isinstance(adapter, Suggesting) or await self._limits.take(scope, account_id, adapter.suggest_method) > 0:
            return
        greeting, suggestions = await self._offer(scope)
        try:
            credential = await self._credentials.of(scope, account_id)
        except AccountUnusableError:
            return
        if suggestions:
            await adapter.suggest(event.channel_id, greeting, suggestions, credential)


class OpenedPlaces:
    """The handler of `Opened`: each of the employee's places has its own."""

    def __init__(self, places: Mapping[str, Handle]) -> None:
        """`places`: by `Opened.place`."""
        self._places = places

    async def __call__(self, received: Received) -> None:
        """Do what belongs to the place that was opened."""
        handle = self._places.get(received.event.place)
        if handle is not None:
            await handle(received)
