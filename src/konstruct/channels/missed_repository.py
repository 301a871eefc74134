"""SQL of what came again after an outage."""

from __future__ import annotations

from collections.abc import Sequence

from konstruct.db.session import TenantSession


async def stored(session: TenantSession, posts: Sequence[tuple[str, str]]) -> list[tuple[tuple[str, str], bool]]:
    """Return which of `posts` (channel id, the provider's id) are stored, and whether each was taken as speaking to us."""
    rows = await session.fetch(
        "SELECT c.channel_id, m.external_id, m.state <> 'held' AS heard"
        " FROM unnest($2::text[], $3::text[]) AS p (channel_id, external_id)"
        " JOIN conversations c ON c.tenant_id = $1 AND c.channel_id = p.channel_id"
        " JOIN messages m ON m.tenant_id = $1 AND m.conversation_id = c.id AND m.external_id = p.external_id"
        " WHERE m.direction = 'in'",
        session.scope.tenant_id,
        [channel for channel, _ in posts],
        [post for _, post in posts],
    )
    return [((row["channel_id"], row["external_id"]), row["heard"]) for row in rows]
