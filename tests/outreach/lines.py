"""Two businesses with a WhatsApp number each, look-alike people and templates at them, and Meta's strict double on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from konstruct.channels import accounts, verifications_repository
from konstruct.channels.credentials import Credentials
from konstruct.channels.delivery import Delivering
from konstruct.channels.events_handling import Received
from konstruct.channels.limits import SendLimits
from konstruct.channels.outreach import volume
from konstruct.channels.outreach.check import Refused
from konstruct.channels.outreach.writing import write
from konstruct.channels.port_abilities import Grant
from konstruct.channels.port_events import TemplateChanged
from konstruct.channels.rates import Rate
from konstruct.channels.templates.changes import TemplateChanges
from konstruct.channels.templates.syncing import TemplateSync
from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.conversations import outbox
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Part
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs import queue
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.counters import Counters
from konstruct.kit.ids import uuid7
from tests.support import consenting
from tests.support.fake_meta import FakeMeta, Number, Person
from tests.support.house import House
from tests.support.queueing import HOUR_S

DIGITS = "4915100000001"
"""Of the one person whom both businesses know."""
USE = TemplateUse("order_ready", "en", ("Robin", "your bike"))
ORDER_READY: dict[str, Any] = {
    "status": "APPROVED",
    "category": "UTILITY",
    "quality": "GREEN",
    "body": 2,
    "components": [
        {"type": "HEADER", "format": "TEXT", "text": "Good news"},
        {
            "type": "BODY",
            "text": "Hello {{1}}, {{2}} is ready.\nSee you soon!",
            "example": {"body_text": [["Robin", "your bike"]]},
        },
        {"type": "FOOTER", "text": "Reply STOP to get no more of these."},
    ],
}
OPEN_S = 3600.0


@dataclass(frozen=True)
class Line:
    """A business's number, and the person who writes to it."""

    scope: TenantScope
    account_id: UUID
    number: Number
    contact_id: UUID
    conversation_id: UUID


@dataclass
class Lines:
    """What a test talks to."""

    house: House
    meta: FakeMeta
    adapter: WhatsAppAdapter
    sends: Delivering
    credentials: Credentials
    of: tuple[Line, Line]

    async def rows(self, line: Line, sql: str, *args: object) -> list[Record]:
        """Return the rows of a query in the tenant's scope, as the app role; `$1` is its id."""
        async with self.house.db.tenant(line.scope) as session:
            return await session.fetch(sql, line.scope.tenant_id, *args)

    async def hear(self, line: Line, text: str = "Hello?", left_s: float = 24 * 3600.0) -> None:
        """The person writes, `left_s` before their window closes: as ingest stores it."""
        self.meta.hear(line.number.phone_id, DIGITS, at=self.meta.now() - 24 * 3600.0 + left_s)
        await self.rows(
            line,
            "WITH opened AS (UPDATE contacts SET window_expires_at = now() + $4::float8 * interval '1 second'"
            "   WHERE tenant_id = $1 AND id = $3),"
            " c AS (UPDATE conversations SET next_seq = next_seq + 1 WHERE tenant_id = $1 AND id = $2"
            "   RETURNING next_seq - 1 AS seq)"
            " INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, contact_id, author, text, external_id,"
            "   addressed, state, sent_at)"
            " SELECT $1, uuidv7(), $2, c.seq, 'in', $3, 'contact', $5, uuidv7()::text, true, 'human', now() FROM c",
            line.conversation_id,
            line.contact_id,
            left_s,
            text,
        )

    async def close(self, line: Line, ago_s: float = OPEN_S) -> None:
        """A day has passed since the person wrote."""
        key = (line.number.phone_id, DIGITS)
        self.meta.heard[key] = self.meta.now() - 24 * 3600.0 - ago_s
        await self.rows(
            line,
            "UPDATE contacts SET window_expires_at = now() - $3::float8 * interval '1 second' WHERE tenant_id = $1 AND id = $2",
            line.contact_id,
            ago_s,
        )

    async def say(self, line: Line, text: str, kind: str = "reply") -> UUID:
        """Put an answer into the outbox, as the end of a turn does; return its message's id."""
        async with self.house.db.tenant(line.scope) as session:
            at = await session.fetchrow(
                "SELECT channel_id, owner_epoch FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
                line.scope.tenant_id,
                line.conversation_id,
            )
            assert at is not None
            place = line.conversation_id, line.account_id, at["channel_id"], None, at["owner_epoch"]
            return await outbox.put(session, Reply(*place, kind, text, [Part(text)]))  # type: ignore[arg-type]

    async def template(self, line: Line, use: TemplateUse = USE, by: UUID | None = None) -> UUID | Refused:
        """Write to the person first."""
        return await write(self.house.db, line.scope, account_id=line.account_id, contact_id=line.contact_id, use=use, by=by)

    async def send(self, line: Line) -> bool:
        """Let the sender do what is due of the line, and leave the rest of the queue alone; False if nothing was due."""
        due = await self.rows(
            line,
            "UPDATE ready_queue SET state = 'leased', epoch = epoch + 1, claimed_seq = seq, lease_owner = gen_random_uuid(),"
            "   lease = $3::float8 * interval '1 second', lease_until = now() + $3::float8 * interval '1 second'"
            " WHERE tenant_id = $1 AND conversation_id = $2 AND lane = 'send' AND state = 'ready' AND due_at <= now()"
            " RETURNING epoch",
            line.conversation_id,
            HOUR_S,
        )
        for row in due:
            await self.sends(queue.Claim(line.scope, line.conversation_id, "send", row["epoch"], 1))
        return bool(due)

    async def settle(self, line: Line) -> None:
        """Let the sender work until nothing of the line is due."""
        while await self.send(line):
            pass

    async def deliveries(self, line: Line) -> list[tuple[str, str | None, str]]:
        """Return (state, reason, text) of the line's deliveries, in order."""
        found = await self.rows(
            line,
            "SELECT state, reason, body FROM deliveries WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY position, part",
            line.conversation_id,
        )
        return [(row["state"], row["reason"], row["body"]) for row in found]

    def shown(self, line: Line) -> list[str]:
        """Return what the person got from the line: texts, and names of templates."""
        mine = [each for each in self.meta.messages if each["phone_id"] == line.number.phone_id]
        return [each["text"]["body"] if each["type"] == "text" else each["template"]["name"] for each in mine]

    def calls(self, line: Line) -> int:
        """Return how many messages Meta was asked to show for the line."""
        return sum(verb == "POST" and path == f"{line.number.phone_id}/messages" for verb, path, _ in self.meta.requests)

    async def notices(self, line: Line) -> list[tuple[str, int, bool]]:
        """Return (kind, count, open) of the line's notices about waiting answers."""
        found = await self.rows(
            line,
            "SELECT kind, count, resolved_at IS NULL AS open FROM notices WHERE tenant_id = $1 AND kind = 'answer_waits'"
            " AND subject_key = $2 ORDER BY first_at",
            str(line.conversation_id),
        )
        return [(row["kind"], row["count"], row["open"]) for row in found]

    async def sync(self, line: Line) -> float | None:
        """Do the tenant job that asks for the line's templates."""
        job = Job(line.scope, "template_sync", line.account_id, 1, 1, 1)
        return await TemplateSync(self.house.db, {"whatsapp": self.adapter}, self.credentials)(job)

    async def changed(self, line: Line, **event: Any) -> None:
        """Let Meta say something of a template of the line's business account."""
        said = {"template_id": "1", "name": "order_ready", "language": "en", **event}
        made = TemplateChanged(account_key=line.number.waba_id, app_id=None, event_key="x", **said)
        await TemplateChanges(self.house.db)(Received(line.scope, line.account_id, made, 1, 0.0))

    async def templates(self, line: Line) -> dict[tuple[str, str], str]:
        """Return the state of each template that is known, by name and language."""
        found = await self.rows(line, "SELECT name, language, state FROM templates WHERE tenant_id = $1")
        return {(row["name"], row["language"]): row["state"] for row in found}

    async def agree(self, line: Line) -> None:
        """Let the person have agreed to be written to first."""
        await consenting.agree(self.house.db, line.scope, line.contact_id)


