"""The evidence as a file: of one person, or of a list, as CSV or JSON, a page of rows at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

import orjson

from konstruct.conversations.consent import consents_repository, people_repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError

As = Literal["csv", "json"]
FORMATS: tuple[As, ...] = get_args(As)
PAGE = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
FIELDS = (
    "event", "person", "name", "purpose", "at", "expires_at", "how", "wording", "wording_version", "proof", "source", "list",
    "recorded_by", "recorded_at", "message_id", "attested_by", "attested_at", "statement",
)  # fmt: skip


async def of_person(db: Database, scope: TenantScope, contact_id: UUID, kind: As) -> str:
    """Return all that is recorded of a person, the newest first. Raises NotFoundError."""
    async with db.tenant(scope) as session:
        contact = await people_repository.contact(session, contact_id)
        if contact is None:
            raise NotFoundError(f"there is no contact {contact_id}")
        consents = await consents_repository.consents_of(session, contact_id)
        withdrawals = await consents_repository.withdrawals_of(session, contact_id)
    rows = [_given({**contact, **row}) for row in consents] + [_taken({**contact, **row}) for row in withdrawals]
    rows.sort(key=lambda row: row["at"], reverse=True)
    if kind == "json":
        return orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode()
    return _csv([FIELDS]) + _csv(_cells(row) for row in rows)


async def of_list(db: Database, scope: TenantScope, list_id: UUID, kind: As) -> AsyncIterator[str]:
    """Yield the consents of a list in pieces, and behind each the person's last withdrawal, if they have one."""
    yield _csv([FIELDS]) if kind == "csv" else "["
    after: UUID | None = None
    comma = ""
    while True:
        async with db.tenant(scope) as session:
            page = await consents_repository.page_of_list(session, list_id, after, PAGE)
        rows = [each for row in page for each in _of_entry(dict(row))]
        if kind == "csv":
            yield _csv(_cells(row) for row in rows)
        elif rows:
            yield comma + ",\n".join(orjson.dumps(row).decode() for row in rows)
            comma = ",\n"
        if len(page) < PAGE:
            break
        after = page[-1]["id"]
    if kind == "json":
        yield "]\n"


def _of_entry(row: dict[str, Any]) -> list[dict[str, Any]]:
    found = [_given(row)]
    if row["withdrawn_at"] is not None:
        names = {"event": "withdrawn", "person": row["external_id"], "name": row["display_name"], "at": row["withdrawn_at"]}
        found.append(dict.fromkeys(FIELDS) | names)
    return found


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": "consented", "person": row["external_id"], "name": row["display_name"], "purpose": row["purpose"],
        "at": row["obtained_at"], "expires_at": row["expires_at"], "how": row["how"], "wording": row["wording"],
        "wording_version": row["wording_version"], "proof": row["proof"], "source": row["source"], "list": row["list_name"],
        "recorded_by": row["recorded_by_name"], "recorded_at": row["created_at"], "message_id": row["message_id"],
        "attested_by": row["attested_by"], "attested_at": row["attested_at"], "statement": row["statement"],
    }  # fmt: skip


def _taken(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(FIELDS) | {
        "event": "withdrawn", "person": row["external_id"], "name": row["display_name"], "purpose": row["purpose"],
        "at": row["withdrawn_at"], "wording": row["said"], "source": row["source"], "recorded_by": row["recorded_by_name"],
        "recorded_at": row["created_at"], "message_id": row["message_id"],
    }  # fmt: skip


def _cells(row: Mapping[str, Any]) -> Iterable[str]:
    for name in FIELDS:
        value = row[name]
        text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
        # No spreadsheet may take what somebody wrote for a formula.
        yield f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
