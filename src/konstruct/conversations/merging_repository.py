"""SQL of making one contact of two, and one conversation of theirs.

Whoever adds a table that points at a contact or at a conversation adds here what becomes of its rows
(tests/identity/test_merging.py goes through the catalogue).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct.db.session import TenantSession

NUMBERED: Mapping[str, str] = {
    "messages": "seq",
    "human_messages": "seq",
    "deliveries": "position",
    "delivery_archive": "position",
}
"""Tables whose rows move, by their number in the conversation: they stand behind those of the other."""
EPOCHS: Mapping[str, str] = {"conversation_events": "owner_epoch"}
"""The same, by the owner's epoch."""
PLAIN = ("turns", "dead_letters", "conversation_notes", "actions", "ratings", "volume_line")
"""Tables whose rows move as they are."""
ADDED: Mapping[str, tuple[str, ...]] = {
    "usage_conversations": (
        "calls", "unknown_cost_calls", "input_tokens", "cached_tokens", "output_tokens", "cost_micro",
    ),
}  # fmt: skip
"""Tables of sums by day and conversation, with the columns that are added up."""
GONE_WITH_IT = ("summaries", "ready_queue", "streams")
"""Tables whose rows go with the conversation. A summary is made anew when it is needed; nobody is being answered there."""

FOLLOWING = ("messages", "conversations", "contact_aliases")
"""Tables whose rows are the other contact's from then on, as they are."""
ONCE: Mapping[str, str] = {"replaced_contacts": "replacement_id"}
"""The same, where a contact has one row at most of each value of a column: that of the contact that stays is left."""
# Of two ratings of one answer the later one counts, as ever. $2: the contact that stays, $3: the one that goes.
RATINGS = (
    "WITH gone AS (DELETE FROM ratings WHERE tenant_id = $1 AND contact_id = $3 RETURNING *)"
    " INSERT INTO ratings AS r (tenant_id, message_id, contact_id, conversation_id, good, comment, pressed_at, rated_at)"
    " SELECT tenant_id, message_id, $2, conversation_id, good, comment, pressed_at, rated_at FROM gone"
    " ON CONFLICT (tenant_id, message_id, contact_id) DO UPDATE SET good = excluded.good, comment = excluded.comment,"
    "   pressed_at = excluded.pressed_at, rated_at = excluded.rated_at WHERE r.pressed_at < excluded.pressed_at"
)
COPIED = ("consents", "withdrawals")
"""Rows that nobody may change: `consents_follow` adds the same to the contact that stays."""
FOLLOWS = frozenset((*FOLLOWING, *ONCE, *COPIED, "ratings"))
"""All that points at a contact."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What is to be done in a conversation."""

    turn: bool
    send: bool


async def lock_conversations(session: TenantSession, *contact_ids: UUID) -> dict[UUID, UUID]:
    """Lock contacts, their conversations, and the rows of these in the queue, each in the order of their ids; return the
    conversations by contact."""
    await session.execute(
        "SELECT 1 FROM contacts WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
        session.scope.tenant_id,
        list(contact_ids),
    )
    rows = await session.fetch(
        "SELECT contact_id, id FROM conversations WHERE tenant_id = $1 AND contact_id = ANY($2) AND kind = 'contact'"
        " ORDER BY id FOR UPDATE",
        session.scope.tenant_id,
        list(contact_ids),
    )
    await session.execute(
        "SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND conversation_id = ANY($2) ORDER BY conversation_id, lane FOR UPDATE",
        session.scope.tenant_id,
        [row["id"] for row in rows],
    )
    return {row["contact_id"]: row["id"] for row in rows}


async def busy(session: TenantSession, conversation_ids: Sequence[UUID]) -> bool:
    """Return whether a turn runs in one of them, something is being sent, or nobody knows whether it was."""
    return bool(
        await session.fetchval(
            "SELECT EXISTS (SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND conversation_id = ANY($2) AND state = 'leased')"
            " OR EXISTS (SELECT 1 FROM turns WHERE tenant_id = $1 AND conversation_id = ANY($2) AND state = 'running')"
            " OR EXISTS (SELECT 1 FROM streams WHERE tenant_id = $1 AND conversation_id = ANY($2))"
            " OR EXISTS (SELECT 1 FROM deliveries WHERE tenant_id = $1 AND conversation_id = ANY($2)"
            "   AND state IN ('sending', 'unknown'))",
            session.scope.tenant_id,
            list(conversation_ids),
        )
    )


