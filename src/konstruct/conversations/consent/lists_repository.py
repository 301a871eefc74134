"""SQL of lists of consents: where they come from, who vouches for them, and files that wait for their confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from konstruct.conversations.consent.recorder import Recorder
from konstruct.db.session import Record, TenantSession
from konstruct.kit.ids import uuid7

Kind = Literal["import", "hand", "api"]
UPLOAD_HOURS = 24
"""How long a file waits for its confirmation."""


@dataclass(frozen=True, slots=True)
class ConsentList:
    """A list, and who has attested to it."""

    id: UUID
    account_id: UUID
    account_name: str = field(repr=False)
    kind: Kind
    name: str = field(repr=False)
    created_by_name: str = field(repr=False)
    created_at: datetime
    statement: str | None = field(repr=False)
    attested_by: str | None = field(repr=False)
    attested_at: datetime | None
    consents: int
    people: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was read and not yet confirmed."""

    id: UUID
    account_id: UUID
    name: str = field(repr=False)
    created_at: datetime
    rows: list[dict[str, Any]] = field(repr=False)
    problems: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NumberAccount:
    """A connected account of a channel in which people have to agree before they are written to."""

    id: UUID
    kind: str
    name: str = field(repr=False)
    digits: str | None = field(repr=False)


_ACCOUNT_NAME = "coalesce(a.account_name, '+' || a.phone_number, a.external_id)"
_LIST = f"""
SELECT l.id, l.account_id, {_ACCOUNT_NAME} AS account_name, l.kind, l.name, l.created_by_name, l.created_at, t.statement,
  t.member_name AS attested_by, t.attested_at,
  (SELECT count(*) FROM consents c WHERE c.tenant_id = l.tenant_id AND c.list_id = l.id) AS consents,
  (SELECT count(DISTINCT c.contact_id) FROM consents c WHERE c.tenant_id = l.tenant_id AND c.list_id = l.id) AS people
FROM consent_lists l JOIN channel_accounts a ON a.tenant_id = l.tenant_id AND a.id = l.account_id
LEFT JOIN consent_attestations t ON t.tenant_id = l.tenant_id AND t.list_id = l.id
"""


async def accounts(session: TenantSession, kinds: Sequence[str]) -> list[NumberAccount]:
    """Return the business's connected accounts of these channels, the oldest first."""
    rows = await session.fetch(
        f"SELECT a.id, a.kind, {_ACCOUNT_NAME} AS name, a.phone_number AS digits FROM channel_accounts a"  # constants
        " WHERE a.tenant_id = $1 AND a.kind = ANY ($2) AND a.status <> 'disconnected' ORDER BY a.id LIMIT 100",
        session.scope.tenant_id,
        list(kinds),
    )
    return [NumberAccount(**row) for row in rows]


async def account_exists(session: TenantSession, account_id: UUID) -> bool:
    """Return whether the business has this account, and it is connected."""
    return bool(
        await session.fetchval(
            "SELECT 1 FROM channel_accounts WHERE tenant_id = $1 AND id = $2 AND status <> 'disconnected'",
            session.scope.tenant_id,
            account_id,
        )
    )


async def create(session: TenantSession, account_id: UUID, name: str, who: Recorder) -> UUID:
    """Make a list for a file; return its id."""
    list_id = uuid7()
    await session.execute(
        "INSERT INTO consent_lists (tenant_id, id, account_id, kind, name, created_by, created_by_name)"
        " VALUES ($1, $2, $3, 'import', $4, $5, $6)",
        session.scope.tenant_id, list_id, account_id, name, who.member_id, who.name,
    )  # fmt: skip
    return list_id


