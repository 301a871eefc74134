"""The people of a business: inviting, changing and removing them. The last owner stays."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession, UniqueViolation
from konstruct.kit.errors import ConflictError, ForbiddenError, KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.kit.text import storable
from konstruct.tenants import members_repository as repository
from konstruct.tenants.members_repository import Member
from konstruct.tenants.roles import ROLES, Role, outranks

log = structlog.get_logger()

NAME_MAX = 100
EMAIL_MAX = 254
# One @, something on both sides, a dot in the host, nothing that could end a header. Whether it exists, the mail shows.
_EMAIL = re.compile(r"[^\s@<>\"',;:\\]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


class MemberError(KonstructError):
    """A member's field is wrong; `field` names it, for the form."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def clean_email(text: str) -> str:
    """Return an address in the form it is stored and compared in. Raises MemberError."""
    email = storable(text).strip().lower()
    if len(email) > EMAIL_MAX or not _EMAIL.fullmatch(email):
        raise MemberError("email", "that is not an e-mail address: it looks like name@example.com")
    return email


def clean_name(text: str) -> str:
    """Return a person's name on one line. Raises MemberError."""
    name = " ".join(storable(text).split())
    if not 1 <= len(name) <= NAME_MAX:
        raise MemberError("name", f"a name has 1 to {NAME_MAX} characters")
    return name


def clean_role(text: str) -> Role:
    """Return the role of that name. Raises MemberError."""
    for role in ROLES:
        if role == text:
            return role
    raise MemberError("role", "choose one of the four roles")


def email_hash(email: str) -> bytes:
    """Return the SHA-256 by which an address is found over all businesses."""
    return hashlib.sha256(email.encode()).digest()


async def add_owner(session: TenantSession, name: str = "Owner", email: str | None = None) -> UUID:
    """Store a new business's first owner; return its id."""
    owner = Member(uuid7(), clean_name(name), clean_email(email) if email else None, "owner")
    await repository.insert(session, owner, email_hash(owner.email) if owner.email else None, None)
    return owner.id


async def add(db: Database, scope: TenantScope, actor: Member, *, name: str, email: str, role: str) -> Member:
    """Add a person to the business; return the member, which has no link yet.

    Raises MemberError for a wrong field or an address that is known already, ForbiddenError for a role above the actor's.
    """
    member = Member(uuid7(), clean_name(name), clean_email(email), clean_role(role))
    _check_rank(actor, member.role)
    try:
        async with db.tenant(scope) as session:
            await repository.insert(session, member, email_hash(member.email or ""), actor.id)
    except UniqueViolation:
        raise MemberError("email", "somebody with this address is a member already") from None
    log.info("member_added", tenant_id=str(scope.tenant_id), member_id=str(member.id), role=member.role, by=str(actor.id))
    return member


async def change_role(db: Database, scope: TenantScope, actor: Member, member_id: UUID, role: str) -> None:
    """Give a member another role, from its next request on.

    Raises NotFoundError, MemberError, ForbiddenError, ConflictError for the last owner.
    """
    async with db.tenant(scope) as session:
        member = await _changeable(session, actor, member_id, leaves_owners=role != "owner")
        wanted = clean_role(role)
        _check_rank(actor, wanted)
        await repository.update(session, replace(member, role=wanted))
    log.info("member_role_changed", tenant_id=str(scope.tenant_id), member_id=str(member_id), role=wanted, by=str(actor.id))


async def change_profile(db: Database, scope: TenantScope, member: Member, *, name: str, email: str) -> None:
    """Let a member change its own name and address; an empty address means: none. Raises MemberError."""
    changed = replace(member, name=clean_name(name), email=clean_email(email) if email.strip() else None)
    try:
        async with db.tenant(scope) as session:
            await repository.update(session, changed)
            await repository.set_email_hash(session, member.id, email_hash(changed.email) if changed.email else None)
    except UniqueViolation:
        raise MemberError("email", "another member has this address already") from None


async def remove(db: Database, scope: TenantScope, actor: Member, member_id: UUID) -> None:
    """Remove a member; its sessions and links end with it.

    Raises NotFoundError, ForbiddenError, ConflictError for the last owner.
    """
    async with db.tenant(scope) as session:
        await _changeable(session, actor, member_id, leaves_owners=True)
        await repository.delete(session, member_id)
    log.info("member_removed", tenant_id=str(scope.tenant_id), member_id=str(member_id), by=str(actor.id))


async def _changeable(session: TenantSession, actor: Member, member_id: UUID, *, leaves_owners: bool) -> Member:
    owners = await repository.lock_owners(session)
    member = await repository.find(session, member_id)
    if member is None:
        raise NotFoundError("this business has no such member")
    _check_rank(actor, member.role)
    if leaves_owners and owners == [member_id]:
        raise ConflictError("a business needs an owner: make somebody else an owner first")
    return member


def _check_rank(actor: Member, role: Role) -> None:
    if not outranks(actor.role, role):
        raise ForbiddenError(f"only an owner may do this to {'an ' if role[0] in 'aeiou' else 'a '}{role}")
