"""Commands: what a person types to the employee outside of a conversation. Each is answered to that person alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from konstruct.channels import desk_actions, desk_repository, desk_words
from konstruct.channels.events_handling import Received
from konstruct.channels.port_abilities import PrivateNote
from konstruct.channels.port_events import Commanded
from konstruct.channels.telling import Telling
from konstruct.conversations.part import Button
from konstruct.conversations.place import Render
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.tenants import identities
from konstruct.tenants.identities import Presser


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    buttons: tuple[Button, ...] = ()


_Do = Callable[[TenantSession, Received, Presser], Awaitable[_Said]]


class Commands:
    """Handles commands; keeps nothing between them."""

    def __init__(self, db: Database, telling: Telling, render: Render) -> None:
        self._db = db
        self._telling = telling
        self._render = render
        self._commands: dict[tuple[str, str | None], _Do] = {
            ("pause", ""): self._pause,
            ("resume", ""): self._resume,
            ("human", ""): self._human,
            ("forget", "me"): self._forget,
            ("link", None): self._link,
        }
        """By the first word and the others; None for any others. Whatever is not here is answered with help."""

    async def __call__(self, received: Received) -> None:
        """Do what was typed, and answer. Done again after a crash, it changes nothing more."""
        event: Commanded = received.event
        word, _, rest = " ".join(event.text.split()).partition(" ")
        do = self._commands.get((word.lower(), rest.lower()), self._commands.get((word.lower(), None), self._help))

        async def work(session: TenantSession) -> _Said:
            presser = await identities.presser(session, received.account_id, event.person_id)
            return await do(session, received, presser)

        said = await self._db.run(received.scope, work)
        note = PrivateNote(
            event.person_id, said.text, buttons=said.buttons, reply_url=event.reply_url, channel_id=event.channel_id
        )
        await self._telling.privately(received.scope, received.account_id, note)

    async def _help(self, session: TenantSession, received: Received, _presser: Presser) -> _Said:
        me = await desk_repository.read_self(session, received.account_id)
        assert me is not None  # the account that this came through
        return _Said(desk_words.help_text(me))

    async def _pause(self, session: TenantSession, received: Received, presser: Presser) -> _Said:
        return _Said(await desk_actions.set_paused(session, received.account_id, presser, paused=True))

    async def _resume(self, session: TenantSession, received: Received, presser: Presser) -> _Said:
        return _Said(await desk_actions.set_paused(session, received.account_id, presser, paused=False))

    async def _human(self, session: TenantSession, received: Received, presser: Presser) -> _Said:
        channel = received.event.channel_id
        person = presser.external_id
        return _Said(await desk_actions.ask_for_human(session, received.account_id, person, channel, None, self._render))

    async def _forget(self, session: TenantSession, received: Received, presser: Presser) -> _Said:
        channel = received.event.channel_id
        buttons = await desk_actions.forget_buttons(session, received.account_id, presser.external_id, channel)
        return _Said(desk_words.FORGET, buttons)

    async def _link(self, session: TenantSession, received: Received, presser: Presser) -> _Said:
        code = received.event.text.split(maxsplit=1)[1] if len(received.event.text.split()) > 1 else ""
        member = await identities.redeem(session, received.account_id, presser.external_id, code)
        if member is None and presser.member is not None and received.attempt > 1:
            # A crash came between the link and these words.
            member = presser.member
        if member is None:
            return _Said(desk_words.NOT_LINKED)
        return _Said(desk_words.LINKED.format(name=member.name, role=member.role))
