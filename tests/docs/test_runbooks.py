"""Every block of every runbook, run against a running instance with two businesses, does what its page says."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
import pytest_asyncio

from konstruct.kit.ids import uuid7
from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW, Business
from konstruct.local.sandbox.slack.application import APP_ID
from tests.docs.runbooks import Desk, open_desk, runbooks
from tests.support import slack_events
from tests.support.house import until
from tests.support.instance import Instance, open_instance

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATIENCE_S = 90


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def instance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    async with open_instance(tmp_path_factory.mktemp("up") / "data", BURST_S="0.05", LEASE_S="3") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with open_desk(instance.folder, tmp_path_factory.mktemp("d")) as opened:
        # Before any test: what it says of an installation in which nothing has happened yet.
        opened.first_report = json.loads(await opened.konstruct("doctor --json"))
        yield opened


async def tenant_of(desk: Desk, business: Business) -> UUID:
    rows = await desk.sql("fleet", f"SELECT tenant_id FROM channel_routes WHERE account_key = '{business.workspace.team_id}'")
    found: UUID = rows[0]["tenant_id"]
    return found


async def rows(desk: Desk, tenant: object, sql: str) -> list[Any]:
    """As the app role, in the tenant's scope; `{t}` stands for the tenant."""
    return list(await desk.sql("app", f"SET app.tenant_id = '{tenant}';\n{sql.format(t=tenant)};\n"))


async def create(desk: Desk, name: str) -> UUID:
    return UUID(json.loads(await desk.konstruct(f"tenant create '{name}' --json"))["tenant_id"])


async def deliver(desk: Desk, instance: Instance, business: Business, text: str, ts: str, *, event_id: str | None = None) -> int:
    """Post a signed direct message, as Slack does; return the status. A 200 means that it is stored, or dropped for good."""
    person, workspace = business.people[0], business.workspace
    event = {"type": "message", "channel": "D" + person.user_id[1:], "channel_type": "im", "user": person.user_id,
             "text": text, "ts": ts}  # fmt: skip
    envelope = {"type": "event_callback", "team_id": workspace.team_id, "api_app_id": APP_ID, "event_id": event_id or uuid4().hex}
    body = json.dumps({**envelope, "event": event}).encode()
    headers = slack_events.sign(body, desk.env["KONSTRUCT_SLACK_SIGNING_SECRET"])
    timeout = aiohttp.ClientTimeout(total=30)
    url = f"{instance.url}/webhooks/slack/events"
    async with instance.http.post(url, data=body, headers=headers, timeout=timeout) as answer:
        return answer.status


async def messages(desk: Desk, tenant: object) -> int:
    return int((await rows(desk, tenant, "SELECT count(*) FROM messages WHERE tenant_id = '{t}'"))[0][0])


async def test_every_runbook_with_blocks_is_run_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert set(re.findall(r'desk\.runbook\(\s*"([^"]+)"', source)) == set(runbooks())


async def test_the_doctor_finds_nothing_false_on_a_fresh_installation(desk: Desk) -> None:
    report = {check["id"]: check for check in desk.first_report}
    assert [check for check in report.values() if check["ok"] is False] == []
    not_yet = {"dedupe-pruned", "model", "beat-runs", "slack-scopes"}
    assert {check["id"] for check in report.values() if check["ok"] is None} <= not_yet
    assert all(check["evidence"] and check["todo"] for check in report.values())


