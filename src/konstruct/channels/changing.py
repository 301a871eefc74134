"""The handlers of what people do to their messages: they edit and delete them."""

from __future__ import annotations

from datetime import datetime

import structlog

from konstruct.channels.events_handling import NotYet, Received
from konstruct.channels.port_events import Deleted, Edited
from konstruct.conversations import changes
from konstruct.conversations.changes import Edit, Named
from konstruct.db.database import Database

log = structlog.get_logger()

PATIENCE_S = 60.0
"""How long an edit waits for its message, which may come after it. Most that never come were never for us."""
AGAIN_S = 2.0


class Changing:
    """Applies edits and deletions. Keeps nothing."""

    def __init__(self, db: Database, *, burst_s: float) -> None:
        self._db = db
        self._burst_s = burst_s

    async def edited(self, received: Received) -> None:
        """Apply an `Edited`. Raises NotYet while its message may still come."""
        event: Edited = received.event
        new = Edit(event.text, event.attachments, datetime.fromisoformat(event.at), event.addressed)
        outcome = await self._db.run(received.scope, lambda s: changes.edit(s, _named(received, event), new, self._burst_s))
        # Of strangers nothing is kept, unless the account says so.
        if outcome == "not_here" and not event.stranger and received.age_s < PATIENCE_S:
            raise NotYet(AGAIN_S)
        log.info("message_edited", tenant_id=str(received.scope.tenant_id), outcome=outcome)

    async def deleted(self, received: Received) -> None:
        """Apply a `Deleted`."""
        event: Deleted = received.event
        outcome = await self._db.run(received.scope, lambda s: changes.withdraw(s, _named(received, event)))
        log.info("message_deleted", tenant_id=str(received.scope.tenant_id), outcome=outcome)


def _named(received: Received, event: Edited | Deleted) -> Named:
    return Named(received.account_id, event.channel_id, event.external_id, event.post_key)
