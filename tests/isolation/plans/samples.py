"""Calls every repository function with arguments that its parameters' names and types ask for, taken from a real business."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import typing
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg

from konstruct.agents.timeline_trace import Trace
from konstruct.agents.turn import Step
from konstruct.channels.accounts_repository import Account
from konstruct.channels.charges_repository import Charge
from konstruct.channels.events_repository import Coming
from konstruct.channels.outreach.writing_repository import Addressee
from konstruct.channels.port_events import Receipt, TemplateChanged
from konstruct.channels.port_numbers import NumberSeen
from konstruct.channels.port_signup import Business, Number
from konstruct.channels.port_templates import ListedTemplate
from konstruct.channels.quality.machine import Standing
from konstruct.channels.quality.replacing_repository import Replacement
from konstruct.channels.renewals_repository import Begun
from konstruct.conversations.actions_repository import Option, Who
from konstruct.conversations.answer_place import AnswerPlace
from konstruct.conversations.changes import Edit, Named
from konstruct.conversations.changes_repository import Changed, Post
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.consent.evidence import Evidence
from konstruct.conversations.consent.recorder import Recorder
from konstruct.conversations.files import FileText
from konstruct.conversations.forgetting_repository import START, STEPS, Person
from konstruct.conversations.inbox_repository import Cursor, Filter, Show
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Part
from konstruct.conversations.ratings_repository import Answer as RatedAnswer
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.tenant_tables import tenant_tables
from konstruct.jobs import tenant_jobs
from konstruct.jobs.queue import Claim
from konstruct.kit.counters import Snapshot
from konstruct.kit.errors import KonstructError
from konstruct.kit.ids import uuid7
from konstruct.llm.port import CallRecord, ToolCall, Usage
from konstruct.memory import uploads_repository
from konstruct.tenants import sessions
from konstruct.tenants.api_requests_repository import Kept
from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.employees_repository import Limits
from konstruct.tenants.identities import Presser
from konstruct.tenants.members_repository import Member
from konstruct.tenants.notices import Trouble
from konstruct.tenants.operator_access_repository import Access
from konstruct.tenants.operators_repository import Operator
from konstruct.tenants.roles import Permission
from konstruct.tenants.secrets_repository import SealedSecret
from konstruct.tenants.settings import BusinessSettings
from tests.isolation.plans.call_sites import call_sites
from tests.isolation.relations import Connection

_HASH = hashlib.sha256(b"x").digest()
_NOW = datetime.now(UTC)
_RECEIPT = Receipt(
    account_key="T1", app_id=None, event_key="x", channel_id="D1", external_id="1.0", state="read", delivery=str(UUID(int=1))
)
_ENDLESS = ("index_on",)
_CURSORS = ("before", "after", "behind", "again_s")


def _plain() -> dict[str, Any]:
    """Values that are the same for every business."""
    return {
        "limit": 20, "kind": "slack", "email": "pat@example.com", "redis_url": None, "broker_url": None, "worker_id": uuid7(),
        "role": "owner",
        "text": "battery warranty", "prefix": "bat", "step": Step(1, "model", "x"), "content": "messages", "days": 30,
        "reason": "because it must be", "since": UUID(int=0), "resolution": "discarded", "owner": "human", "number": 2,
        "calls": [CallRecord("demo", "m", "ok", Usage(1, 0, 1), 5, 1, 1)], "changed": BusinessSettings("A", "UTC", None),
        "draft": Draft("Ada", "Be brief."), "limits": Limits(None, 16000, 1024), "kinds": ["channel_broken"], "trace": Trace(0.0),
        "trouble": Trouble("channel_broken", "account-9", "critical", "T", "B", "/channels"), "answer": Kept(_HASH, 200, "{}"),
        "counters": Snapshot(), "unrouted": [("T9", "A1", "unknown_account")], "subject": "account-1", "period": date(2026, 1, 1),
        "posts": [("D1", "1.000000")], "presser": Presser("U1"), "options": [Option("yes", "Yes")], "person": "U1",
        "action_id": UUID(int=1), "begun_by": "Pat", "business": Business("81", (Number("71", "491", "Shop"),), "91"),
        "first": date(2026, 1, 1), "last": date(2026, 2, 1), "action": "suspend", "pieces": [b"x"], "parts": [b"x"],
        "chunks": ["x"], "two_days": UUID(int=0), "one_day": UUID(int=0), "every": timedelta(hours=1),
        "render": lambda *parts: [Part(parts[-1])],
    }  # fmt: skip


class UndoneError(Exception):
    """Leaves a transaction, so that what was tried in it did not happen."""


class Samples:
    """Values for parameters: by name where the name says what it is, else by type."""

    def __init__(self, scope: TenantScope, ids: dict[str, Any]) -> None:
        self.scope, self.ids = scope, ids
        self.by_name = ids | _plain() | self._things()
        self.by_type: dict[object, Any] = {
            int: 1, str: "x", float: 1.0, bool: False, bytes: _HASH, UUID: ids["conversation_id"], timedelta: timedelta(hours=1),
            datetime: _NOW, date: date(2026, 1, 1),
        }  # fmt: skip
        account, contact = ids["account_id"], ids["contact_id"]
        filters = [
            filtered
            for show in typing.get_args(Show)
            for filtered in (
                Filter(show),
                Filter(show, "slack"),
                Filter(show, account_id=account),
                Filter(show, contact_id=contact),
            )
        ]
        self.several: dict[str, list[Any]] = {
            "table": ids["tables"], "wanted": filters, "status": ["active", None], "lane": ["turn", "send"],
            "email_hash": [_HASH, None],
            "slots": [[["battery"]], [["battery", "batteries"]], [["battery"], ["warranty"]], [["a"], ["b"], ["c", "d"]]],
        }  # fmt: skip
        reading = uploads_repository.Job(scope, ids["reading_id"], 0, 1)
        self.special: dict[tuple[str, str], Any] = {
            ("accounts_repository.set_answers_strangers", "answer"): True,
            ("changes_repository", "changed"): Changed(
                ids["message_id"], ids["conversation_id"], 1, ids["turn_id"], "answered", _NOW, "Pat"
            ),
            ("changes", "new"): Edit("x", [], _NOW, True),
            ("changes_repository", "kept"): ["F1"],
            ("tool_ledger", "calls"): [ToolCall("call-1", "look", "{}")],
            ("tool_ledger", "step"): 0,
            ("uploads_repository", "job"): reading,
            ("uploads_repository", "document_id"): ids["reading_id"],
            ("uploads_repository", "new"): uploads_repository.NewFile(uuid7(), "T", "t.md", "text/markdown", 1, _HASH, None),
            ("usage_repository", "step"): 0,
            ("api_keys_repository", "scopes"): list(Permission)[:1],
            ("export_repository", "first"): 0,
            ("deliveries_repository", "parts"): [Part("x"), Part("y")],
            ("receipts_repository", "receipt"): _RECEIPT,
            ("templates_repository", "event"): TemplateChanged(
                account_key="W1", app_id=None, event_key="x", template_id="1", name="t", language="en", state="APPROVED"
            ),
            ("templates_repository", "listed"): [ListedTemplate("t", "en", "APPROVED")],
            ("templates_repository", "account"): Account(
                account, "slack", "T1", None, None, None, "active", business_account_id="W1"
            ),
            ("waiting_repository", "delivery_ids"): [ids["delivery_id"]],
            ("export_repository", "after"): None,
            ("sign_in_repository", "secret"): "x",
            ("sign_in_repository", "kind"): "printed",
            ("replies", "conversation_id"): ids["human_id"],
            ("sessions.find_visitor", "note"): True,
            ("sessions.close_all", "member_id"): uuid7(),
            ("sessions.close_session", "ticket"): ids["other_ticket"],
            ("ownership.hand_back", "conversation_id"): ids["human_id"],
            ("tenant_jobs", "kind"): "export",
            ("streams_repository", "place"): self._place(),
            ("streams_repository", "since"): _NOW,
            ("streams_repository", "state"): "growing",
            ("settings_retention_repository.prune", "days"): 30,
            ("operators_repository", "status"): "active",
            ("tenants_repository", "status"): "active",
            ("ratings_repository", "answer"): RatedAnswer(ids["message_id"], ids["conversation_id"], contact),
            ("forgetting_repository", "person"): Person(account, "U1", _NOW),
            ("forgetting_repository", "after"): START,
            ("actions_repository", "kind"): "pause",
            ("actions_repository", "who"): Who("person", person="U1"),
            **self._of_numbers(),
        }
        self.several["sql"] = list(STEPS.values())

    def _of_numbers(self) -> dict[tuple[str, str], Any]:
        """What has to do with contacts at numbers: consent, quality, costs, signing up."""
        ids = self.ids
        account, contact = ids["account_id"], ids["contact_id"]
        return {
            ("places_repository", "pool_ids"): [uuid7()],
            ("events_repository", "coming"): [Coming(uuid7(), account, "k", b"x", "met", {})],
            ("merging_repository", "conversation_ids"): [ids["conversation_id"]],
            ("queue", "conversation_ids"): [ids["conversation_id"]],
            ("tenant_jobs", "subject_ids"): [uuid7()],
            ("charges_repository", "charge"): Charge(3, 1.0, "service", True, "regular", "pmp"),
            ("charges_repository", "conversation_ids"): [ids["conversation_id"]],
            ("history_repository", "seen"): NumberSeen(quality="GREEN"),
            ("repository", "account_ids"): [account],
            ("replacing_repository", "replacement"): Replacement(
                UUID(int=1), account, account, "+1555", _NOW, "Pat", None, 0, 0, None, 0, 0, 0
            ),
            ("replacing_repository", "template"): {"name": "x", "language": "en"},
            ("replacing_repository", "after"): UUID(int=0),
            ("replacing_repository", "moved"): [contact],
            ("replacing_repository", "kept"): [(contact, "known_already")],
            ("replacing_repository", "told"): "told",
            ("repository", "moved"): [(account, Standing())],
            ("repository", "figures"): {"sent": 1},
            ("repository", "level"): "no_outreach",
            ("signups_repository", "act"): "pin_shown",
            ("signups_repository", "kind"): "whatsapp",
            ("signups_repository.find", "signup_id"): ids["signup_id"],
            ("signups_repository.insert", "signup_id"): uuid7(),
            ("consents_repository", "given"): [(contact, Evidence("any", "x", "x", "x", _NOW))],
            ("consents_repository", "who"): Recorder("Pat"),
            ("lists_repository", "who"): Recorder("Pat"),
            ("lists_repository", "list_id"): ids["list_id"],
            ("consents_repository", "list_id"): ids["list_id"],
            ("lists_repository", "kind"): "hand",
            ("consent_repository", "form"): "outreach",
            ("lists_repository", "entries"): [{"line": 2}],
            ("lists_repository", "problems"): [],
            ("lists_repository", "kinds"): ["slack"],
            ("people_repository", "people"): [("U1", None), ("U9", "Nine")],
            ("people_repository", "person_ids"): ["U1", "U9"],
            ("opting_repository", "person_ids"): ["U1", "U9"],
            ("opting_repository", "aliases"): ["U8"],
        }

    def _things(self) -> dict[str, Any]:
        ids, scope = self.ids, self.scope
        member, operator = Member(ids["member_id"], "Pat", "pat@example.com", "owner"), Operator(uuid7(), "Olga")
        claim = Claim(scope, ids["conversation_id"], "turn", ids["lease_epoch"], 1)
        sealed = SealedSecret(scope.tenant_id, ids["secret_id"], "slack.token", 2, 1, b"x", b"x")
        turn = SimpleNamespace(id=ids["turn_id"], conversation_id=ids["conversation_id"], owner_epoch=0, attempts=1, revision=0)
        return {
            "member": member, "author": member, "operator": operator, "who": Colleague(member.id, "Pat"), "turn": turn,
            "account": Account(ids["account_id"], "slack", ids["external_id"], "A1", "UB", ids["secret_id"], "active"),
            "claim": claim, "claims": [claim], "secret": sealed, "fence": sealed, "secrets": [(sealed, b"x")],
            "job": tenant_jobs.Job(scope, "export", ids["export_id"], 1, 1, 1), "creator": (member.id, "Pat"),
            "postings": [("battery", ids["message_id"])], "indexed_to": ids["message_id"], "scope": scope,
            "reply": Reply(ids["conversation_id"], ids["account_id"], "D1", None, 0, "human", "x", [Part("x")]),
            "access": Access(uuid7(), operator.id, "Olga", "because", _NOW, _NOW + timedelta(minutes=5)),
            "begun": Begun(1, "slack", ids["secret_id"], ids["secret_id"], 1, False),
            "post": Post(ids["message_id"], ids["conversation_id"]), "attachments": [], "context": [],
            "named": Named(ids["account_id"], "D1", "1.000000", "slack:T1:D1:1.000000"), "read": FileText("F1", "x", 0, None),
            "contact_ids": [ids["contact_id"]],
            "to": Addressee(ids["contact_id"], "U1", ids["account_id"], ids["external_id"], "slack", "active", ids["agent_id"]),
            "account_keys": [ids["external_id"]], "tenant_ids": [scope.tenant_id],
        }  # fmt: skip

    def _place(self) -> AnswerPlace:
        ids = self.ids
        claim = Claim(self.scope, ids["conversation_id"], "turn", ids["lease_epoch"], 1)
        return AnswerPlace(
            claim, ids["turn_id"], ids["account_id"], "slack", "D1", None, frozenset(), ids["epoch"], "U1", _NOW, True
        )

    def values(self, function: Callable[..., Any], name: str, hint: object, *, optional: bool) -> list[Any]:
        """Return the values that a parameter is tried with. Raises LookupError if nobody has said one."""
        module = function.__module__.rpartition(".")[2]
        for key in ((f"{module}.{function.__name__}", name), (module, name)):
            if key in self.special:
                return [self.special[key]]
        if name in self.several:
            return self.several[name]
        kinds = [kind for kind in (typing.get_args(hint) or (hint,)) if kind is not type(None)]
        if name in _CURSORS:
            return [self._cursor(kinds[0])] if optional else [None]
        if name in self.by_name:
            return [self.by_name[name]]
        for kind in (hint, *kinds):
            if kind in self.by_type:
                return [self.by_type[kind]]
        if typing.get_origin(hint) is typing.Literal:
            return [typing.get_args(hint)[0]]
        raise LookupError(f"give a sample for {name}: {hint} of {module}.{function.__name__}")

    def _cursor(self, kind: object) -> Any:
        at: dict[object, Any] = {
            UUID: self.ids["message_id"],
            int: 3,
            Cursor: Cursor(_NOW, self.ids["conversation_id"]),
            float: 1.0,
        }
        return at.get(kind, (_NOW, self.ids["conversation_id"]))


async def samples_of(connection: Connection, db: Database, scope: TenantScope) -> Samples:
    """Return samples whose ids are the business's own, of a conversation that is leased and a document that is being read."""
    ids: dict[str, Any] = {"tenant_id": scope.tenant_id}
    for name, table in _IDS.items():
        ids[name] = await connection.fetchval(f"SELECT id FROM {table} WHERE tenant_id = $1 LIMIT 1", scope.tenant_id)
    ids |= dict(await connection.fetchrow(_TALK, scope.tenant_id) or {})
    ids["reading_id"] = await connection.fetchval("SELECT document_id FROM document_jobs WHERE tenant_id = $1", scope.tenant_id)
    human = "SELECT id FROM conversations WHERE tenant_id = $1 AND owner = 'human' AND owner_epoch = $2 LIMIT 1"
    ids["human_id"] = await connection.fetchval(human, scope.tenant_id, ids["epoch"])
    assert None not in ids.values(), ids
    await connection.execute(_LEASE, scope.tenant_id, ids["conversation_id"])
    await connection.execute(_RUNNING, scope.tenant_id, ids["turn_id"])
    await connection.execute(_READING, scope.tenant_id, ids["reading_id"])
    await connection.execute(_SILENT)
    async with db.tenant(scope) as session:
        ids["ticket"], ids["other_ticket"] = [await sessions.open_session(session, ids["member_id"], "Test") for _ in range(2)]
        ids["tables"] = await tenant_tables(session)
        await session.execute("UPDATE sessions SET seen_at = now() - interval '1 hour' WHERE tenant_id = $1", scope.tenant_id)
    async with db.fleet("test") as fleet:
        shared = [table for table in await tenant_tables(fleet) if table.deletable]
    samples = Samples(scope, ids)
    samples.special["erase_repository.delete_shared", "tables"] = shared
    return samples