async def test_a_leak_is_suspected(desk: Desk, instance: Instance) -> None:
    tenant, neighbour = await tenant_of(desk, FERNWOOD), await tenant_of(desk, MARLOW)
    for one in (tenant, neighbour):
        member = "SELECT '{t}', uuidv7(), id, sha256(uuidv7()::text::bytea)"
        await rows(desk, one, f"INSERT INTO sessions (tenant_id, id, member_id, token_hash, expires_at) {member},"
                              " now() + interval '1 day' FROM members WHERE tenant_id = '{t}' LIMIT 1")  # fmt: skip
        await rows(desk, one, "INSERT INTO api_keys (tenant_id, id, name, prefix, secret_hash, scopes, created_by,"
                              " created_by_name) SELECT '{t}', uuidv7(), 'k', 'abcdef', sha256(uuidv7()::text::bytea),"
                              " ARRAY['x'], id, 'Owner' FROM members WHERE tenant_id = '{t}' LIMIT 1")  # fmt: skip
    looked = "INSERT INTO operator_accesses (tenant_id, id, operator_id, operator_name, reason, expires_at) VALUES"
    await rows(desk, tenant, looked + " ('{t}', uuidv7(), uuidv7(), 'Olga', 'looks for lost words', now() + interval '9 min')")
    before = await messages(desk, tenant)
    async with desk.runbook("A leak is suspected", TENANT=tenant) as book:
        await book.next()
        assert await deliver(desk, instance, FERNWOOD, "anybody there?", "1800000001.000100") == 200
        assert await messages(desk, tenant) == before
        said = await book.next()
        assert re.search(r"ended: [1-9]\d* sessions, \d+ links; revoked: [1-9]\d* API keys", said)
        left = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM api_keys WHERE revoked_at IS NULL)"
        assert tuple((await rows(desk, tenant, left))[0]) == (0, 0)
        assert min((await rows(desk, neighbour, left))[0]) > 0
        said = await book.next()
        assert "Olga: may read conversations: looks for lost words" in said and "key abcdef…" in said
        traces = json.loads((desk.folder / "accesses.json").read_text())
        assert {"operator_access", "api_key"} <= {trace["kind"] for trace in traces}
        assert await book.next()
        owners = await book.next()
        assert ("owner", FERNWOOD.owner_email) in [(row["role"], row["email"]) for row in owners]
        await book.next()
    assert await deliver(desk, instance, FERNWOOD, "and now?", "1800000002.000100") == 200
    assert await messages(desk, tenant) > before


async def test_a_role_is_misconfigured(desk: Desk, instance: Instance) -> None:
    damage = (
        "ALTER ROLE konstruct_app BYPASSRLS;\nGRANT TRUNCATE ON messages TO konstruct_app;\n"
        "GRANT konstruct_owner TO konstruct_fleet;\nALTER TABLE messages NO FORCE ROW LEVEL SECURITY;\n"
    )
    await desk.sql("administrator", damage)
    async with desk.runbook("A role is misconfigured") as book:
        said = await book.next(code=1)
        assert "FAIL  roles" in said and "FAIL  rls-forced" in said
        await book.next()
        await book.next()
        first = book.blocks[0].text
    assert "0 failed" in await desk.shell(first, {})


async def test_the_broker_is_down(desk: Desk, instance: Instance) -> None:
    async with desk.runbook("The broker is down") as book:
        said = await book.next(KONSTRUCT_BROKER_URL="redis://127.0.0.1:9/0")
        assert "FAIL  broker" in said and "the broker is still away" in said
        first = book.blocks[0].text
    assert "still away" not in await desk.shell(first, {})


async def test_the_database_is_down(desk: Desk, instance: Instance) -> None:
    tenant, neighbour = await tenant_of(desk, FERNWOOD), await tenant_of(desk, MARLOW)
    again = uuid4().hex
    try:
        await _takes_writes(desk, False)
        await until(lambda: _refused(desk, instance), PATIENCE_S)
        assert await deliver(desk, instance, FERNWOOD, "lost", "1800000010.000100") == 503
        assert await deliver(desk, instance, FERNWOOD, "late", "1800000011.000100", event_id=again) == 503
    finally:
        await _takes_writes(desk, True)

    async def taken() -> bool:
        return await deliver(desk, instance, FERNWOOD, "late", "1800000011.000100", event_id=again) == 200

    await until(taken, PATIENCE_S)
    async with desk.runbook("The database is down", TENANT=tenant) as book:
        assert "0 failed" in await book.next()
        said = await book.next()
        assert f"{tenant}: 1 of 2 refused posts are lost" in said and "2027-01-15 08:00:10 UTC" in said
        lost = {one["tenant_id"]: one for one in json.loads((desk.folder / "missed.json").read_text())}
        assert [post["at"] for post in lost[str(tenant)]["lost"]] == ["2027-01-15T08:00:10.000100+00:00"]
        assert len(lost[str(neighbour)]["lost"]) >= 1
        assert (await book.next())[0]["last_before"] is not None


async def _takes_writes(desk: Desk, writes: bool) -> None:
    change = "RESET default_transaction_read_only" if writes else "SET default_transaction_read_only = on"
    await desk.sql("administrator", f"SET default_transaction_read_only = off;\nALTER DATABASE konstruct {change};\n"
                                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN"
                                    " ('konstruct_app', 'konstruct_fleet');\n")  # fmt: skip


async def _refused(desk: Desk, instance: Instance) -> bool:
    return await deliver(desk, instance, MARLOW, "is it away yet?", f"18{uuid4().int % 10**8:08}.000100") == 503


