"""Keys of the API: made by a member, shown once, and never able to do more than that member may at this moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import UniqueViolation
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.kit.text import storable
from konstruct.tenants import api_keys_repository as repository
from konstruct.tenants import tickets
from konstruct.tenants.members_repository import Member
from konstruct.tenants.roles import Permission, allows

log = structlog.get_logger()

MARK = "kst_"
"""What every key begins with, so that people and secret scanners recognize one."""
SCOPES = (
    Permission.VIEW_EMPLOYEE,
    Permission.EDIT_EMPLOYEE,
    Permission.VIEW_KNOWLEDGE,
    Permission.EDIT_KNOWLEDGE,
    Permission.VIEW_CONVERSATIONS,
    Permission.ANSWER_CONVERSATIONS,
    Permission.RECORD_CONSENT,
    Permission.VIEW_CHANNELS,
    Permission.VIEW_USAGE,
)
"""What a key may be given: what some route of the API asks for. No key manages people or keys, or deletes the business."""
ALWAYS = Permission.VIEW_OVERVIEW
"""Every key may ask who it is."""
LIFETIMES = {"30": timedelta(days=30), "90": timedelta(days=90), "365": timedelta(days=365), "": None}
"""The choices of the form, by days; none for a key that does not expire."""
NAME_MAX = 100
KEYS_MAX = 50
LIST_MAX = 200
_PREFIX = 6
_NOTED_EVERY = timedelta(minutes=1)


class ApiKeyError(KonstructError):
    """A field of a new key is wrong; `field` names it, for the form."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is. The scope was proved by the key."""

    scope: TenantScope
    key_id: UUID
    key_name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    member: Member
    """Who made the key: what it does is done in their name, and bounded by their role."""
    business: str
    scopes: frozenset[Permission]
    """What the key may do now: what it was given, without what its maker may no longer do."""

    def may(self, permission: Permission) -> bool:
        """Return whether the key may do it."""
        return permission in self.scopes


async def create(
    db: Database,
    scope: TenantScope,
    actor: Member,
    *,
    name: str,
    scopes: Iterable[str],
    lifetime: str = "",
    key_id: UUID | None = None,
) -> tuple[UUID, str]:
    """Make a key; return its id and the key itself, which is stored nowhere and cannot be shown again.

    `key_id` is the form's, so that a form sent twice makes one key. Raises ApiKeyError for a wrong field or a scope
    beyond the actor's role, ConflictError for a form sent before or too many keys.
    """
    label = " ".join(storable(name).split())
    if not 1 <= len(label) <= NAME_MAX:
        raise ApiKeyError("name", f"A key's name has 1 to {NAME_MAX} characters: say what it is for.")
    if lifetime not in LIFETIMES:
        raise ApiKeyError("lifetime", "Choose one of the lifetimes.")
    granted = _granted(actor, set(scopes))
    key_id, secret = key_id or uuid7(), tickets.new_secret()
    stored = (key_id, label, secret[:_PREFIX], tickets.digest(secret), granted, (actor.id, actor.name), LIFETIMES[lifetime])
    try:
        async with db.tenant(scope) as session:
            room = await repository.insert(session, *stored, most=KEYS_MAX)
    except UniqueViolation:
        raise ConflictError("this form has made its key already; if you did not copy it, revoke it and make another") from None
    if not room:
        raise ConflictError(f"a business has at most {KEYS_MAX} keys: revoke one that is not used any more")
    log.info("api_key_created", tenant_id=str(scope.tenant_id), key_id=str(key_id), by=str(actor.id))
    return key_id, f"{MARK}{scope.tenant_id.hex}_{secret}"


async def revoke(db: Database, scope: TenantScope, actor: Member, key_id: UUID) -> None:
    """Revoke a key: its next request is refused. Raises NotFoundError."""
    async with db.tenant(scope) as session:
        found = await repository.revoke(session, key_id)
    if not found:
        raise NotFoundError("this business has no such key")
    log.info("api_key_revoked", tenant_id=str(scope.tenant_id), key_id=str(key_id), by=str(actor.id))


async def find_caller(db: Database, key: str) -> Caller | None:
    """Return who the key stands for, in an active business; None for anything that opens nothing. Notes that it was used."""
    parsed = _split(key)
    if parsed is None:
        return None
    scope, secret = parsed
    async with db.tenant(scope) as session:
        row = await repository.find_live(session, tickets.digest(secret), _NOTED_EVERY)
        if row is None:
            return None
        if row["stale"]:
            await repository.note_use(session, row["id"])
    member = Member(row["member_id"], row["member_name"], row["email"], row["role"])
    given = {permission for permission in (*SCOPES, ALWAYS) if permission.value in row["scopes"]}
    return Caller(
        scope=scope,
        key_id=row["id"],
        key_name=row["key_name"],
        prefix=row["prefix"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        member=member,
        business=row["business"],
        scopes=frozenset(permission for permission in given if allows(member.role, permission)),
    )


def _granted(actor: Member, wanted: set[str]) -> list[Permission]:
    granted = [permission for permission in SCOPES if permission.value in wanted]
    if not granted:
        raise ApiKeyError("scopes", "Choose at least one thing that the key may do.")
    if len(granted) < len(wanted - {ALWAYS.value}):
        raise ApiKeyError("scopes", "A key cannot be given that.")
    if not all(allows(actor.role, permission) for permission in granted):
        raise ApiKeyError("scopes", "A key cannot do more than you may.")
    return [ALWAYS, *granted]


def _split(key: str) -> tuple[TenantScope, str] | None:
    mark, tenant, secret = key[: len(MARK)], key[len(MARK) : len(MARK) + 32], key[len(MARK) + 32 :]
    if mark != MARK or not secret.startswith("_"):
        return None
    return tickets.split(f"{tenant}.{secret[1:]}")
