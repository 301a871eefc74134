"""What row-level security costs: the same work on the same rows in two tables, one of them under the policy.

Both are copies of `messages` without its foreign keys, filled alike, with a thousand tenants; they take turns. The goal is for
a transaction as the product runs it: the scope, a prepared statement that names the tenant as well, a fresh plan, the commit;
measured as CPU time of the server's process, which other work on the machine does not change. Beside it stands what the bare
statement takes inside the server, without the protocol and the transaction around it.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from bench.quantiles import quantile
from bench.stack import Parts, Site
from konstruct.db.bootstrap import OWNER
from konstruct.kit.settings import PREFIX

TENANTS, EACH = 1000, 100
ROUNDS, STATEMENTS = 150, 30
GOAL = 1.15
TABLES = {"open": "messages_open", "guarded": "messages_guarded"}

_MAKE = """
CREATE TABLE {table} (LIKE messages INCLUDING ALL);
INSERT INTO {table} (tenant_id, id, conversation_id, seq, direction, author, text, external_id, addressed, state, sent_at)
SELECT md5(t::text)::uuid, md5(t || '-' || m)::uuid, md5(t || '-' || m % 2)::uuid, m, 'in', 'contact',
  'When do you open on day ' || m || '?', 'e' || m, false, 'held', now()
FROM generate_series(1, {each}) AS m, generate_series(1, {tenants}) AS t;
"""
_KINDS = {
    "point": "SELECT text INTO STRICT v_found FROM {table} WHERE tenant_id = v_tenant AND id = v_id",
    "range": "SELECT count(r.text) INTO STRICT v_found FROM (SELECT text FROM {table}"
    " WHERE tenant_id = v_tenant AND conversation_id = v_conversation ORDER BY seq DESC LIMIT 50) AS r",
    "insert": "INSERT INTO {table} (tenant_id, id, conversation_id, seq, direction, author, text, external_id, addressed, state,"
    " sent_at) VALUES (v_tenant, gen_random_uuid(), gen_random_uuid(), i + 1, 'in', 'contact', 'x', 'x', false, 'held', now())",
}
# A statement of PL/pgSQL is like one that a driver has prepared: parsed and rewritten once, planned anew each time, because the
# app role asks for that. The role may make no function, so a block tells its time by a setting of its transaction.
_SENT = {
    "point": "SELECT text FROM {table} WHERE tenant_id = $1 AND id = $2",
    "range": "SELECT id, seq, text FROM {table} WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY seq DESC LIMIT 50",
    "insert": "INSERT INTO {table} (tenant_id, id, conversation_id, seq, direction, author, text, external_id, addressed, state,"
    " sent_at) VALUES ($1, gen_random_uuid(), $2, 1, 'in', 'contact', 'x', gen_random_uuid()::text, false, 'held', now())",
}
_BLOCK = """
DO $block$
DECLARE
  v_tenant uuid := '{tenant}';
  v_id uuid := '{id}';
  v_conversation uuid := '{conversation}';
  v_found text;
  v_from timestamptz;
BEGIN
  FOR i IN 0 .. {statements} LOOP
    IF i = 1 THEN
      v_from := clock_timestamp();
    END IF;
    {sql};
  END LOOP;
  PERFORM set_config('bench.us', (extract(epoch FROM clock_timestamp() - v_from) * 1e6 / {statements})::text, true);
