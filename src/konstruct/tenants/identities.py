"""Which person of a channel is which member of the business: linked by a code, shown in the portal and typed in the channel.

Neither side alone can make a link: the code is shown to a member who is signed in, and comes back in a delivery that the
channel's provider signed and that names the person who typed it. It works once, for minutes, in its own business only.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from konstruct.db.session import TenantSession
from konstruct.tenants import identities_repository as repository
from konstruct.tenants.members_repository import Member

log = structlog.get_logger()

CODE_LIFETIME_S = 15 * 60.0
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 3, 4
"""60 bits: nobody tries them all within minutes, at the pace of a channel."""
_CODE = re.compile(r"[A-Z2-9]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Presser:
    """Who pressed a button or gave a command, and which member of the business that is, if any."""

    external_id: str
    member: Member | None = field(default=None, repr=False)


async def presser(session: TenantSession, account_id: UUID, external_id: str) -> Presser:
    """Return who a person of the account is, by what the business knows now: a role that was taken away is gone."""
    return Presser(external_id, await repository.member_of(session, account_id, external_id))


async def make_code(session: TenantSession, member_id: UUID) -> str:
    """Return a new code for the member, as it is typed; an earlier one ends."""
    plain = "".join(secrets.choice(_ALPHABET) for _ in range(_GROUPS * _GROUP))
    await repository.put_code(session, member_id, _hash(plain), CODE_LIFETIME_S)
    return "-".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))


async def redeem(session: TenantSession, account_id: UUID, external_id: str, typed: str) -> Member | None:
    """Link the person who typed a code with the member it was shown to; None if it is no code that holds."""
    plain = re.sub(r"[\s\-]", "", typed[:100]).upper()
    if not _CODE.fullmatch(plain):
        return None
    member_id = await repository.take_code(session, _hash(plain))
    if member_id is None:
        return None
    await repository.link(session, account_id, external_id, member_id)
    log.info("identity_linked", account_id=str(account_id), member_id=str(member_id))
    return await repository.member_of(session, account_id, external_id)


async def unlink(session: TenantSession, member_id: UUID) -> None:
    """Forget every identity of the member; no code of theirs works any more."""
    await repository.unlink(session, member_id)


def _hash(plain: str) -> bytes:
    return hashlib.sha256(plain.encode()).digest()
