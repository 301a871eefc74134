"""The employee's page in the channel: who it is, what it can do, how to reach a human; for admins, pausing it."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels import desk_actions, desk_repository, desk_words
from konstruct.channels.events_handling import Received
from konstruct.channels.port_abilities import Home
from konstruct.channels.port_events import Opened
from konstruct.channels.telling import Telling
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.tenants import identities
from konstruct.tenants.roles import Permission, allows


class HomePage:
    """Shows a person their page, as it is at this moment."""

    def __init__(self, db: Database, telling: Telling) -> None:
        self._db = db
        self._telling = telling

    async def opened(self, received: Received) -> None:
        """Handle that a person opened their page; what else they opened is nothing of ours."""
        event: Opened = received.event
        if event.place == "home":
            await self.show(received.scope, received.account_id, event.person_id)

    async def show(self, scope: TenantScope, account_id: UUID, person: str, told: str = "") -> None:
        """Show the page; `told` says what came of a button of it. Raises NotShownYetError."""

        async def work(session: TenantSession) -> Home | None:
            me = await desk_repository.read_self(session, account_id)
            if me is None:
                return None
            member = (await identities.presser(session, account_id, person)).member
            may_pause = member is not None and allows(member.role, Permission.MANAGE_CHANNELS)
            human = await desk_actions.human_button(session, account_id, person)
            paused = me.paused_at is not None
            pause = await desk_actions.pause_button(session, account_id, paused=paused) if may_pause else None
            return desk_words.home_of(me, member, may_pause, human, pause, told)

        home = await self._db.run(scope, work)
        if home is not None:
            await self._telling.home(scope, account_id, home, person)
