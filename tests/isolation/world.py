"""The services of a whole house, called as plain functions, and what the database shows of one tenant."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import asyncpg
import uvloop

from konstruct.agents.loop import TurnLoop
from konstruct.channels import accounts
from konstruct.channels.credentials import Credentials
from konstruct.channels.delivery import Delivering
from konstruct.channels.ingest import Ingest
from konstruct.channels.limits import SendLimits
from konstruct.channels.media import Media
from konstruct.channels.patience import patience_of
from konstruct.channels.port import ConversationKind, Credential, Failed, InboundMessage, Post, SendOutcome, Sent, Target
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.surface import Surface
from konstruct.conversations.part import Part
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.jobs import queue
from konstruct.kit.counters import Counters
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.llm.port import ChatRequest
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from konstruct.memory.documents import Documents
from konstruct.tenants import members_repository, service
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.members_repository import Member
from konstruct.tenants.vault import Vault
from tests.isolation.ledger import Business, View, answer_to
from tests.support.queueing import HOUR_S

T = TypeVar("T")
CANARY = re.compile(r"canary[0-9a-f]{12}")


class Wire(SlackAdapter):
    """A Slack that needs no network. It takes what comes with the right token, unless it `refuses` everything."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.refuses = False
        self.posts: list[tuple[str, str]] = []
        """(workspace, text)"""

    def render(self, text: str, target: Target) -> list[Part]:
        return [Part(text)]

    async def working(self, target: Target, credential: Credential, active: bool) -> str | None:
        return None

    async def title(self, target: Target, title: str, credential: Credential) -> bool:
        return False

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        if credential.token != token_of(credential.account_key):
            return Failed("invalid_auth", account_broken=True)
        if self.refuses:
            return Failed("channel_not_found")
        self.posts.append((credential.account_key, post.text))
        return Sent(f"{len(self.posts)}.0")


def token_of(team: str) -> str:
    """Return the one token of a workspace."""
    return f"xoxb-{team}"


class _NoLimits:
    async def take(self, scope: object, account_id: object, method: str, **names: object) -> float:
        return 0.0

    def kept(self, method: str) -> None:
        return None


# No query names the tenant: what it shows is what row-level security lets through. One round trip, and one plan for all
# looks: the scope is set by the row from which everything else is projected.
_VIEW = """
WITH scope AS MATERIALIZED (SELECT set_config('app.tenant_id', $1, true))
SELECT json_build_object(
 'tenant', (SELECT json_agg(json_build_array(t.name, t.time_zone, t.retention_days, d.status))
   FROM tenants t, tenant_directory d),
 'employee', (SELECT json_agg(json_build_array(p.name, a.persona_version, p.persona)) FROM agents a
   JOIN persona_versions p ON p.agent_id = a.id AND p.version = a.persona_version),
 'members', (SELECT json_agg(json_build_array(id, name, email, role)) FROM members),
 'sessions', (SELECT json_agg(json_build_array(member_id)) FROM sessions),
 'links', (SELECT json_agg(json_build_array(member_id)) FROM sign_in_links WHERE used_at IS NULL),
 'keys', (SELECT json_agg(json_build_array(id, name, revoked_at IS NULL)) FROM api_keys),
 'documents', (SELECT json_agg(json_build_array(d.id, d.title, c.text)) FROM documents d JOIN chunks c ON c.document_id = d.id),
 'notices', (SELECT json_agg(json_build_array(kind, count)) FROM notices WHERE resolved_at IS NULL),
 'accounts', (SELECT json_agg(json_build_array(external_id, status)) FROM channel_accounts),
 'routes', (SELECT json_agg(json_build_array(account_key)) FROM channel_routes),
 'talks', (SELECT json_agg(json_build_array(external_key, owner, owner_epoch, next_seq)) FROM conversations),
 'lines', (SELECT json_agg(json_build_array(c.external_key, m.seq, m.direction, m.author, m.text, m.state)) FROM messages m
   JOIN conversations c ON c.id = m.conversation_id),
 'notes', (SELECT json_agg(json_build_array(c.external_key, n.text)) FROM conversation_notes n
   JOIN conversations c ON c.id = n.conversation_id),
 'letters', (SELECT json_agg(json_build_array(c.external_key, d.kind, l.resolution)) FROM dead_letters l
   JOIN conversations c ON c.id = l.conversation_id JOIN deliveries d ON d.id = l.delivery_id),
 'secrets', (SELECT count(*) FROM secrets)) FROM scope
"""
_ROWS = (
    "tenant",
    "employee",
    "members",
    "sessions",
    "links",
    "keys",
    "documents",
    "notices",
    "accounts",
    "routes",
    "talks",
    "lines",
    "notes",
    "letters",
)


