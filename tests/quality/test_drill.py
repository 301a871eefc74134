"""The suspension drill (docs/operations.md, "A number is suspended"), played through to the replacement number.

Real webhooks, a real worker and the portal, against the fake Graph API: the ban arrives, nothing is sent and nothing is lost;
another number is connected, the contacts move there and are told under all limits; and the old one comes back when a person has
reviewed it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from uuid import UUID

import aiohttp
import pytest
from pydantic import SecretStr

from konstruct.channels.outreach.today import today
from konstruct.channels.registry import CHANNELS
from konstruct.cli.handlers import build_handlers
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import numbers_overview
from konstruct.jobs.engine import Engine
from konstruct.kit.counters import Counters
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.quality.numbers import Numbers, open_numbers
from tests.support import meta_events
from tests.support.consenting import agree
from tests.support.fake_meta import Person
from tests.support.house import House, served, until
from tests.support.portal import open_portal
from tests.support.ports import free_port

SECRET = "meta-app-secret-drill"
TOLD, TEXT = "new_number", "Please write to our new number from now on."


@dataclass
class Drill:
    """What the drill talks to."""

    numbers: Numbers
    url: str
    http: aiohttp.ClientSession
    db: Database

    def number(self, at: int) -> meta_events.Number:
        """Return a number as Meta's webhook names it."""
        known = self.numbers.meta.numbers[at]
        return meta_events.Number(known.waba_id, known.phone_id, known.digits)

    async def deliver(self, payload: dict[str, Any]) -> None:
        """Let Meta deliver something."""
        body = meta_events.encode(payload)
        async with self.http.post(f"{self.url}/webhooks/whatsapp", data=body, headers=meta_events.sign(body, SECRET)) as answer:
            assert answer.status == 200

    async def say(self, at: int, person: Person, text: str) -> None:
        """A person writes to a number."""
        self.numbers.meta.hear(self.numbers.meta.numbers[at].phone_id, person.digits)
        named = meta_events.Person(person.digits, person.user_id, person.name)
        await self.deliver(meta_events.text(self.number(at), text, named))

    def shown(self, at: int) -> list[dict[str, Any]]:
        """Return what a number showed."""
        phone_id = self.numbers.meta.numbers[at].phone_id
        return [each for each in self.numbers.meta.messages if each["phone_id"] == phone_id]

    async def due(self, kind: str) -> None:
        """Let the jobs of a kind be due now."""
        await self.numbers.do("UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $1 AND kind = $2", kind)


