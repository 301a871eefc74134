"""Businesses with something of every kind, and the id of each."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from konstruct.db.scope import TenantScope
from konstruct.tenants.export_jobs import Exports
from tests.support.hand import rows
from tests.support.house import House
from tests.tenants.filled import canary_of, fill
from tests.tenants.support import change, work_off

KINDS = {
    "conversation_id": "SELECT id FROM conversations WHERE tenant_id = $1",
    "message_id": "SELECT id FROM messages WHERE tenant_id = $1 AND direction = 'in'",
    "account_id": "SELECT id FROM channel_accounts WHERE tenant_id = $1",
    "contact_id": "SELECT id FROM contacts WHERE tenant_id = $1",
    "list_id": "SELECT id FROM consent_lists WHERE tenant_id = $1",
    "upload_id": "SELECT id FROM consent_uploads WHERE tenant_id = $1",
    "document_id": "SELECT id FROM documents WHERE tenant_id = $1",
    "turn_id": "SELECT id FROM turns WHERE tenant_id = $1",
    "delivery_id": "SELECT id FROM deliveries WHERE tenant_id = $1",
    "agent_id": "SELECT id FROM agents WHERE tenant_id = $1",
    "member_id": "SELECT id FROM members WHERE tenant_id = $1 AND role = 'admin'",
    "notice_id": "SELECT id FROM notices WHERE tenant_id = $1",
    "note_id": "SELECT id FROM conversation_notes WHERE tenant_id = $1",
    "key_id": "SELECT id FROM api_keys WHERE tenant_id = $1",
    "export_id": "SELECT id FROM exports WHERE tenant_id = $1",
    "letter_id": "SELECT id FROM dead_letters WHERE tenant_id = $1",
    "secret_id": "SELECT id FROM secrets WHERE tenant_id = $1",
    "call_id": "SELECT id FROM tool_calls WHERE tenant_id = $1",
    "tryout_id": "SELECT id FROM tryouts WHERE tenant_id = $1",
    "access_id": "SELECT id FROM operator_accesses WHERE tenant_id = $1",
    "signup_id": "SELECT id FROM channel_signups WHERE tenant_id = $1",
    "session_id": "SELECT id FROM sessions WHERE tenant_id = $1",
    "template_id": "SELECT id FROM templates WHERE tenant_id = $1",
    "tenant_id": "SELECT tenant_id FROM tenants WHERE tenant_id = $1",
}
"""A row of each kind that has an id."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What a business has."""

    scope: TenantScope
    ids: dict[str, str]
    marks: tuple[str, ...]
    """What stands in its rows and in nobody else's answers."""


async def stock(house: House, number: int) -> Stock:
    """Fill a business and finish its export; return the ids."""
    scope, team = house.scopes[number], house.teams[number]
    await fill(house, number)
    # What `fill` made up would be in the way of what really happens: half a file, and a takeover that never was.
    await change(house.db, scope, "DELETE FROM export_pieces WHERE tenant_id = $1")
    await change(house.db, scope, "DELETE FROM conversation_events WHERE tenant_id = $1")
    pin = await house.vault.put(house.db, scope, "whatsapp.pin", "102938")
    await change(house.db, scope, f"UPDATE channel_signups SET pin_secret_id = '{pin}' WHERE tenant_id = $1")
    assert await work_off(house.db, scope, "export", Exports(house.db)) == 1
    ids = {}
    for kind, sql in KINDS.items():
        found = await rows(house, scope, f"{sql} LIMIT 1")
        assert found, f"{kind}: let `fill` make one"
        ids[kind] = str(found[0][0])
    return Stock(scope, ids, (canary_of(scope), str(scope.tenant_id), scope.tenant_id.hex, team.team_id, team.token))


def twin(value: str) -> str:
    """Return an id that nothing has, as old as `value`: what is told of the two can differ by what exists alone."""
    return str(UUID(int=UUID(value).int ^ 0x5A5A_5A5A_5A5A))
