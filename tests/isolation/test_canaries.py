"""Every field of two look-alike businesses carries a mark of its own; after a whole life no mark is where it does not belong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis.asyncio

from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey
from tests.isolation.canary import columns, story
from tests.isolation.canary.marks import NAMES, found_in
from tests.isolation.canary.plant import PATIENCE_S, SECRETS, Plant, asked_by, lines_with_level, open_plant
from tests.support.house import until

LOGS = ("web", "worker", "beat")
FLEET = {"team", "holding", "organisation", "bot", "direct", "channel", "refused", "client", "event", "letterreason", "tenant"}
"""What the fleet's tables hold: a channel's own ids, which route and tell apart deliveries, and the code of a dead letter."""


async def _live(plant: Plant) -> None:
    """Let both businesses live the same life at the same time."""
    people = [await _enter(plant, number) for number in (0, 1)]
    try:
        keys = await asyncio.gather(*(story.teach(plant, number, person) for number, (_, person) in enumerate(people)))
        for number, key in enumerate(keys):
            m = plant.marks[number]
            words = {"title": m("apititle"), "text": f"A bell costs {m('apitext')}.", "source": m("source")}
            once = {"Idempotency-Key": m("idempotency")}
            await story.call(plant, number, key, "POST", "/api/v1/documents", json=words, headers=once)
            await _ask_for_mail(plant, number)
        sent = "SELECT 1 FROM deliveries WHERE tenant_id = $1 AND state = 'sent' HAVING count(*) >= {}"
        read = "SELECT 1 FROM documents WHERE tenant_id = $1 AND status = {} HAVING count(*) >= {}"
        await until(lambda: plant.has(read.format("'ready'", 3)), PATIENCE_S)
        await until(lambda: plant.has(read.format("'failed'", 1)), PATIENCE_S)
        await asyncio.gather(*(story.talk(plant, number) for number in (0, 1)))
        await until(lambda: plant.has("SELECT 1 FROM dead_letters WHERE tenant_id = $1 AND kind = 'delivery'"), PATIENCE_S)
        await until(lambda: plant.has(sent.format(4)), PATIENCE_S)
        for number, (_, person) in enumerate(people):
            await story.answer_by_hand(plant, number, person)
        waits = "SELECT 1 FROM ready_queue WHERE tenant_id = $1 HAVING count(*) FILTER (WHERE state <> 'idle') = 0"
        for number in (0, 1):
            await story.go_on(plant, number)
        await until(lambda: plant.has(sent.format(8)), PATIENCE_S)
        await until(lambda: plant.has(waits), PATIENCE_S)
        await until(lambda: plant.has("SELECT 1 FROM notice_mails WHERE tenant_id = $1 AND state = 'sent'"), PATIENCE_S)
        await until(lambda: plant.has("SELECT 1 FROM message_terms WHERE tenant_id = $1 AND term LIKE 'kzq%'"), PATIENCE_S)
        await story.operate(plant)
        for number, (_, person) in enumerate(people):
            await columns.write_the_rest(plant, number)
            await story.take_out(plant, number, person)
            await story.look_at_everything(plant, number, person, keys[number])
    finally:
        for context, _ in people:
            await context.__aexit__(None, None, None)


async def _enter(plant: Plant, number: int):  # type: ignore[no-untyped-def]
    context = story.portal_of(plant, number)
    return context, await context.__aenter__()


async def _ask_for_mail(plant: Plant, number: int) -> None:
    email = f"{plant.marks[number]('owneremail')}@example.com"
    async with plant.http.post(f"{plant.url}/sign-in", data={"email": email}, headers={"Sec-Fetch-Site": "same-origin"}) as got:
        # It shows what was typed, whoever typed it: whose address that is, it does not know.
        plant.sinks.add(number, "portal", await got.text())


async def _gather(plant: Plant, valkey: Valkey) -> None:
    """Look at what the fakes recorded and at what is stored."""
    sinks = plant.sinks
    for body in plant.model.requests:
        sinks.add(asked_by(body), "prompts", json.dumps(body))
    sinks.add(None, "model headers", *(str(headers) for headers in plant.model.headers))
    for number, team in enumerate(plant.teams):
        sinks.add(number, "slack", *(json.dumps(post) for post in plant.slack.posts if post["team"] == team.team_id))
        sinks.add(
            number, "slack tokens", *(token for _, token in plant.slack.requests if team.team_id[1:5].lower() in token[5:9])
        )
    # An approval is redeemed with the app's own secret.
    tokens = {token for method, token in plant.slack.requests if method != "oauth.v2.access"}
    assert tokens == {team.token for team in plant.teams}
    for mail, (_, [recipient]) in zip(plant.mail.mails, plant.mail.envelopes, strict=True):
        whose = found_in(recipient)
        text = f"{mail['Subject']} {mail['From']} {mail['To']} {mail.get_content()}"
        sinks.add(next(iter(whose))[0] if whose else _owner_of(plant, text), "mails", text)
    async with plant.http.get(f"{plant.url}/metrics") as got:
        sinks.add(None, "metrics", await got.text())
    for path in ("/healthz", "/readyz", "/api/openapi.json"):
        async with plant.http.get(plant.url + path) as got:
            sinks.add(None, "metrics", await got.text())
    await _tables(plant)
    for database in (4, 5):
        await _valkey(plant, valkey.url(database), database)


def _owner_of(plant: Plant, text: str) -> int:
    """Return whose mail it is whose recipient's address carries no mark: the business's that it names."""
    [number] = {number for number in (0, 1) if plant.marks[number]("business") in text}
    return number


async def _tables(plant: Plant) -> None:
    """Look at every row: a tenant's, nobody's, and what the fleet's login can read of all."""
    names = await plant.admin.fetch(
        "SELECT c.relname, EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS owned,"
        " has_table_privilege('konstruct_fleet', c.oid, 'SELECT') AS fleet FROM pg_class c"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
    )
    for name, owned, fleet in names:
        if owned:
            for number in (0, 1):
                rows = await plant.fetch(number, f"SELECT t::text FROM {name} t WHERE tenant_id = $1")
                plant.sinks.add(number, "tables", *(row[0] for row in rows))
        whole = [row[0] for row in await plant.admin.fetch(f"SELECT t::text FROM {name} t")] if fleet or not owned else []
        plant.sinks.add(None, "fleet", *whole)


