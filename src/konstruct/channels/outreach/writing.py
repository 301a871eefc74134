"""Writing first: the one way in which a message that the business begins comes into the outbox. The employee never does."""

from __future__ import annotations

from uuid import UUID

import structlog

from konstruct.channels.outreach import checks
from konstruct.channels.outreach import writing_repository as repository
from konstruct.channels.outreach.check import Outreach, Refused
from konstruct.channels.templates import filling, templates_repository
from konstruct.conversations import outbox
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Part
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import notices

log = structlog.get_logger()


async def write(
    db: Database, scope: TenantScope, *, account_id: UUID, contact_id: UUID, use: TemplateUse, by: UUID | None
) -> UUID | Refused:
    """Write to a contact first: `write_in` in a transaction of its own."""
    return await db.run(scope, lambda session: write_in(session, account_id=account_id, contact_id=contact_id, use=use, by=by))


async def write_in(
    session: TenantSession,
    *,
    account_id: UUID,
    contact_id: UUID,
    use: TemplateUse,
    by: UUID | None,
    token: UUID | None = None,
) -> UUID | Refused:
    """Put a template into the outbox of the contact's conversation, which is made if there is none; return its message's id.

    Nothing is written if something is against it (`checks`, or what was filled in): then the reason is returned. What has to
    wait is taken, and waits in the outbox. `by` is the member who wrote it. `token` is a form's: the same again writes
    nothing, and returns the same id. Raises NotFoundError if the account knows no such contact.
    """
    to = await repository.lock_contact(session, account_id, contact_id)
    if to is None:
        raise NotFoundError(f"account {account_id} knows no contact {contact_id}")
    if token is not None and (known := await repository.of_token(session, token)) is not None:
        return known
    if to.status == "disconnected":
        return Refused("account_disconnected")
    verdict = await checks.verdict(session, Outreach(account_id, contact_id, (use.name, use.language), "asked"))
    if isinstance(verdict, Refused):
        return verdict
    template = await templates_repository.find(session, account_id, use.name, use.language)
    if template is None:
        return Refused("template_unknown")
    if wrong := filling.problems(template, use):
        return Refused(next(iter(wrong.values())))
    place = await repository.lock_conversation(session, to)
    message_id = await outbox.put(session, _reply(place, account_id, use, filling.text_of(template, use)))
    if by is not None:
        await repository.name_writer(session, message_id, by, token or uuid7())
    # Whoever asked for a human has heard from one; and an answer that waits has got what was asked for.
    await notices.settle(session, "human_wanted", "answer_waits", subject=str(place.conversation_id))
    log.info("outreach_written", conversation_id=str(place.conversation_id), message_id=str(message_id))
    return message_id


def _reply(place: repository.Place, account_id: UUID, use: TemplateUse, text: str) -> Reply:
    return Reply(
        conversation_id=place.conversation_id,
        account_id=account_id,
        channel_id=place.channel_id,
        thread_id=None,
        owner_epoch=place.owner_epoch,
        kind="outreach",
        text=text,
        parts=[Part(text, "template", template=use)],
    )