@pytest.fixture
async def drill(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[Drill]:
    await db.fleet_fetch("test", "DELETE FROM tenant_jobs")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with open_numbers(settings, db, house_vault, tenants) as numbers, aiohttp.ClientSession() as http:
        at = settings.model_copy(
            update={
                "bind": f"127.0.0.1:{port}", "public_url": url, "whatsapp_api_url": numbers.meta.url, "burst_s": 0.0,
                "whatsapp_app_secret": SecretStr(SECRET), "whatsapp_verify_token": SecretStr("drill"),
            }
        )  # fmt: skip
        async with served(at, port), _working(at, db):
            yield Drill(numbers, url, http, db)


@asynccontextmanager
async def _working(settings: Settings, db: Database) -> AsyncIterator[None]:
    async with build_handlers(settings, db, Counters(), channels=CHANNELS) as parts:
        engine = Engine(db, parts.lanes, lease_s=settings.lease_s, capacity=20)
        running = asyncio.create_task(engine.run())
        try:
            yield
        finally:
            engine.drain()
            await running


async def _people(drill: Drill, count: int) -> list[tuple[UUID, Person]]:
    """Let so many people have written to the first number of either business, weeks ago; return those of the first."""
    made: list[tuple[UUID, Person]] = []
    for business in (0, 1):
        people = [Person(f"1777{business}{number:06d}", f"US.{business}{number:08d}") for number in range(count)]
        drill.numbers.meta.people += people
        ids = [uuid7() for _ in people]
        await drill.numbers.do(
            "WITH made AS (INSERT INTO contacts (tenant_id, id, account_id, external_id) SELECT $1, n.id, $2, n.name"
            "   FROM unnest($3::uuid[], $4::text[]) AS n (id, name) RETURNING id, external_id)"
            " INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience,"
            "   audience_key, contact_id)"
            " SELECT $1, gen_random_uuid(), $2, a.agent_id, m.id, 'contact', m.external_id, 'person', m.external_id, m.id"
            " FROM made m, channel_accounts a WHERE a.tenant_id = $1 AND a.id = $2",
            drill.numbers.accounts[business],
            ids,
            [person.user_id for person in people],
            business=business,
        )
        await drill.numbers.do(
            "INSERT INTO contact_aliases (tenant_id, account_id, alias, contact_id)"
            " SELECT $1, $2, n.alias, n.id FROM unnest($3::uuid[], $4::text[]) AS n (id, alias)",
            drill.numbers.accounts[business],
            ids,
            [person.digits for person in people],
            business=business,
        )
        await drill.numbers.do(
            "INSERT INTO business_verifications (tenant_id, id, account_id, state, source, said)"
            " VALUES ($1, uuidv7(), $2, 'approved', 'provider', 'verified')",
            drill.numbers.accounts[business],
            business=business,
        )
        made += [] if business else list(zip(ids, people, strict=True))
    return made


async def test_the_suspension_drill(drill: Drill) -> None:
    numbers, meta = drill.numbers, drill.numbers.meta
    for number in meta.numbers:
        meta.templates[number.waba_id, TOLD, "en"] = {"status": "APPROVED", "body": 1, "category": "UTILITY"}
    # A limit is the company's: all its numbers tell the same.
    numbers.say(whatsapp_business_manager_messaging_limit="TIER_250")
    await drill.due("number_poll")
    people = await _people(drill, 8)
    ann_id, ann = people[0]
    left_id, _ = people[6]
    await agree(drill.db, numbers.scopes[0], *(contact_id for contact_id, _ in people[:7]))
    await numbers.do("UPDATE contacts SET opted_out_at = now() WHERE tenant_id = $1 AND id = $2", left_id)

    # A good day: who writes is answered.
    await drill.say(0, ann, "When do you open?")
    await until(lambda: len(drill.shown(0)) == 1)

    path = f"/channels/{numbers.accounts[0]}/quality"
    await _ban_arrives(drill, ann_id, ann)
    new = await _is_replaced(drill)

    # The contacts move with their conversations; those who agreed are told, once each, from the new number.
    await drill.due("number_replacement")
    await until(lambda: len(drill.shown(2)) == 6)
    await until(partial(_count, drill, "SELECT count(*) FROM replaced_contacts WHERE tenant_id = $1 AND told IS NOT NULL", 8))
    assert {each["template"]["name"] for each in drill.shown(2)} == {TOLD}
    assert {each["person"] for each in drill.shown(2)} == {person.digits for _, person in people[:6]}
    moved = await numbers.rows("SELECT told, count(*) AS n FROM replaced_contacts WHERE tenant_id = $1 GROUP BY told")
    assert {row["told"]: row["n"] for row in moved}["told"] == 6
    placed = await numbers.rows("SELECT account_id, count(*) AS n FROM contacts WHERE tenant_id = $1 GROUP BY account_id")
    assert {row["account_id"]: row["n"] for row in placed} == {new: 8}
    assert len(await numbers.rows("SELECT 1 FROM contacts WHERE tenant_id = $1", business=1)) == 8
    async with drill.db.tenant(numbers.scopes[0]) as session:
        volume = await today(session, new)
    assert (volume.number_used, volume.daily_limit) == (6, 250), "each counts against the new number's day"

    # Who writes to the new number is answered there, in the conversation that came along.
    await drill.say(2, ann, "Hello again!")
    await until(lambda: len(drill.shown(2)) == 7)
    talks = await numbers.rows("SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2", ann_id)
    assert len(talks) == 1
    said = await numbers.rows(
        "SELECT text FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' ORDER BY seq",
        talks[0]["id"],
    )
    assert [row["text"] for row in said] == ["When do you open?", "Hello? Is somebody there?", "Hello again!"]
    assert len(drill.shown(0)) == 1 and meta.violations == []

    # Meta gives the old number back: it waits for a person, whose decision is kept.
    back: dict[str, Any] = {
        "event": "DISABLED_UPDATE",
        "ban_info": {"waba_ban_state": "REINSTATE", "waba_ban_date": "November 27, 2026"},
    }
    await drill.deliver(meta_events.of_business(drill.number(0), "account_update", **back))
    await until(partial(_restriction, drill, "open"))
    assert await numbers.level() == "suspended"
    async with open_portal(cast(House, drill), numbers.scopes[0], "admin", name="Kim Lee") as kim:
        done = await kim.post(f"{path}/resume", note="Appeal granted; the old list is deleted.")
        assert done.status == 200 and "Kim Lee" in done.text
    assert (await numbers.level(), await numbers.notices()) == ("open", [])
    [review] = await numbers.rows(
        "SELECT ended_by_name, note FROM account_holds WHERE tenant_id = $1 AND account_id = $2", numbers.accounts[0]
    )
    assert tuple(review) == ("Kim Lee", "Appeal granted; the old list is deleted.")


async def _ban_arrives(drill: Drill, ann_id: UUID, ann: Person) -> None:
    numbers, meta = drill.numbers, drill.numbers.meta
    # The ban arrives: suspended, and everybody who must know does. What people write is kept; nothing is sent.
    ban: dict[str, Any] = {
        "event": "DISABLED_UPDATE",
        "ban_info": {"waba_ban_state": "DISABLE", "waba_ban_date": "November 26, 2026"},
    }
    await drill.deliver(meta_events.of_business(drill.number(0), "account_update", **ban))
    await until(partial(_level, drill, "suspended"))
    assert await numbers.notices() == ["number_suspended"]
    await drill.say(0, ann, "Hello? Is somebody there?")
    await until(partial(_messages, drill, ann_id, 2))
    path = f"/channels/{numbers.accounts[0]}/quality"
    async with open_portal(cast(House, drill), numbers.scopes[0], "owner", name="Pat Doe") as pat:
        assert "is suspended" in (await pat.get("/inbox")).text and "Appeal today" in (await pat.get(path)).text
    told = {(each.account_id, each.level, each.cause) for each in await numbers_overview.troubled(drill.db)}
    assert (numbers.accounts[0], "suspended", "DISABLED_UPDATE") in told
    assert (await numbers.level(1), await numbers.notices(1)) == ("open", [])
    assert len(drill.shown(0)) == 1 and meta.signs == [
        each for each in meta.signs if each["phone_id"] == meta.numbers[0].phone_id
    ]


async def _is_replaced(drill: Drill) -> UUID:
    """Connect another number, and let it take the place of the first; return its account."""
    numbers, meta = drill.numbers, drill.numbers.meta
    # A replacement number of the same company, at the lowest tier.
    new = await numbers.connect(0, waba=meta.numbers[0].waba_id)
    meta.numbers[2].fields["whatsapp_business_manager_messaging_limit"] = "TIER_250"
    await drill.due("number_poll")
    await until(partial(_asked, drill, new))
    assert (await numbers.standing(0, new))["daily_limit"] == 250
    await drill.due("template_sync")
    await until(partial(_count, drill, "SELECT count(*) FROM templates WHERE tenant_id = $1", 1))
    async with open_portal(cast(House, drill), numbers.scopes[0], "admin", name="Pat Doe") as pat:
        fields: dict[str, Any] = {"to": str(new), "template": f"{TOLD} en", "text": TEXT}
        begun = await pat.post(f"/channels/{numbers.accounts[0]}/replace", **fields)
        assert begun.status == 200 and begun.path.endswith("?done=replaced"), begun.text
        again = await pat.post(f"/channels/{numbers.accounts[0]}/replace", **fields, follow=False)
        assert again.status in (409, 422)
    async with open_portal(cast(House, drill), numbers.scopes[1], "owner") as stranger:
        other = await stranger.post(f"/channels/{numbers.accounts[0]}/replace", **fields, follow=False)
        assert other.status == 404
    return new


async def _level(drill: Drill, level: str) -> bool:
    return await drill.numbers.level() == level


async def _restriction(drill: Drill, level: str) -> bool:
    return str((await drill.numbers.standing())["restriction"]) == level


async def _asked(drill: Drill, account_id: UUID) -> bool:
    return (await drill.numbers.standing(0, account_id))["daily_limit"] is not None


async def _messages(drill: Drill, contact_id: UUID, count: int) -> bool:
    sql = "SELECT 1 FROM messages WHERE tenant_id = $1 AND contact_id = $2 AND direction = 'in'"
    return len(await drill.numbers.rows(sql, contact_id)) == count


async def _count(drill: Drill, sql: str, least: int) -> bool:
    [row] = await drill.numbers.rows(sql)
    return int(row["count"]) >= least
