"""What a provider calls a contact: it changes, and two contacts may turn out to be one person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from konstruct.conversations import addresses_repository as repository
from konstruct.conversations import merging
from konstruct.db.session import TenantSession

Readdressed = Literal["called", "merged", "nobody"]
"""nobody: no contact has any of the ids."""


async def readdress(session: TenantSession, account_id: UUID, old_ids: Sequence[str], new_ids: Sequence[str]) -> Readdressed:
    """Let the person who had `old_ids` be known by `new_ids` only, of which the first is the one to call them by.

    All who are called by one of these ids become one contact, with one conversation: the one that is known longest. Where
    the person has moved on since, and the new ids are of before as well, they stay what they are. Raises merging.BusyError
    while somebody is being answered in a conversation that would move: nothing was done then.
    """
    await repository.hold(session, account_id)
    found = await repository.named(session, account_id, old_ids, new_ids)
    if not found:
        return "nobody"
    keep, *twins = found
    moved_on = next((each for each in found if each.moved_on), None)
    name = moved_on.external_id if moved_on else new_ids[0]
    for twin in twins:
        await merging.merge(session, keep.id, twin.id)
    over = [each for each in old_ids if each not in new_ids and each != name]
    await repository.call(session, keep.id, name, ended=keep.external_id in over)
    if moved_on is None:
        await repository.use_only(session, account_id, keep.id, [each for each in new_ids if each != name])
    await repository.end(session, account_id, keep.id, over)
    return "merged" if twins else "called"


async def heard(session: TenantSession, account_id: UUID, person: str, at: float, window_s: float | None) -> bool:
    """Note that a contact did something, at a Unix time, which opens the reply window; False for somebody who is none."""
    return await repository.heard(session, account_id, person, at, window_s)
