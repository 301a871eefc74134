"""What people do to messages that are there: an edit replaces the words everywhere, a deletion takes them away everywhere.

Neither is ever answered a second time. What was said before an edit is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from konstruct.conversations import changes_repository as repository
from konstruct.conversations.changes_repository import Post
from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Named:
    """A message as its provider names it."""

    account_id: UUID
    channel_id: str
    external_id: str
    post_key: str
    """The key under which ingest knows it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a message says from now on."""

    text: str = field(repr=False)
    attachments: Sequence[Mapping[str, Any]] = field(repr=False)
    at: datetime
    """The provider's time: of two edits the later one counts."""
    addressed: bool
    """Whether it asks for an answer by itself, as it stands now."""


async def edit(session: TenantSession, named: Named, new: Edit, burst_s: float) -> Literal["edited", "known", "not_here"]:
    """Replace a message's words. known: it is deleted, or edited later. not_here: it has not come, or never will."""
    post = await repository.find(session, named.account_id, named.channel_id, named.external_id)
    if post is None:
        return "known" if await repository.is_buried(session, named.post_key) else "not_here"
    await repository.lock(session, post)
    changed = await repository.rewrite(session, post, new.text, new.attachments, new.at)
    if changed is None:
        return "known"
    await repository.forget_bodies(session, changed)
    await repository.forget_summaries(session, changed)
    await repository.forget_files(session, changed, [str(file["id"]) for file in new.attachments if "id" in file])
    await repository.index_again(session, changed, new.text)
    if new.addressed:
        await repository.address(session, post, burst_s)
    return "edited"


async def withdraw(session: TenantSession, named: Named) -> Literal["withdrawn", "known", "buried"]:
    """Forget what a message said. known: that was done already. buried: it has not come, and will find that it is deleted.

    A turn that is under way answers what else it was asked, without these words; if nothing is left, it says nothing.
    """
    post = await repository.find(session, named.account_id, named.channel_id, named.external_id)
    if post is None:
        if await repository.bury(session, named.post_key):
            return "buried"
        # It came at this very moment; or it is gone, or buried, already.
        post = await repository.find(session, named.account_id, named.channel_id, named.external_id)
        if post is None:
            return "known"
    return "withdrawn" if await withdraw_post(session, post) else "known"


async def withdraw_post(session: TenantSession, post: Post) -> bool:
    """Forget what a message said that is here; False if that was done already. One message a transaction: it locks the
    conversation, and the search index behind it."""
    await repository.lock(session, post)
    changed = await repository.withdraw(session, post)
    if changed is None:
        return False
    await repository.forget_bodies(session, changed)
    await repository.forget_summaries(session, changed)
    await repository.forget_files(session, changed)
    await repository.index_again(session, changed, None)
    if changed.was != "pending":
        await repository.forget_thoughts(session, changed)
    return True
