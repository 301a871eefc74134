"""What the provider says of a template between two looks: another state, category or quality."""

from __future__ import annotations

import structlog

from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import TemplateChanged
from konstruct.channels.templates import templates_repository
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs

log = structlog.get_logger()


class TemplateChanges:
    """Handles `TemplateChanged`: what was so before what is known already changes nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, received: Received) -> None:
        """Note the change. A template that is not known yet is, and its words are asked for. Twice is as once."""
        event: TemplateChanged = received.event

        async def work(session: TenantSession) -> None:
            known = bool(event.language) and await templates_repository.change(session, received.account_id, event)
            # Of its words nothing is said here: they are asked for.
            if not known or event.state is event.category is event.quality is None:
                await tenant_jobs.ask(session, session.scope, "template_sync", received.account_id)

        await self._db.run(received.scope, work)
        log.info("template_changed", account_id=str(received.account_id), state=event.state)
