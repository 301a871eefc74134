"""Two businesses with a WhatsApp number each, the fake Graph API that has them, and the work that concerns numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from konstruct.channels import accounts
from konstruct.channels.credentials import Credentials
from konstruct.channels.events_handling import Received
from konstruct.channels.port_abilities import Grant
from konstruct.channels.port_events import AccountChanged
from konstruct.channels.quality.breaker import Watching
from konstruct.channels.quality.polls import Polls
from konstruct.channels.standing import Standing
from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support.fake_meta import FakeMeta, Number


@dataclass
class Numbers:
    """What a test talks to. Everything is there twice: business 0 and business 1."""

    db: Database
    vault: Vault
    meta: FakeMeta
    adapter: WhatsAppAdapter
    credentials: Credentials
    polls: Polls
    scopes: tuple[TenantScope, TenantScope]
    accounts: list[UUID]

    async def rows(self, sql: str, *args: Any, business: int = 0) -> list[Record]:
        """Return rows of a business; `$1` is its id."""
        async with self.db.tenant(self.scopes[business]) as session:
            return await session.fetch(sql, self.scopes[business].tenant_id, *args)

    async def do(self, sql: str, *args: Any, business: int = 0) -> None:
        """Change rows of a business; `$1` is its id."""
        async with self.db.tenant(self.scopes[business]) as session:
            await session.execute(sql, self.scopes[business].tenant_id, *args)

    async def connect(self, business: int, *, waba: str | None = None) -> UUID:
        """Connect one more number of a business, at the business account `waba` or its own."""
        number = number_of(self.scopes[business], f"{len(self.meta.numbers)}", waba)
        self.meta.numbers.append(number)
        grant = Grant(
            number.phone_id,
            number.token,
            account_name="Shop",
            business_account_id=number.waba_id,
            portfolio_id=f"3{str(self.scopes[business].tenant_id.int)[-12:]}",
            phone_number=number.digits,
        )
        return await accounts.connect_grant(self.db, self.vault, self.scopes[business], kind="whatsapp", grant=grant)

    def say(self, business: int = 0, **fields: Any) -> None:
        """Let Meta say so of a business's first number from now on."""
        self.meta.numbers[business].fields.update(fields)

    async def poll(self, business: int = 0, account_id: UUID | None = None) -> float | None:
        """Do a business's poll; return in how many seconds it is to be done again."""
        scope = self.scopes[business]
        return await self.polls(Job(scope, "number_poll", account_id or self.accounts[business], 1, 1, 1))

    async def watch(self, business: int = 0) -> None:
        """Do a business's look at what was sent."""
        await Watching(self.db)(Job(self.scopes[business], "number_watch", self.accounts[business], 1, 1, 1))

    async def told(self, change: str, standing: Any, business: int = 0, **more: Any) -> None:
        """Let Meta say something of a business's first number by itself."""
        event = AccountChanged(account_key="x", app_id=None, event_key="x", change=change, standing=standing, **more)
        await Standing(self.db)(Received(self.scopes[business], self.accounts[business], event, 1, 0.0))

    async def standing(self, business: int = 0, account_id: UUID | None = None) -> Record:
        """Return how a number stands."""
        sql = "SELECT * FROM account_standings WHERE tenant_id = $1 AND account_id = $2"
        [row] = await self.rows(sql, account_id or self.accounts[business], business=business)
        return row

    async def level(self, business: int = 0, account_id: UUID | None = None) -> str:
        """Return what may be sent from a number."""
        return str((await self.standing(business, account_id))["level"])

    async def notices(self, business: int = 0) -> list[str]:
        """Return the kinds of the notices that are open."""
        sql = "SELECT kind FROM notices WHERE tenant_id = $1 AND resolved_at IS NULL ORDER BY kind"
        return [row["kind"] for row in await self.rows(sql, business=business)]

    async def age(self, hours: float, business: int = 0) -> None:
        """Let what is known of a business's numbers be so much older."""
        await self.do(
            "UPDATE account_standings SET calm_since = calm_since - make_interval(secs => $2),"
            " restricted_until = restricted_until - make_interval(secs => $2),"
            " polled_at = polled_at - make_interval(secs => $2) WHERE tenant_id = $1",
            3600.0 * hours,
            business=business,
        )


