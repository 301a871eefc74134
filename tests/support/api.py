"""A program with a key of the API, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp

from konstruct.channels import verifications_repository
from konstruct.channels.outreach import volume
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.memory.documents import Documents
from konstruct.tenants import api_keys, members_repository
from konstruct.tenants.api_keys import SCOPES
from konstruct.tenants.members_repository import Member
from konstruct.tenants.roles import Permission, Role, allows
from tests.support import consenting
from tests.support.hand import rows, send, take_turn
from tests.support.house import House
from tests.support.slack_events import message

CHANGING = ("date", "ratelimit")
"""Headers that differ between two answers that say the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    text: str
    headers: dict[str, str]
    """By their names in lower case."""

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def seen(self) -> tuple[int, str, dict[str, str]]:
        """All that a caller could tell two answers apart by."""
        return self.status, self.text, {name: value for name, value in self.headers.items() if name not in CHANGING}


@dataclass
class Program:
    """Calls the API with one key."""

    url: str
    key: str
    key_id: UUID
    member: Member
    http: aiohttp.ClientSession = field(repr=False)

    async def get(self, path: str, **query: str | int) -> Answer:
        return await self.ask("GET", path, params=query)

    async def post(self, path: str, body: Any = None, *, once: str | None = None) -> Answer:
        return await self.ask("POST", path, json=body, once=once)

    async def delete(self, path: str, *, once: str | None = None) -> Answer:
        return await self.ask("DELETE", path, once=once)

    async def ask(
        self, method: str, path: str, *, once: str | None = None, headers: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.key}"} | ({"Idempotency-Key": once} if once else {}) | (headers or {})
        if options.get("json") is None:
            options.pop("json", None)
        url = self.url + (path if path.startswith("/api/") else f"/api/v1{path}")
        async with self.http.request(method, url, headers=sent, allow_redirects=False, **options) as answer:
            text = (await answer.read()).decode()
            return Answer(answer.status, text, {name.lower(): value for name, value in answer.headers.items()})


async def _may_write_first(session: TenantSession, account_id: UUID, contact_id: UUID, number: int) -> None:
    """Let the business have a template, and the contact's word that it may be used."""
    await session.execute(
        "WITH a AS (UPDATE channel_accounts SET business_account_id = $3 WHERE tenant_id = $1 AND id = $2 RETURNING kind)"
        " INSERT INTO templates (tenant_id, id, kind, business_account_id, name, language, state, components)"
        " SELECT $1, uuidv7(), a.kind, $3, 'order_ready', 'en', 'APPROVED', $4::jsonb FROM a",
        session.scope.tenant_id,
        account_id,
        f"waba-{session.scope.tenant_id}",
        json.dumps([{"type": "BODY", "text": f"Hello {{{{1}}}}, {{{{2}}}} is ready, says {number}."}]),
    )
    await verifications_repository.add(session, account_id, "approved", "member", None, "Pat")
    await volume.settle(session, account_id)
    await consenting.agree_in(session, contact_id)


@asynccontextmanager
async def open_api(
    house: House, scope: TenantScope, *, role: Role = "owner", scopes: Iterable[Permission] | None = None
) -> AsyncIterator[Program]:
    """Make a key of a new member of `role`; with every scope that the role allows, unless they are given."""
    member = Member(uuid7(), "Pat Doe", None, role)
    wanted = [each for each in SCOPES if allows(role, each)] if scopes is None else scopes
    async with house.db.tenant(scope) as session:
        await members_repository.insert(session, member, None, None)
    key_id, key = await api_keys.create(house.db, scope, member, name="Test", scopes=[each.value for each in wanted])
    async with aiohttp.ClientSession() as http:
        yield Program(house.url, key, key_id, member, http)


async def stock(house: House, number: int) -> dict[str, str]:
    """Give a tenant one thing of each kind; return their ids by the names that addresses have for them."""
    scope = house.scopes[number]
    await house.deliver(message(house.teams[number], "D1", "U1", f"When do you open? {number}"))
    await take_turn(house)
    await send(house)
    document_id = await Documents(house.db).add(scope, "Opening hours", f"We open at nine. {number}", "test")
    [found] = await rows(
        house,
        scope,
        "SELECT d.conversation_id, d.account_id, d.turn_id, d.id AS delivery_id, c.agent_id, k.id AS contact_id FROM deliveries d"
        " JOIN conversations c ON c.tenant_id = d.tenant_id AND c.id = d.conversation_id"
        " JOIN contacts k ON k.tenant_id = d.tenant_id WHERE d.tenant_id = $1",
    )
    async with house.db.tenant(scope) as session:
        await _may_write_first(session, found["account_id"], found["contact_id"], number)
    return {name: str(value) for name, value in found.items()} | {"document_id": str(document_id), "version": "1"}