async def test_the_model_is_slow_or_down(desk: Desk, instance: Instance) -> None:
    tenant = await tenant_of(desk, FERNWOOD)
    asked = "SELECT count(*) FROM llm_calls WHERE tenant_id = '{t}'"
    await deliver(desk, instance, FERNWOOD, "When are we open on Saturday?", "1800000020.000100")

    async def answered() -> bool:
        return bool((await rows(desk, tenant, asked))[0][0])

    await until(answered, PATIENCE_S)
    async with desk.runbook("The model is slow or down", TENANT=tenant) as book:
        said = await book.next()
        assert "model" in said and "konstruct_turns_total" in said
        assert {row["outcome"] for row in await book.next()} == {"ok"}


async def test_deliveries_are_stuck(desk: Desk, instance: Instance) -> None:
    tenant = await create(desk, "Stuck Deliveries")
    await _leave_under_way(desk, tenant)
    async with desk.runbook("Deliveries are stuck", TENANT=tenant) as book:
        assert [row["state"] for row in await book.next()] == ["pending"]


async def test_a_token_is_not_renewed(desk: Desk, instance: Instance) -> None:
    tenant = await create(desk, "Stuck Tokens")
    async with desk.runbook("A token is not renewed", TENANT=tenant) as book:
        assert await book.next() == []


async def test_a_workers_loop_is_stuck(desk: Desk, instance: Instance) -> None:
    async with desk.runbook("A worker's loop is stuck") as book:
        known = await book.next()
        pid = next(row["pid"] for row in reversed(known) if row["kind"] == "worker" and row["alive"])
        book.variables["PID"] = str(pid)
        await book.next()
        log = Path(book.variables["WORKER_LOG"])
        # Celery's own answer to the signal shows the values of all variables: tenants' words, and tokens.
        await until(lambda: any(sign in log.read_text() for sign in ("most recent call first", "LOCAL VARIABLES")), PATIENCE_S)
        assert "LOCAL VARIABLES" not in log.read_text()
        assert "File" in await book.next()
        await book.next()

        async def another() -> bool:
            sql = f"SELECT 1 FROM workers WHERE kind = 'worker' AND pid <> {pid} AND seen_at > now() - interval '5 s'"
            return bool(await desk.sql("fleet", sql))

        await until(another, PATIENCE_S)
        assert "0 failed" in await book.next()


async def test_the_database_was_restored(desk: Desk, instance: Instance) -> None:
    first, second = await create(desk, "Restored One"), await create(desk, "Restored Two")
    for tenant in (first, second):
        await _leave_under_way(desk, tenant)
    async with desk.runbook("The database was restored") as book:
        assert "0 failed" in await book.next()
        assert re.search(r"[2-9]\d* deliveries are cancelled, [2-9]\d* messages are left to people", await book.next())
    for tenant in (first, second):
        state = "SELECT (SELECT array_agg(state || ' ' || reason) FROM deliveries), (SELECT array_agg(state) FROM messages)"
        assert tuple((await rows(desk, tenant, state))[0]) == (["cancelled restored"], ["human"])


async def _leave_under_way(desk: Desk, tenant: UUID) -> None:
    """A question and an answer that nobody has seen, without a place in the queue: no worker knows of them."""
    conversation = uuid7()
    await desk.sql(
        "administrator",
        "SET session_replication_role = replica;\n"
        "INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, external_id, addressed, state,"
        f" sent_at) VALUES ('{tenant}', uuidv7(), '{conversation}', 1, 'in', 'contact', 'x', '1', true, 'pending', now());\n"
        "INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,"
        f" owner_epoch) VALUES ('{tenant}', uuidv7(), '{conversation}', uuidv7(), uuidv7(), 1, 0, 'reply', 'C1', 'b', 0);\n",
    )


async def test_keys_must_be_rotated(desk: Desk, instance: Instance) -> None:
    tenant = await tenant_of(desk, MARLOW)
    version = "SELECT min(key_version) FROM secrets WHERE tenant_id = '{t}'"
    before = (await rows(desk, tenant, version))[0][0]
    async with desk.runbook("Keys must be rotated", TENANT=tenant) as book:
        assert "0 failed" in await book.next()
    assert (await rows(desk, tenant, version))[0][0] > before


async def test_a_tenant_was_erased(desk: Desk, instance: Instance) -> None:
    tenant = await create(desk, "Leaving & Co")
    async with desk.runbook("A tenant was erased", TENANT=tenant, NAME="Leaving & Co") as book:
        assert "is erased" in await book.next()
        assert (desk.folder / "business.zip").stat().st_mode & 0o777 == 0o600
        said = await book.next()
        assert str(tenant) not in said and str(await tenant_of(desk, FERNWOOD)) in said
        assert (await book.next())[0]["left_over"] == 0