_IDS = {
    "account_id": "channel_accounts", "agent_id": "agents", "member_id": "members", "document_id": "documents",
    "export_id": "exports", "notice_id": "notices", "key_id": "api_keys", "letter_id": "dead_letters", "tryout_id": "tryouts",
    "signup_id": "channel_signups", "secret_id": "secrets", "note_id": "conversation_notes", "session_id": "sessions",
    "contact_id": "contacts", "list_id": "consent_lists", "upload_id": "consent_uploads",
}  # fmt: skip
_TALK = """
SELECT d.conversation_id, d.turn_id, d.message_id, d.id AS delivery_id, q.epoch AS lease_epoch, c.owner_epoch AS epoch,
  a.external_id FROM deliveries d
JOIN ready_queue q ON q.tenant_id = d.tenant_id AND q.conversation_id = d.conversation_id AND q.lane = 'turn'
JOIN conversations c ON c.tenant_id = d.tenant_id AND c.id = d.conversation_id
JOIN channel_accounts a ON a.tenant_id = d.tenant_id AND a.id = d.account_id
WHERE d.tenant_id = $1 AND d.turn_id IS NOT NULL ORDER BY d.id DESC LIMIT 1
"""
_RUNNING = """
UPDATE turns SET state = 'running', outcome = NULL, finished_at = NULL WHERE tenant_id = $1 AND id = $2
"""
_READING = "UPDATE documents SET status = 'processing' WHERE tenant_id = $1 AND id = $2"
_SILENT = "INSERT INTO workers (worker_id, kind, host, pid, seen_at) VALUES (gen_random_uuid(), 'web', 'h', 1, '2020-01-01')"
_LEASE = """
UPDATE ready_queue SET state = 'leased', lease_owner = gen_random_uuid(), lease = '1 h', lease_until = now() + interval '1 h'
WHERE tenant_id = $1 AND conversation_id = $2
"""