@dataclass
class World:
    """One database for all examples, and a loop to talk to it from plain functions."""

    runner: asyncio.Runner
    eye: asyncpg.Connection[asyncpg.Record]
    """The app role's own connection, with which the tests look."""
    db: Database
    redis: Redis
    vault: Vault
    wire: Wire
    ingest: Ingest
    turns: TurnLoop
    sends: Delivering
    documents: Documents

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def refused(self, work: Coroutine[Any, Any, object], *errors: type[Exception]) -> bool:
        """Return whether `work` raises one of `errors`."""
        try:
            self.run(work)
        except errors:
            return True
        return False

    async def view(self, business: Business) -> View:
        """Return what the tenant's scope shows, in the form of the model's own view."""
        found: View = json.loads(await self.eye.fetchval(_VIEW, str(business.scope.tenant_id)))
        for name in _ROWS:
            found[name] = sorted(found[name] or [], key=repr)
        return found

    async def found(self, number: int, mark: str) -> Business:
        """Make a tenant that looks like every other one."""
        canary = f"canary{uuid7().hex[-12:]}"
        name, persona = f"Business {canary}", f"You know {canary}."
        created = await service.create_tenant(self.db, self.vault, name=name, employee="Ada", persona=persona)
        scope, team = created.scope, f"T{mark}{number}"
        account_id = await self.connect(created.scope, team)
        async with self.db.tenant(scope) as session:
            owner = await members_repository.first_owner(session)
        async with self.db.fleet("test") as fleet:
            await fleet.execute("INSERT INTO search_progress (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", scope.tenant_id)
        assert owner is not None
        boss = Member(owner, "Owner", None, "owner")
        business = Business(scope, canary, name, team, boss, created.agent_id, account_id, "Ada")
        business.versions.append(persona)
        business.members[owner] = boss
        return business

    async def connect(self, scope: Any, team: str) -> UUID:
        """Connect a workspace."""
        options = {"kind": "slack", "external_id": team, "app_id": "A1", "bot_user_id": "UBOT", "token": token_of(team)}
        return await accounts.connect(self.db, self.vault, scope, **options)

    async def hear(self, business: Business, talk: str, post: int, text: str) -> str:
        """A person writes; return what became of it. Keys, people and channels of all tenants look alike."""
        message = InboundMessage(
            account_key=business.team,
            app_id="A1",
            event_key=f"slack:A1:Ev{post}",
            post_keys=(f"slack:T:{talk}:{post}",),
            conversation_key=talk,
            conversation_kind=ConversationKind.DIRECT,
            sender_id="U1",
            sender_name=None,
            text=text,
            attachments=(),
            external_id=f"{post}.000000",
            channel_id=talk,
            thread_id=f"{post}.000000",
            addressed=True,
            sent_at=datetime.fromtimestamp(1_790_000_000 + post, UTC),
        )
        (outcome,) = await self.ingest.accept("slack", [message], text.encode())
        return outcome

    async def work(self, *, refuses: bool) -> None:
        """Do what a worker would do now, for everybody: answer, then send."""
        self.wire.refuses = refuses
        for claim in await queue.claim(self.db, "turn", uuid7(), 100, HOUR_S):
            await self.turns(claim)
        for claim in await queue.claim(self.db, "send", uuid7(), 100, HOUR_S):
            await self.sends(claim)

    async def close(self) -> None:
        """Close every connection."""
        await self.redis.close()
        await self.wire.close()
        await self.eye.close()
        await self.db.close()

    async def rest(self, businesses: list[Business]) -> None:
        """What the tenants of an example left undone is not claimed in the next one."""
        await self.db.fleet_fetch(
            "test",
            "UPDATE ready_queue SET state = 'idle', claimed_seq = seq WHERE tenant_id = ANY ($1) AND state <> 'idle'",
            [business.scope.tenant_id for business in businesses],
        )


async def open_world(runner: asyncio.Runner, settings: Settings) -> World:
    """Open everything on the database of `settings`."""
    ring = FileKeyRing(Path(str(settings.keyring)))
    await ring.init()
    vault, db, redis = Vault(ring), await Database.open(settings, pool=2), Redis.open(settings)
    wire, counters = Wire(settings), Counters()
    router = Router([ScriptedBackend(_answer)], prices=load_prices())
    credentials = Credentials(db, vault, {"slack": wire})
    limits = cast(SendLimits, _NoLimits())
    surface = Surface(db, {"slack": wire}, credentials, limits, counters=counters)
    documents = Documents(db)
    media = Media(db, {"slack": wire}, credentials)
    turns = TurnLoop(db, router, surface, documents, media, deadline_s=60, attempts=3, counters=counters)
    sends = Delivering(db, {"slack": wire}, credentials, limits, counters=counters, patience=patience_of(settings))
    storing = Ingest(db, burst_s=0.0, ring=lambda: None)
    assert settings.database_url
    address = settings.database_url.get_secret_value()
    eye = await asyncpg.connect(address, server_settings={"plan_cache_mode": "force_generic_plan"})
    # The planner asks for the setting before the statement sets it; nobody has this id.
    await eye.execute("SELECT set_config('app.tenant_id', $1, false)", str(UUID(int=0)))
    return World(runner, eye, db, redis, vault, wire, storing, turns, sends, documents)


def _answer(request: ChatRequest) -> str:
    """Say what was asked. A prompt that holds the mark of two businesses is answered with both."""
    marks = {mark for message in request.messages for mark in CANARY.findall(message.content)}
    if len(marks) != 1:
        return f"this prompt is of {sorted(marks)}"
    return answer_to(request.messages[-1].content.splitlines()[1:])


def new_runner() -> asyncio.Runner:
    """Return a runner on the quick loop that production uses."""
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
