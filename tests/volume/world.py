"""Numbers of two businesses, people with contacts at them, three workers and a strict Meta, in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from konstruct.channels import accounts, verifications_repository
from konstruct.channels.channel import rates_of
from konstruct.channels.credentials import Credentials
from konstruct.channels.delivery import Delivering
from konstruct.channels.limits import SendLimits
from konstruct.channels.outreach import tier_changes, volume
from konstruct.channels.outreach.check import Refused
from konstruct.channels.outreach.writing import write_in
from konstruct.channels.patience import Patience
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.port_abilities import Grant
from konstruct.channels.registry import CHANNELS
from konstruct.conversations import outbox
from konstruct.conversations.consent import consents_repository
from konstruct.conversations.consent.recorder import Recorder
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Part
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs import queue
from konstruct.kit.counters import Counters
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support.consenting import agree
from tests.support.simulated import Clock
from tests.support.strict_meta import StrictAdapter, StrictMeta

USE = TemplateUse("hello", "en")
LEASE_S = 900.0
AT_ONCE = 30


@dataclass(frozen=True)
class Number:
    """A connected number."""

    scope: TenantScope
    account_id: UUID
    phone: str
    portfolio: str


class Forgetful(SendLimits):
    """A count in a Valkey that is flushed before every look at it: it stops nobody. What holds is what PostgreSQL holds."""

    async def take(
        self, scope: TenantScope, account_id: UUID, method: str, *, channel_id: str | None = None, workspace: str | None = None
    ) -> float:
        """See `SendLimits.take`."""
        return 0.0


@dataclass
class World:
    """What a test talks to."""

    settings: Settings
    db: Database
    vault: Vault
    clock: Clock
    meta: StrictMeta
    redis: Redis
    workers: list[Delivering] = field(default_factory=list)
    numbers: dict[str, Number] = field(default_factory=dict)
    claims: int = 0

    def restart(self, count: int = 3, *, adapter: ChannelAdapter | None = None) -> None:
        """Put new workers in the place of those that are there: they know nothing of before."""
        adapters: dict[str, ChannelAdapter] = {"whatsapp": adapter or StrictAdapter(self.meta)}
        rates = rates_of(CHANNELS, self.settings)
        self.workers = [
            Delivering(
                self.db,
                adapters,
                Credentials(self.db, self.vault, adapters),
                Forgetful(self.redis, rates),
                counters=Counters(),
                patience=Patience(),
            )
            for _ in range(count)
        ]

    async def connect(
        self, scope: TenantScope, phone: str, *, waba: str, portfolio: str | None, limit: int | None = None, warm: bool = True
    ) -> Number:
        """Connect a number with a template; `warm`: it has been used for long, and its portfolio been ours for long."""
        grant = Grant(
            account_key=phone, token=f"token-{phone}", business_account_id=waba, portfolio_id=portfolio, phone_number=phone
        )
        account_id = await accounts.connect_grant(self.db, self.vault, scope, kind="whatsapp", grant=grant)
        await self.clock.sql(
            "INSERT INTO templates (tenant_id, id, kind, business_account_id, name, language, state, components)"
            " VALUES ($1, uuidv7(), 'whatsapp', $2, 'hello', 'en', 'APPROVED', '[{\"type\":\"BODY\",\"text\":\"Hello\"}]')"
            " ON CONFLICT DO NOTHING",
            scope.tenant_id,
            waba,
        )
        async with self.db.tenant(scope) as session:
            await verifications_repository.add(session, account_id, "approved", "provider", None, None)
            if limit is not None:
                await tier_changes.set_tier(session, account_id, limit, "poll")
        number = Number(scope, account_id, phone, portfolio or waba)
        self.numbers[phone] = number
        self.meta.portfolios[phone] = number.portfolio
        self.meta.limits.setdefault(number.portfolio, 250 if limit is None else limit)
        if warm:
            await self.warm(number)
        return number

    async def warm(self, number: Number) -> None:
        """Let a number have been used for long."""
        async with self.db.tenant(number.scope) as session:
            await volume.settle(session, number.account_id)
            await session.execute(
                "UPDATE volume_pools p SET step = 11, created_at = now() - interval '9 days' FROM volume_pools n"
                " WHERE p.tenant_id = $1 AND n.tenant_id = $1 AND n.account_id = $2 AND p.id IN (n.id, n.part_of)",
                number.scope.tenant_id,
                number.account_id,
            )

    async def people(self, number: Number, names: Sequence[str], *, agreeing: int | None = None) -> dict[str, UUID]:
        """Let people be contacts at a number; return their contacts by name. The first `agreeing`, or all, want to be
        written to."""
        rows = await self.clock.sql(
            "INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)"
            " SELECT $1, uuidv7(), $2, n, n FROM unnest($3::text[]) AS n RETURNING external_id, id",
            number.scope.tenant_id,
            number.account_id,
            list(names),
        )
        made = {row["external_id"]: row["id"] for row in rows}
        await self.agree(number, {name: made[name] for name in names[:agreeing]})
        return made

    async def agree(self, number: Number, contacts: dict[str, UUID]) -> None:
        """Let contacts agree to be written to first."""
        self.meta.agreed.update((number.phone, name) for name in contacts)
        at = datetime.fromtimestamp(self.clock.now(), UTC) - timedelta(seconds=1)
        await agree(self.db, number.scope, *contacts.values(), obtained_at=at)

    async def write(self, number: Number, contact_ids: Sequence[UUID]) -> list[UUID | Refused]:
        """Write to contacts first, all in one transaction."""
        async with self.db.tenant(number.scope) as session:
            return [
                await write_in(session, account_id=number.account_id, contact_id=contact, use=USE, by=None)
                for contact in contact_ids
            ]

    async def hear(self, number: Number, contacts: dict[str, UUID]) -> None:
        """Let contacts write in: each has a conversation from then on, and an open window."""
        for name in contacts:
            self.meta.hears(number.phone, name)
        await self.clock.sql(
            "WITH said AS (SELECT k.id, k.external_id, coalesce((SELECT c.external_key FROM conversations c"
            "     WHERE c.tenant_id = $1 AND c.contact_id = k.id LIMIT 1), k.id::text) AS key FROM contacts k"
            "   WHERE k.tenant_id = $1 AND k.id = ANY ($3)),"
            " opened AS (UPDATE contacts k SET window_expires_at = now() + interval '24 hours' FROM said s"
            "   WHERE k.tenant_id = $1 AND k.id = s.id),"
            " talks AS (INSERT INTO conversations AS c (tenant_id, id, account_id, agent_id, external_key, kind, channel_id,"
            "     audience, audience_key, contact_id, next_seq)"
            "   SELECT $1, uuidv7(), a.id, a.agent_id, s.key, 'contact', s.external_id, 'person', s.external_id, s.id, 2"
            "   FROM said s JOIN channel_accounts a ON a.tenant_id = $1 AND a.id = $2"
            "   ON CONFLICT (tenant_id, account_id, external_key) DO UPDATE SET next_seq = c.next_seq + 1"
            "   RETURNING id, next_seq - 1 AS seq, contact_id)"
            " INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, contact_id, text, addressed, state,"
            "   sent_at, external_id)"
            " SELECT $1, uuidv7(), t.id, t.seq, 'in', 'contact', t.contact_id, 'hi', true, 'human', now(), uuidv7()::text"
            " FROM talks t",
            number.scope.tenant_id,
            number.account_id,
            list(contacts.values()),
        )

    async def answer(self, number: Number, contact_ids: Sequence[UUID], *, kind: str = "reply") -> int:
        """Put an answer into the outbox of each contact that has a conversation; return how many."""
        async with self.db.tenant(number.scope) as session:
            talks = await session.fetch(
                "SELECT id, channel_id, owner_epoch FROM conversations WHERE tenant_id = $1 AND account_id = $2"
                " AND contact_id = ANY ($3) ORDER BY id",
                number.scope.tenant_id,
                number.account_id,
                list(contact_ids),
            )
            for talk in talks:
                place = talk["id"], number.account_id, talk["channel_id"], None, talk["owner_epoch"]
                await outbox.put(session, Reply(*place, kind, "an answer", [Part("an answer")]))  # type: ignore[arg-type]
        return len(talks)

    async def withdraw(self, number: Number, contacts: dict[str, UUID]) -> None:
        """Let contacts take their consent back."""
        self.meta.agreed -= {(number.phone, name) for name in contacts}
        async with self.db.tenant(number.scope) as session:
            for contact_id in contacts.values():
                await consents_repository.withdraw(session, contact_id, "hand", "any", Recorder("Pat"))

    async def opt_out(self, number: Number, contacts: dict[str, UUID]) -> None:
        """Let contacts write that they want replies only. They are told that it was understood."""
        await self.hear(number, contacts)
        self.meta.agreed -= {(number.phone, name) for name in contacts}
        await self.clock.sql(
            "SELECT contact_opts($1, k, 'out', (SELECT m.id FROM messages m WHERE m.tenant_id = $1 AND m.contact_id = k"
            "   ORDER BY m.id DESC LIMIT 1), now()) FROM unnest($2::uuid[]) AS k",
            number.scope.tenant_id,
            list(contacts.values()),
        )

    async def rows(self, number: Number, sql: str, *args: object) -> list[Record]:
        """Return the rows of a query in the tenant's scope; `$1` is its id."""
        async with self.db.tenant(number.scope) as session:
            return await session.fetch(sql, number.scope.tenant_id, *args)

    async def states(self, number: Number) -> dict[str, int]:
        """Return how many deliveries of a number are in each state."""
        rows = await self.rows(
            number,
            "SELECT state, count(*) AS number FROM deliveries WHERE tenant_id = $1 AND account_id = $2 GROUP BY state",
            number.account_id,
        )
        return {row["state"]: row["number"] for row in rows}

    async def drain(self) -> int:
        """Let the workers do whatever is due, together; return how many lanes they had."""
        done = 0
        while claims := await queue.claim(self.db, "send", uuid7(), AT_ONCE, LEASE_S):
            self.claims += len(claims)
            await asyncio.gather(*(self.workers[i % len(self.workers)](claim) for i, claim in enumerate(claims)))
            done += len(claims)
        return done

    async def run(self, seconds: float) -> None:
        """Let simulated time pass, and the workers work whenever something is due."""
        end = self.clock.now() + seconds
        while True:
            await self.drain()
            left = end - self.clock.now()
            if left <= 0:
                return
            wait_s = await queue.next_due_s(self.db, "send")
            await self.clock.advance(left if wait_s is None else max(0.0, min(wait_s + 0.001, left)))