async def give(session: TenantSession, conversation_id: UUID, contact_id: UUID) -> None:
    """Let a conversation be another contact's, who has none."""
    await session.execute(
        "UPDATE conversations SET contact_id = $3, external_key = $3::uuid::text WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        conversation_id,
        contact_id,
    )
    await session.execute(
        "UPDATE conversations v SET channel_id = c.external_id, audience_key = c.external_id FROM contacts c"
        " WHERE v.tenant_id = $1 AND v.id = $2 AND c.tenant_id = $1 AND c.id = $3",
        session.scope.tenant_id,
        conversation_id,
        contact_id,
    )


async def move(session: TenantSession, ours: UUID, theirs: UUID) -> None:
    """Move everything that belongs to the conversation `theirs` into `ours`."""
    numbers = await session.fetchrow(
        "WITH gone AS (SELECT next_seq, owner_epoch, owner, engaged, last_message_at FROM conversations"
        "   WHERE tenant_id = $1 AND id = $3)"
        " UPDATE conversations c SET next_seq = c.next_seq + gone.next_seq - 1, owner_epoch = c.owner_epoch + gone.owner_epoch,"
        "   owner = CASE WHEN 'human' IN (c.owner, gone.owner) THEN 'human' ELSE 'ai' END, engaged = c.engaged OR gone.engaged,"
        "   last_message_at = greatest(c.last_message_at, gone.last_message_at)"
        " FROM gone WHERE c.tenant_id = $1 AND c.id = $2 RETURNING old.next_seq - 1 AS seqs, old.owner_epoch AS epochs",
        session.scope.tenant_id,
        ours,
        theirs,
    )
    assert numbers is not None  # both are locked
    # A post that was delivered into both conversations, after its keys had been pruned.
    await session.execute(
        "DELETE FROM messages m WHERE m.tenant_id = $1 AND m.conversation_id = $3 AND m.direction = 'in' AND m.turn_id IS NULL"
        " AND EXISTS (SELECT 1 FROM messages o WHERE o.tenant_id = $1 AND o.conversation_id = $2 AND o.direction = 'in'"
        "   AND o.external_id = m.external_id)",
        session.scope.tenant_id,
        ours,
        theirs,
    )
    where = (session.scope.tenant_id, ours, theirs)
    # A summary names the last message that it stands for.
    await session.execute("DELETE FROM summaries WHERE tenant_id = $1 AND conversation_id = $2", where[0], theirs)
    for named, offset in ((NUMBERED, numbers["seqs"]), (EPOCHS, numbers["epochs"])):
        for table, column in named.items():
            await session.execute(
                f"UPDATE {table} SET conversation_id = $2, {column} = {column} + $4"  # constants
                " WHERE tenant_id = $1 AND conversation_id = $3",
                *where,
                offset,
            )
    for table in PLAIN:
        await session.execute(
            f"UPDATE {table} SET conversation_id = $2 WHERE tenant_id = $1 AND conversation_id = $3",  # a constant
            *where,
        )
    for table, columns in ADDED.items():
        await session.execute(_add_up(table, columns), *where)


def _add_up(table: str, columns: Sequence[str]) -> str:
    names, sums = ", ".join(columns), ", ".join(f"{name} = u.{name} + excluded.{name}" for name in columns)
    return (
        f"WITH gone AS (DELETE FROM {table} WHERE tenant_id = $1 AND conversation_id = $3 RETURNING *)"  # constants
        f" INSERT INTO {table} AS u (tenant_id, day, conversation_id, {names}) SELECT tenant_id, day, $2, {names} FROM gone"
        f" ON CONFLICT (tenant_id, day, conversation_id) DO UPDATE SET {sums}"
    )


async def settle_owner(session: TenantSession, conversation_id: UUID) -> Waits:
    """Let what waits in a conversation wait for its owner of now, and go to whom it is with; return what is to be done."""
    await session.execute(
        "UPDATE deliveries d SET owner_epoch = c.owner_epoch, channel_id = c.channel_id FROM conversations c"
        " WHERE c.tenant_id = $1 AND c.id = $2 AND d.tenant_id = $1 AND d.conversation_id = $2 AND d.state = 'pending'",
        session.scope.tenant_id,
        conversation_id,
    )
    await session.execute(
        "UPDATE messages m SET state = 'human' FROM conversations c WHERE c.tenant_id = $1 AND c.id = $2 AND c.owner = 'human'"
        " AND m.tenant_id = $1 AND m.conversation_id = $2 AND m.state = 'pending'",
        session.scope.tenant_id,
        conversation_id,
    )
    row = await session.fetchrow(
        "SELECT EXISTS (SELECT 1 FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'pending') AS turn,"
        " EXISTS (SELECT 1 FROM deliveries WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'pending') AS send",
        session.scope.tenant_id,
        conversation_id,
    )
    assert row is not None
    return Waits(**row)


