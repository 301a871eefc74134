"""What every page says first: that something is stopped, so that nobody wonders why messages do not go out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

WORST_STOPPED = """
(SELECT json_build_object('account_id', a.id, 'kind', a.kind, 'level', s.level, 'held', s.hold <> 'open',
   'place', coalesce('+' || a.phone_number, nullif(a.account_name, ''), a.external_id), 'others', count(*) OVER () - 1)
 FROM account_standings s JOIN channel_accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id
 WHERE s.tenant_id = $1 AND s.level <> 'open' AND a.status <> 'disconnected'
 ORDER BY array_position(ARRAY['suspended', 'replies_only', 'no_outreach'], s.level), s.since DESC LIMIT 1)
"""
"""The number that is stopped most, as a column of a query whose first argument is the tenant."""


@dataclass(frozen=True, slots=True)
class StoppedNumber:
    """The number that may be used least, and how many others are stopped as well."""

    account_id: UUID
    kind: str
    level: Literal["no_outreach", "replies_only", "suspended"]
    held: bool
    """Whether a person has to look into it."""
    place: str
    others: int


def stopped_number(column: str | None) -> StoppedNumber | None:
    """Return what `WORST_STOPPED` gave, or None where nothing is stopped."""
    if column is None:
        return None
    found = json.loads(column)
    return StoppedNumber(**{**found, "account_id": UUID(found["account_id"])})