def functions() -> Iterator[Callable[..., Awaitable[Any]]]:
    """Return the public functions of every module that runs queries, those left out that never end."""
    for path in sorted({site.path for site in call_sites()}):
        module = importlib.import_module("konstruct." + path.removesuffix(".py").replace("/", "."))
        for name, found in sorted(vars(module).items()):
            ours = inspect.iscoroutinefunction(found) and found.__module__ == module.__name__
            if ours and not name.startswith("_") and name not in _ENDLESS:
                yield found


async def call(
    db: Database, function: Callable[..., Awaitable[Any]], samples: Samples, *, optional: bool = False, once: bool = False
) -> None:
    """Call a function with all the values that one of its parameters may have, or `once`, in transactions that come to nothing.

    `optional` gives it the cursors that it may do without. What it makes of its values is not looked at: its queries are.
    Those that it does not come to are missing from the harvest.
    """
    try:
        hints = typing.get_type_hints(function)
    except NameError:
        # A name that is imported for the type checker only.
        hints = dict(inspect.get_annotations(function))
    first, *names = inspect.signature(function).parameters
    given = {name: samples.values(function, name, hints.get(name), optional=optional) for name in names}
    for varied in [name for name in names if len(given[name]) > 1] or names[:1] or [first]:
        for value in given.get(varied, [None])[: 1 if once else None]:
            await _call(db, function, samples.scope, str(hints[first]), {n: value if n == varied else given[n][0] for n in names})


async def _call(
    db: Database, function: Callable[..., Awaitable[Any]], scope: TenantScope, first: str, given: dict[str, Any]
) -> None:
    kinds = inspect.signature(function).parameters
    positional = [value for name, value in given.items() if kinds[name].kind is not inspect.Parameter.KEYWORD_ONLY]
    keywords = {name: value for name, value in given.items() if kinds[name].kind is inspect.Parameter.KEYWORD_ONLY}
    try:
        async with asyncio.timeout(60):
            if "Database" in first:
                await function(db, *positional, **keywords)
                return
            async with db.fleet("test") if "FleetSession" in first else db.tenant(scope) as session:
                await function(session, *positional, **keywords)
                raise UndoneError
    except (
        UndoneError,
        KonstructError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        AssertionError,
        TypeError,
        AttributeError,
    ):
        # Made-up values lead nowhere in the end; by then the queries have been asked for.
        pass