async def move_notices(session: TenantSession, ours: UUID, theirs: UUID) -> None:
    """Let the notices about a conversation be about the other one; where that has an open one of the kind already, they end."""
    known = "SELECT 1 FROM notices o WHERE o.tenant_id = $1 AND o.kind = n.kind AND o.subject_key = $2 AND o.resolved_at IS NULL"
    await session.execute(
        "UPDATE notices n SET resolved_at = now(), resolution = 'itself' WHERE n.tenant_id = $1 AND n.subject_key = $3"
        f" AND n.resolved_at IS NULL AND EXISTS ({known})",  # a constant
        session.scope.tenant_id,
        str(ours),
        str(theirs),
    )
    await session.execute(
        "UPDATE notices SET subject_key = $2, action_path = replace(action_path, $3, $2)"
        " WHERE tenant_id = $1 AND subject_key = $3",
        session.scope.tenant_id,
        str(ours),
        str(theirs),
    )


async def drop(session: TenantSession, conversation_id: UUID) -> None:
    """Delete a conversation that is empty now."""
    await session.execute("DELETE FROM conversations WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, conversation_id)


async def merge_contacts(session: TenantSession, keep_id: UUID, gone_id: UUID) -> None:
    """Let one contact have what is known of the other, which goes; what that was called is a name of this one's."""
    ids = (session.scope.tenant_id, keep_id, gone_id)
    for table in FOLLOWING:
        await session.execute(f"UPDATE {table} SET contact_id = $2 WHERE tenant_id = $1 AND contact_id = $3", *ids)  # a constant
    for table, column in ONCE.items():
        await session.execute(
            f"UPDATE {table} t SET contact_id = $2 WHERE t.tenant_id = $1 AND t.contact_id = $3 AND NOT EXISTS"  # constants
            f" (SELECT 1 FROM {table} o WHERE o.tenant_id = $1 AND o.contact_id = $2 AND o.{column} = t.{column})",
            *ids,
        )
    await session.execute(RATINGS, *ids)
    await session.execute("SELECT consents_follow($1, $3, $2)", *ids)
    await session.execute(
        # Whoever wants no more messages under one name wants none under the other.
        "UPDATE contacts k SET display_name = coalesce(k.display_name, g.display_name),"
        "   named_at = coalesce(k.named_at, g.named_at),"
        "   window_expires_at = greatest(k.window_expires_at, g.window_expires_at),"
        "   opted_out_at = coalesce(k.opted_out_at, g.opted_out_at)"
        " FROM contacts g WHERE k.tenant_id = $1 AND k.id = $2 AND g.tenant_id = $1 AND g.id = $3",
        *ids,
    )
    await session.execute(
        "WITH gone AS (SELECT account_id, external_id FROM contacts WHERE tenant_id = $1 AND id = $3),"
        " kept AS (SELECT external_id FROM contacts WHERE tenant_id = $1 AND id = $2),"
        " acts AS (UPDATE actions a SET person = kept.external_id FROM gone, kept WHERE a.tenant_id = $1"
        "   AND a.account_id = gone.account_id AND a.person = gone.external_id),"
        " linked AS (SELECT 1 FROM member_identities i, kept, gone WHERE i.tenant_id = $1 AND i.account_id = gone.account_id"
        "   AND i.external_id = kept.external_id),"
        " links AS (UPDATE member_identities i SET external_id = kept.external_id FROM gone, kept WHERE i.tenant_id = $1"
        "   AND i.account_id = gone.account_id AND i.external_id = gone.external_id AND NOT EXISTS (SELECT 1 FROM linked)),"
        " told AS (UPDATE chunks c SET audience_key = kept.external_id FROM gone, kept WHERE c.tenant_id = $1"
        "   AND c.audience = 'person' AND c.audience_key = gone.external_id)"
        " INSERT INTO contact_aliases (tenant_id, account_id, alias, contact_id) SELECT $1, gone.account_id, gone.external_id, $2"
        " FROM gone ON CONFLICT (tenant_id, account_id, alias) DO UPDATE SET contact_id = excluded.contact_id",
        *ids,
    )
    await session.execute("DELETE FROM contacts WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, gone_id)
