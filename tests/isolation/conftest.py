from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest

from konstruct.channels import accounts
from konstruct.channels.ingest_repository import Item
from konstruct.channels.port import ConversationKind, InboundMessage
from konstruct.channels.routes_repository import Route
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.tenants.vault import Vault


@dataclass(frozen=True)
class Shop:
    """A tenant with its connected account."""

    scope: TenantScope
    account_id: UUID
    team: str

    def item(self, number: int, text: str, *, account_id: UUID | None = None, conversation: str = "D1") -> Item:
        """Return the same-looking message for every shop: keys, people and channels are alike on purpose."""
        message = InboundMessage(
            account_key=self.team,
            app_id="A1",
            event_key=f"slack:A1:Ev{number}",
            post_keys=(f"slack:T:{conversation}:{number}",),
            conversation_key=conversation,
            conversation_kind=ConversationKind.DIRECT,
            sender_id="U1",
            sender_name=None,
            text=text,
            attachments=(),
            external_id=f"{number}.000000",
            channel_id=conversation,
            thread_id=f"{number}.000000",
            addressed=True,
            sent_at=datetime.fromtimestamp(1_790_000_000 + number, UTC),
        )
        return Item(message, Route(self.scope, account_id or self.account_id, "A1", "UBOT", True), text.encode())


@pytest.fixture
async def shops(db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]) -> tuple[Shop, Shop]:
    """Two connected tenants."""
    made = []
    for scope in tenants:
        team = f"T{scope.tenant_id.hex[-10:]}"
        account_id = await accounts.connect(
            db, house_vault, scope, kind="slack", external_id=team, app_id="A1", bot_user_id="UB", token="xoxb-1"
        )
        made.append(Shop(scope, account_id, team))
    return made[0], made[1]