def number_of(scope: TenantScope, name: str, waba: str | None = None) -> Number:
    """Return a number of a business: ids are unique over the whole database."""
    mark = str(scope.tenant_id.int)[-12:]
    return Number(f"1{mark}{name}", waba or f"2{mark}", f"1555{name}{mark[:6]}", f"EAAG{mark}{name}canary")


@asynccontextmanager
async def open_numbers(
    settings: Settings, db: Database, vault: Vault, scopes: tuple[TenantScope, TenantScope]
) -> AsyncIterator[Numbers]:
    """Connect a number of each business."""
    meta = FakeMeta()
    await meta.start()
    adapter = WhatsAppAdapter(settings.model_copy(update={"whatsapp_api_url": meta.url}))
    credentials = Credentials(db, vault, {"whatsapp": adapter})
    polls = Polls(db, {"whatsapp": adapter}, credentials)
    opened = Numbers(db, vault, meta, adapter, credentials, polls, scopes, [])
    try:
        opened.accounts += [await opened.connect(business) for business in (0, 1)]
        yield opened
    finally:
        await credentials.close()
        await adapter.close()
        await meta.stop()


PEOPLE = """
WITH told AS (
  INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)
  SELECT $1, gen_random_uuid(), $2, 'p' || $4 || n, 'Ann' FROM generate_series(1, $3) AS n RETURNING id
)
INSERT INTO consents (tenant_id, id, contact_id, source, purpose, how, wording, proof, obtained_at, recorded_by_name)
SELECT $1, gen_random_uuid(), id, 'provider', 'any', 'told the provider', 'Yes', 'event', now() - interval '30 days', 'the person'
FROM told
"""
OUTREACH = """
WITH told AS (
  SELECT id, external_id FROM contacts WHERE tenant_id = $1 AND account_id = $2 AND external_id LIKE 'p' || $3 || '%'
), talk AS (
  INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key,
    contact_id, next_seq)
  SELECT $1, gen_random_uuid(), $2, a.agent_id, t.id, 'contact', t.external_id, 'person', t.external_id, t.id, 2
  FROM told t, channel_accounts a WHERE a.tenant_id = $1 AND a.id = $2 RETURNING id, channel_id
), said AS (
  INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, state, sent_at)
  SELECT $1, uuidv7(), id, 1, 'out', 'human', 'Your order is ready', 'sent', now() FROM talk RETURNING id, conversation_id
)
INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body, form,
  extras, owner_epoch, state, attempt, sending_since, created_at, external_id, sent_at, receipt, receipt_at, receipt_reason)
SELECT $1, uuidv7(), s.conversation_id, $2, s.id, 1, 0, 'outreach', t.channel_id, 'x', 'template',
  '{"template": {"name": "ready", "language": "en"}}', 0, 'sent', 1, now() - make_interval(hours => $4),
  now() - make_interval(hours => $4), 'wamid.' || gen_random_uuid(), now() - make_interval(hours => $4), $5::text,
  CASE WHEN $5::text IS NULL THEN NULL ELSE now() END, $6::text
FROM said s JOIN talk t ON t.id = s.conversation_id
"""


async def sent(
    numbers: Numbers, count: int, *, hours_ago: int = 0, receipt: str | None = "delivered", reason: str | None = None,
    business: int = 0,
) -> None:  # fmt: skip
    """Let messages have been written first, each to somebody new."""
    account, mark = numbers.accounts[business], uuid7().hex[-8:]
    await numbers.do(PEOPLE, account, count, mark, business=business)
    await numbers.do(OUTREACH, account, mark, hours_ago, receipt, reason, business=business)


__all__ = ["Numbers", "number_of", "open_numbers", "sent", "uuid7"]