END $block$
"""


async def measure(parts: Parts) -> dict[str, Any]:
    """Return the medians of each kind of statement in both tables, in microseconds, and their ratios."""
    async with parts.site(1) as site:
        await _fill(site)
        app = await asyncpg.connect(site.env[f"{PREFIX}DATABASE_URL"])
        try:
            assert await app.fetchval("SHOW plan_cache_mode") == "force_custom_plan"
            found = {kind: await _compare(app, kind) for kind in _KINDS}
        finally:
            await app.close()
    met = all(kind["ratio"] <= GOAL for kind in found.values())
    return {"rows": TENANTS * EACH, "tenants": TENANTS, "kinds": found, "ratio_goal": GOAL, "met": met}


async def _fill(site: Site) -> None:
    admin = await asyncpg.connect(site.admin_url)
    try:
        await admin.execute(f"SET ROLE {OWNER}")
        for table in TABLES.values():
            await admin.execute(_MAKE.format(table=table, each=EACH, tenants=TENANTS))
        await admin.execute(f"SELECT konstruct_protect('{TABLES['guarded']}', 'SELECT, INSERT')")
        await admin.execute(f"GRANT SELECT, INSERT ON {TABLES['open']} TO konstruct_app")
        await admin.execute("RESET ROLE")
        await admin.execute("VACUUM ANALYZE")
        await admin.execute("CHECKPOINT")
    finally:
        await admin.close()


async def _compare(app: asyncpg.Connection[asyncpg.Record], kind: str) -> dict[str, float]:
    chance = random.Random(7)
    whole: dict[str, list[float]] = {name: [] for name in TABLES}
    bare: dict[str, list[float]] = {name: [] for name in TABLES}
    for _ in range(ROUNDS):
        tenant, number = chance.randrange(1, TENANTS + 1), chance.randrange(1, EACH + 1)
        for name in chance.sample(list(TABLES), 2):
            whole[name].append(await _transactions(app, kind, TABLES[name], tenant, number))
            bare[name].append(await _block(app, kind, TABLES[name], tenant, number))
    medians = {f"{name}_us": round(quantile(values, 0.5), 1) for name, values in whole.items()}
    medians |= {f"{name}_statement_us": round(quantile(values, 0.5), 1) for name, values in bare.items()}
    ratio, statement = (medians[f"guarded{unit}"] / medians[f"open{unit}"] for unit in ("_us", "_statement_us"))
    return medians | {"ratio": round(ratio, 3), "statement_ratio": round(statement, 3)}


async def _transactions(app: asyncpg.Connection[asyncpg.Record], kind: str, table: str, tenant: int, number: int) -> float:
    """Return the microseconds of the server's CPU for one transaction, the mean of a few in a row."""
    tenant_id, row, conversation = [_md5(text) for text in (f"{tenant}", f"{tenant}-{number}", f"{tenant}-{number % 2}")]
    which = {"point": row, "range": conversation, "insert": uuid4()}[kind]
    prepared = await app.prepare(_SENT[kind].format(table=table))
    used = _cpu_ns(app.get_server_pid())
    for _ in range(STATEMENTS):
        await app.execute(f"BEGIN; SET LOCAL app.tenant_id = '{tenant_id}'")
        await prepared.fetch(tenant_id, which)
        # What is inserted is taken back: both tables stay as they were made.
        await app.execute("ROLLBACK" if kind == "insert" else "COMMIT")
    return (_cpu_ns(app.get_server_pid()) - used) / 1000 / STATEMENTS


def _cpu_ns(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])


async def _block(app: asyncpg.Connection[asyncpg.Record], kind: str, table: str, tenant: int, number: int) -> float:
    """Return the microseconds of one statement, the mean of a block of them. What it inserts is taken back."""
    tenant_id, row, conversation = [_md5(text) for text in (f"{tenant}", f"{tenant}-{number}", f"{tenant}-{number % 2}")]
    await app.execute(f"BEGIN; SET LOCAL app.tenant_id = '{tenant_id}'")
    try:
        sql = _KINDS[kind].format(table=table)
        block = _BLOCK.format(statements=STATEMENTS, sql=sql, tenant=tenant_id, id=row, conversation=conversation)
        await app.execute(block)
        return float(await app.fetchval("SELECT current_setting('bench.us')"))
    finally:
        await app.execute("ROLLBACK")


def _md5(text: str) -> UUID:
    return UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