def _tenant_of(plant: Plant, text: str) -> int | None:
    """Return whose key it is: a tenant's is named in it."""
    return next((number for mark, number in plant.sinks.tenants.items() if mark in text), None)


async def _valkey(plant: Plant, url: str, database: int) -> None:
    client: Any = redis.asyncio.Redis.from_url(url, decode_responses=True)
    read: dict[str, Any] = {
        "string": client.get,
        "hash": client.hgetall,
        "set": client.smembers,
        "list": lambda key: client.lrange(key, 0, -1),
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    try:
        async for key in client.scan_iter("*"):
            text = f"{key} {await read[await client.type(key)](key)}"
            whose = [
                number for number, scope in enumerate(plant.scopes) if str(scope.tenant_id) in key or scope.tenant_id.hex in key
            ]
            plant.sinks.add(whose[0] if whose else None, "valkey" if database == 4 else "broker", text)
    finally:
        await client.aclose()


EXPECTED = {
    "prompts": (
        "answer aside attachment bot breakask business contact employee fact language mention model mustnot "
        "nowhere outsidehours persona policy question reply title tonenote toolargument toolask toolcall "
        "toolname tryout"
    ),
    "slack": "answer bot business channel direct employee member reply team",
    "mails": "badfile business email member owneremail",
    "portal": (
        "accessreason actionreason answer apitext apititle aside attachment attemptreason badfile breakask "
        "browser business channel colleague contact deliveryreason documentreason email employee fact "
        "filename filetext firstpersona firstpolicy healthreason keyname language letterreason member mention "
        "model mustnot note noticebody noticetitle nowhere outsidehours owneremail persona policy question "
        "reply source team title tonenote toolargument toolask toolname toolreason tryout turnfailure "
        "turnreason user versionnote workspace"
    ),
    "api": (
        "answer apitext apititle aside attachment badfile breakask business channel contact deliveryreason "
        "direct documentreason employee fact filename filetext firstpersona firstpolicy keyname language "
        "member mention model mustnot nowhere outsidehours persona policy question refused reply source "
        "statusreason team title tonenote toolargument toolask toolname toolreason toolresult turnreason "
        "versionnote"
    ),
    "export": (
        "archived archivereason accessreason actionreason answer apitext apititle aside attachment attemptreason badfile bot "
        "breakask business buttons channel client colleague contact deliveryreason direct documentreason email "
        "employee event fact filename filetext firstpersona firstpolicy healthreason language letterreason "
        "member mention model mustnot note noticebody noticetitle nowhere outsidehours owneremail persona "
        "policy question receiptreason refused reply source statusreason summary team title tonenote toolargument "
        "toolask toolcall toolname toolreason toolresult tryout turnfailure turnreason url user versionnote "
        "organisation scope workspace file filereason pausedby holdnote verifiedname replacement action "
        "identity rating alias businessaccount holding pool portfolio template "
        "attestation consent consentlist withdrawal "
        "signup pinseenby verifiedby"
    ),
    "operator": "accessreason answer breakask business contact fact mention nowhere question reply toolask",
    "search": "answer fact filename filetext question reply title",
    "stream": "answer attachment contact fact question reply",
    "tables": "channelevent consentupload idempotency stream",
    "slack tokens": "token",
}
"""Where each field's mark must be found in its own business's sinks: else the test could not fail."""


def _controls(plant: Plant) -> None:
    for number in (0, 1):
        missing = {sink: set(fields.split()) - plant.sinks.fields(number, sink) for sink, fields in EXPECTED.items()}
        assert {sink: fields for sink, fields in missing.items() if fields} == {}, NAMES[number]
        shown = set(" ".join(EXPECTED.values()).split())
        assert plant.marks[number].made - shown == set(), "say where these must be found"
        others = [sink for sink in EXPECTED if sink != "slack tokens"]
        assert not [sink for sink in others if "token" in plant.sinks.fields(number, sink)], (
            "a bot's token is told to Slack alone"
        )
    assert all(plant.sinks.looked[None, sink] for sink in ("metrics", "fleet", "broker", "webhook answers"))
    # What Valkey keeps is gone within seconds; what it was told is not.
    for number in (0, 1):
        heard = plant.sinks.fields(number, "valkey traffic")
        assert {"tenant", "direct"} <= heard <= {"tenant", "direct", "channel", "refused"}, "limits count by a channel's id"


def _silent(plant: Plant, servers: dict[str, str]) -> None:
    for name in LOGS:
        output = (plant.folder / f"{name}.log").read_text()
        lines = lines_with_level(output)
        assert any('"level":"debug"' in line for line in lines), f"{name} was not at DEBUG"
        assert found_in(output) == set(), name
        assert [secret for secret in SECRETS if secret in output] == [], name
    whole = (plant.folder / "worker.log").read_text()
    assert all(str(scope.tenant_id) in whole for scope in plant.scopes), "the control: both were worked for"
    for name, output in servers.items():
        assert found_in(output) == set(), f"the log of {name}"


@asynccontextmanager
async def _listening(plant: Plant, valkey: Valkey) -> AsyncIterator[None]:
    """Look at every command that the server gets, of every process and both databases."""
    client = redis.asyncio.Redis.from_url(valkey.url(4), decode_responses=True)

    async def listen() -> None:
        async with client.monitor() as monitor:
            heard.set()
            async for command in monitor.listen():
                plant.sinks.add(_tenant_of(plant, command["command"]), "valkey traffic", command["command"])

    heard = asyncio.Event()
    task = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(20):
            await heard.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


async def test_no_mark_of_one_business_reaches_another_or_a_log(cluster: Postgres, valkey: Valkey, tmp_path: Path) -> None:
    async with open_plant(cluster, valkey, tmp_path) as plant:
        async with _listening(plant, valkey):
            await _live(plant)
        await _gather(plant, valkey)
        bare, idle = await columns.unmarked(plant)
    assert plant.sinks.foreign() == []
    assert bare == [], "let the story fill these columns, or say in ALLOWED why they can hold no words"
    assert idle == [], "these columns are gone: take them out of ALLOWED"
    for sink in ("metrics", "valkey traffic", "broker", "valkey", "model headers", "webhook answers"):
        assert plant.sinks.anybodys(sink) == set(), sink
    assert plant.sinks.anybodys("fleet") == FLEET
    _controls(plant)
    _silent(plant, {"PostgreSQL": cluster.log.read_text(), "Valkey": valkey.log.read_text()})
