"""What follows when a person ends the messages of the business, or takes them up again: a confirmation, or a note of it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import structlog

from konstruct.channels import opting_repository as repository
from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import Opted, PreferenceChanged
from konstruct.conversations import outbox
from konstruct.conversations import place as places
from konstruct.conversations.consent import consents_repository
from konstruct.conversations.consent.confirmations import confirmation
from konstruct.conversations.consent.recorder import PERSON
from konstruct.conversations.outbox import Reply
from konstruct.conversations.place import Render
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError

log = structlog.get_logger()


class Opting:
    """Handles `Opted`: the person's word is confirmed in their own conversation, once."""

    def __init__(self, db: Database, render: Render) -> None:
        self._db = db
        self._render = render

    async def opted(self, received: Received) -> None:
        """Put the confirmation into the outbox. A second time finds it there."""
        event: Opted = received.event
        message_id, conversation_id = UUID(event.message_id), UUID(event.conversation_id)

        async def work(session: TenantSession) -> bool:
            try:
                place = await places.lock(session, conversation_id)
            except NotFoundError:
                return False
            said = await repository.said(session, message_id)
            # The confirmation's delivery bears the id of the message that it confirms.
            if said is None or await repository.is_confirmed(session, message_id):
                return False
            text = confirmation(said, wants=event.wants)
            reply = Reply(
                conversation_id=place.conversation_id,
                account_id=place.account_id,
                channel_id=place.channel_id,
                thread_id=place.thread_id,
                owner_epoch=place.owner_epoch,
                kind="notice",
                text=text,
                parts=place.parts(self._render, text),
            )
            await outbox.put(session, reply, first_id=message_id)
            return True

        confirmed = await self._db.run(received.scope, work)
        log.info("opted", message_id=event.message_id, wants=event.wants, confirmed=confirmed)


class Preferences:
    """Handles `PreferenceChanged`: what the person told the provider counts as if they had told us. Nothing is said about it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def changed(self, received: Received) -> None:
        """Note a withdrawal of marketing, or that it is wanted again. The same again changes nothing."""
        event: PreferenceChanged = received.event
        at = datetime.fromtimestamp(event.at, UTC) if event.at else datetime.now(UTC)

        async def work(session: TenantSession) -> int:
            ids = [event.person_id, *event.aliases]
            contact_ids = await repository.contacts(session, received.account_id, ids)
            if not contact_ids and not event.wants:
                # Somebody whom we do not know yet may be on tomorrow's list.
                contact_ids = [await repository.meet(session, received.account_id, event.person_id, event.aliases)]
            noted = 0
            for contact_id in contact_ids:
                if event.wants:
                    words = f"{event.category}: resume"
                    noted += await consents_repository.given_back(session, contact_id, "marketing", words, at)
                elif not await repository.is_withdrawn(session, contact_id, at):
                    said = f"{event.category}: stop"
                    await consents_repository.withdraw(session, contact_id, "provider", "marketing", PERSON, said=said, at=at)
                    noted += 1
            return noted

        noted = await self._db.run(received.scope, work)
        log.info("preference_changed", account_id=str(received.account_id), wants=event.wants, noted=noted)
