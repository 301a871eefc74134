"""What was refused while the database was away: from the log of `web`, which is the only one that saw it.

A refused post comes again (Slack: at once, after one minute, after five). What was not taken by then is gone, and so is
its text: we never had it. Who must be told is known all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from konstruct.channels import missed_repository as repository
from konstruct.channels.routes_repository import find_routes
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope

EVENT = "webhook_not_stored"
"""The log line of `web` for each delivery that it refused because the database did not store it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A post that was refused at least once."""

    kind: str
    account_key: str
    channel_id: str
    post_id: str
    at: datetime
    """When the post was made, by the provider's clock."""
    addressed: bool
    """Whether it spoke to the employee, as far as one delivery shows: in a channel a mention may have been refused alone."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What one business lost."""

    tenant_id: UUID | None
    """None for accounts that nobody has connected."""
    refused: int
    """Posts that were refused at least once; most come again in time."""
    lost: tuple[Refused, ...]
    """Those that did not, in the order in which they were made."""


def refused_in(lines: Iterable[str]) -> list[Refused]:
    """Return the posts that a log says were refused, each once. Lines of anything else are passed over."""
    found: dict[tuple[str, str, str, str], Refused] = {}
    for line in lines:
        if EVENT not in line:
            continue
        post = _read(line)
        if post is not None:
            key = (post.kind, post.account_key, post.channel_id, post.post_id)
            known = found.get(key)
            found[key] = post if known is None or post.addressed else known
    return sorted(found.values(), key=lambda post: (post.at, post.post_id))


async def find_missed(db: Database, posts: list[Refused]) -> list[Missed]:
    """Return, for each business, which of `posts` never came again. A mention that came only as a plain post counts as lost."""
    owners: dict[UUID | None, list[Refused]] = {}
    for kind in sorted({post.kind for post in posts}):
        same = [post for post in posts if post.kind == kind]
        routes = await find_routes(db, kind, {post.account_key for post in same})
        for post in same:
            route = routes.get(post.account_key)
            owners.setdefault(route.scope.tenant_id if route else None, []).append(post)
    missed = []
    for tenant_id, theirs in owners.items():
        lost = tuple(theirs) if tenant_id is None else await _lost(db, TenantScope(tenant_id), theirs)
        missed.append(Missed(tenant_id, len(theirs), lost))
    return sorted(missed, key=lambda one: (-len(one.lost), str(one.tenant_id)))


async def _lost(db: Database, scope: TenantScope, posts: list[Refused]) -> tuple[Refused, ...]:
    pairs = [(post.channel_id, post.post_id) for post in posts]
    stored = await db.run(scope, lambda session: repository.stored(session, pairs))
    taken = dict(stored)
    return tuple(
        post for post in posts if (heard := taken.get((post.channel_id, post.post_id))) is None or (post.addressed and not heard)
    )


def _read(line: str) -> Refused | None:
    try:
        fields = json.loads(line)
        if fields.get("event") != EVENT or "post_id" not in fields:
            return None
        at = datetime.fromisoformat(fields["sent_at"]).astimezone(UTC)
        kind, account = str(fields["channel"]), str(fields["account_id"])
        return Refused(kind, account, str(fields["channel_id"]), str(fields["post_id"]), at, fields["addressed"] is True)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