async def standing(session: TenantSession, account_id: UUID, kind: Literal["hand", "api"], name: str, who: Recorder) -> UUID:
    """Return the account's one list of this kind, which is made if there is none."""
    list_id: UUID | None = await session.fetchval(
        "INSERT INTO consent_lists (tenant_id, id, account_id, kind, name, created_by, created_by_name)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, account_id, kind) WHERE kind <> 'import' DO NOTHING"
        " RETURNING id",
        session.scope.tenant_id, uuid7(), account_id, kind, name, who.member_id, who.name,
    )  # fmt: skip
    list_id = list_id or await session.fetchval(
        "SELECT id FROM consent_lists WHERE tenant_id = $1 AND account_id = $2 AND kind = $3",
        session.scope.tenant_id,
        account_id,
        kind,
    )
    assert list_id is not None
    return list_id


async def find(session: TenantSession, list_id: UUID) -> ConsentList | None:
    """Return the list, or None."""
    row = await session.fetchrow(f"{_LIST} WHERE l.tenant_id = $1 AND l.id = $2", session.scope.tenant_id, list_id)  # a constant
    return ConsentList(**row) if row else None


async def newest(session: TenantSession, before: UUID | None, limit: int) -> list[ConsentList]:
    """Return up to `limit` lists, the newest first, from the one behind `before`."""
    rows = await session.fetch(
        f"{_LIST} WHERE l.tenant_id = $1 AND ($2::uuid IS NULL OR (l.created_at, l.id) <"  # a constant
        "   (SELECT b.created_at, b.id FROM consent_lists b WHERE b.tenant_id = $1 AND b.id = $2))"
        " ORDER BY l.created_at DESC, l.id DESC LIMIT $3",
        session.scope.tenant_id,
        before,
        limit,
    )
    return [ConsentList(**row) for row in rows]


async def attest(session: TenantSession, list_id: UUID, statement: str, who: Recorder) -> bool:
    """Note that somebody vouches for the list; False if somebody did before."""
    return bool(
        await session.execute(
            "INSERT INTO consent_attestations (tenant_id, list_id, statement, member_id, member_name, attested_at)"
            " VALUES ($1, $2, $3, $4, $5, clock_timestamp()) ON CONFLICT DO NOTHING",
            session.scope.tenant_id,
            list_id,
            statement,
            who.member_id,
            who.name,
        )
    )


async def keep_upload(
    session: TenantSession,
    account_id: UUID,
    member_id: UUID,
    name: str,
    entries: Sequence[dict[str, Any]],
    problems: Sequence[dict[str, Any]],
) -> UUID:
    """Keep a file that was read until somebody confirms it; what nobody confirmed in time goes. Return its id."""
    await session.execute(
        "DELETE FROM consent_uploads WHERE tenant_id = $1 AND created_at < now() - make_interval(hours => $2)",
        session.scope.tenant_id,
        UPLOAD_HOURS,
    )
    upload_id = uuid7()
    await session.execute(
        "INSERT INTO consent_uploads (tenant_id, id, account_id, member_id, name, rows, problems)"
        " VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb)",
        session.scope.tenant_id, upload_id, account_id, member_id, name,
        orjson.dumps(list(entries)).decode(), orjson.dumps(list(problems)).decode(),
    )  # fmt: skip
    return upload_id


async def upload(session: TenantSession, upload_id: UUID) -> Upload | None:
    """Return a file that waits for its confirmation, or None."""
    row = await session.fetchrow(
        "SELECT id, account_id, name, created_at, rows, problems FROM consent_uploads WHERE tenant_id = $1 AND id = $2"
        " AND created_at > now() - make_interval(hours => $3)",
        session.scope.tenant_id,
        upload_id,
        UPLOAD_HOURS,
    )
    return _upload(row) if row else None


async def take_upload(session: TenantSession, upload_id: UUID) -> Upload | None:
    """Take a file away to be stored, once; None if it is gone."""
    row = await session.fetchrow(
        "DELETE FROM consent_uploads WHERE tenant_id = $1 AND id = $2 AND created_at > now() - make_interval(hours => $3)"
        " RETURNING id, account_id, name, created_at, rows, problems",
        session.scope.tenant_id,
        upload_id,
        UPLOAD_HOURS,
    )
    return _upload(row) if row else None


def _upload(row: Record) -> Upload:
    values = dict(row)
    return Upload(**values | {name: orjson.loads(values[name]) for name in ("rows", "problems")})