@asynccontextmanager
async def open_lines(house: House) -> AsyncIterator[Lines]:
    """Connect a number for each business of the house; both may write first, and have long been in use."""
    marks = [scope.tenant_id.hex[-10:] for scope in house.scopes]
    numbers = [Number(f"phone{mark}", f"waba{mark}", f"49301{index}000", f"EAAG{mark}") for index, mark in enumerate(marks)]
    meta = FakeMeta(numbers, [Person(DIGITS, name="Robin")], pair_burst=1000)
    for number in numbers:
        meta.templates[number.waba_id, "order_ready", "en"] = dict(ORDER_READY)
    await meta.start()
    settings = house.settings.model_copy(update={"whatsapp_api_url": meta.url})
    adapter = WhatsAppAdapter(settings)
    adapters = {"whatsapp": adapter}
    credentials = Credentials(house.db, house.vault, adapters)
    patience = house.sends._patience
    # How fast a number may send is not what these tests are about.
    limits = SendLimits(house.limits._redis, {"whatsapp.post": Rate(per_minute=60_000, burst=1000)})
    sends = Delivering(house.db, adapters, credentials, limits, counters=Counters(), patience=patience)
    try:
        lines = Lines(house, meta, adapter, sends, credentials, ())  # type: ignore[arg-type]  # filled right below
        first, second = [await _line(lines, scope, number) for scope, number in zip(house.scopes, numbers, strict=True)]
        lines.of = first, second
        yield lines
    finally:
        await credentials.close()
        await adapter.close()
        await meta.stop()


async def _line(lines: Lines, scope: TenantScope, number: Number) -> Line:
    db = lines.house.db
    grant = Grant(
        account_key=number.phone_id,
        token=number.token,
        business_account_id=number.waba_id,
        portfolio_id=f"portfolio-{number.waba_id}",
        phone_number=number.digits,
    )
    account_id = await accounts.connect_grant(db, lines.house.vault, scope, kind="whatsapp", grant=grant)
    contact_id, conversation_id = uuid7(), uuid7()
    async with db.tenant(scope) as session:
        await session.execute(
            "WITH k AS (INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)"
            "   VALUES ($1, $2, $3, $4, 'Robin') RETURNING id)"
            " INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience,"
            "   audience_key, contact_id)"
            " SELECT $1, $5, a.id, a.agent_id, $2::text, 'contact', $4, 'person', $4, k.id FROM channel_accounts a, k"
            " WHERE a.tenant_id = $1 AND a.id = $3",
            scope.tenant_id,
            contact_id,
            account_id,
            DIGITS,
            conversation_id,
        )
        await verifications_repository.add(session, account_id, "approved", "member", None, "Pat")
        await volume.settle(session, account_id)
    line = Line(scope, account_id, number, contact_id, conversation_id)
    await lines.sync(line)
    await lines.agree(line)
    return line
