"""Who could read, or did read, what a business holds: what our rows know of it, for somebody who suspects a leak."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.tenants import accesses_repository as repository


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing that somebody did, or could do, at a time. Names of people are the business's own words for them."""

    at: datetime
    kind: str
    """operator_access, operator_action, export, session, link or api_key."""
    who: str
    what: str
    until: datetime | None = None
    """Until when it was open; None for what happened at one moment, or does not end by itself."""

    def to_json(self) -> dict[str, str | None]:
        """Return it for `--json`; times are ISO 8601."""
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()}


async def list_traces(db: Database, scope: TenantScope, since: datetime) -> list[Trace]:
    """Return every trace since a moment, the oldest first: looks and acts of operators, exports, sessions, links and keys."""
    async with db.tenant(scope) as session:
        return [Trace(**row) for row in await repository.traces(session, since)]
