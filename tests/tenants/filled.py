"""Two businesses with rows of every kind, and a superuser's look at all of them: at whatever table there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from konstruct.db.scope import TenantScope
from konstruct.local.postgres import Postgres
from konstruct.memory.documents import Documents
from konstruct.tenants import export_jobs, members_repository, notices, sessions, sign_in
from tests.support.hand import send, take_turn
from tests.support.house import House
from tests.support.slack_events import message
from tests.tenants.support import BROKEN, add_member


def canary_of(scope: TenantScope) -> str:
    """Return what stands in every text of a business, and nowhere else in the database."""
    return f"canary-{scope.tenant_id.hex[::-1][:14]}"


_DIRECT = """
INSERT INTO summaries (tenant_id, id, conversation_id, from_seq, to_seq, text, model)
SELECT $1, uuidv7(), c.id, 1, 1, 'summary ' || $2, 'm' FROM conversations c WHERE c.tenant_id = $1 LIMIT 1;
INSERT INTO llm_budgets (tenant_id, period, limit_micro) VALUES ($1, '2026-01-01', 5);
INSERT INTO llm_reservations (tenant_id, period, id, amount_micro, expires_at) VALUES ($1, '2026-01-01', uuidv7(), 5, now());
INSERT INTO tool_calls (tenant_id, turn_id, step, call_index, id, model_call_id, name, arguments, state, idempotency_key)
SELECT $1, s.turn_id, s.position, 0, uuidv7(), 'call-1', 'look', $2, 'intended', s.turn_id || '-0'
FROM steps s WHERE s.tenant_id = $1 LIMIT 1;
INSERT INTO dead_letters (tenant_id, id, kind, conversation_id, delivery_id, reason)
SELECT $1, uuidv7(), 'delivery', d.conversation_id, d.id, 'channel_not_found' FROM deliveries d WHERE d.tenant_id = $1 LIMIT 1;
INSERT INTO delivery_archive (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,
  owner_epoch, state, external_id, created_at, sent_at)
SELECT $1, uuidv7(- interval '41 days'), d.conversation_id, d.account_id, d.message_id, 1, 0, 'reply', d.channel_id, $2, 0,
  'sent', d.external_id, now() - interval '41 days', now() - interval '41 days' FROM deliveries d WHERE d.tenant_id = $1 LIMIT 1;
INSERT INTO streams (tenant_id, turn_id, delivery_id, conversation_id, account_id, channel_id, thread_id, state, external_id,
  epoch, asked_at)
SELECT $1, d.turn_id, d.id, d.conversation_id, d.account_id, d.channel_id, d.thread_id, 'still', d.external_id, 1, now()
FROM deliveries d WHERE d.tenant_id = $1 AND d.turn_id IS NOT NULL LIMIT 1;
INSERT INTO notice_mails (tenant_id, notice_id, round, member_id, state)
SELECT $1, n.id, 1, m.id, 'sent' FROM notices n, members m WHERE n.tenant_id = $1 AND m.tenant_id = $1 LIMIT 1;
INSERT INTO export_pieces (tenant_id, export_id, attempt, position, data)
SELECT $1, e.id, 1, 0, convert_to($2, 'UTF8') FROM exports e WHERE e.tenant_id = $1;
INSERT INTO llm_calls (tenant_id, id, turn_id, backend, model, outcome, latency_ms)
SELECT $1, uuidv7(), t.id, 'demo', $2, 'ok', 1 FROM turns t WHERE t.tenant_id = $1 LIMIT 1;
INSERT INTO usage_days (tenant_id, day, account_id, backend, model, shard, calls, failed_calls, unknown_cost_calls, input_tokens,
  cached_tokens, output_tokens, cost_micro) VALUES ($1, '2026-01-01', uuidv7(), 'demo', $2, 0, 1, 0, 0, 0, 0, 0, 0);
INSERT INTO usage_conversations (tenant_id, day, conversation_id, calls, unknown_cost_calls, input_tokens, cached_tokens,
  output_tokens, cost_micro) VALUES ($1, '2026-01-01', uuidv7(), 1, 0, 0, 0, 0, 0);
INSERT INTO channel_events (tenant_id, id, account_id, kind, content)
SELECT $1, uuidv7(), a.id, 'commanded', jsonb_build_object('text', $2::text) FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO channel_health (tenant_id, account_id, status, reason)
SELECT $1, a.id, 'active', $2 FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO channel_installs (tenant_id, id, kind, session_id, state_hash, expires_at)
SELECT $1, uuidv7(), 'slack', s.id, sha256(convert_to($2, 'UTF8')), now() + interval '1 minute'
FROM sessions s WHERE s.tenant_id = $1 LIMIT 1;
UPDATE channel_accounts SET account_name = $2, enterprise_id = $2, scopes = ARRAY[$2],
  token_expires_at = now() + interval '1 h' WHERE tenant_id = $1;
UPDATE channel_routes SET enterprise_id = $2 WHERE tenant_id = $1;
INSERT INTO conversation_notes (tenant_id, id, conversation_id, member_name, text)
SELECT $1, uuidv7(), c.id, $2, $2 FROM conversations c WHERE c.tenant_id = $1 LIMIT 1;
INSERT INTO conversation_events (tenant_id, conversation_id, owner_epoch, kind, member_name, message_id)
SELECT $1, m.conversation_id, 1, 'taken_over', $2, m.id FROM messages m WHERE m.tenant_id = $1 LIMIT 1;
INSERT INTO human_messages (tenant_id, message_id, conversation_id, seq, token, member_name)
SELECT $1, m.id, m.conversation_id, m.seq, uuidv7(), $2 FROM messages m WHERE m.tenant_id = $1 LIMIT 1;
INSERT INTO message_terms (tenant_id, term, message_id) SELECT $1, $2, m.id FROM messages m WHERE m.tenant_id = $1;
INSERT INTO message_files (tenant_id, message_id, file_id, text)
SELECT $1, m.id, 'F1', $2 FROM messages m WHERE m.tenant_id = $1 LIMIT 1;
INSERT INTO document_files (tenant_id, document_id, part, bytes)
SELECT $1, d.id, 0, convert_to($2, 'UTF8') FROM documents d WHERE d.tenant_id = $1;
INSERT INTO document_jobs (tenant_id, document_id) SELECT $1, d.id FROM documents d WHERE d.tenant_id = $1;
INSERT INTO tryouts (tenant_id, id, member_id, question, expires_at)
SELECT $1, uuidv7(), m.id, $2, now() + interval '1 h' FROM members m WHERE m.tenant_id = $1 LIMIT 1;
INSERT INTO api_keys (tenant_id, id, name, prefix, secret_hash, scopes, created_by, created_by_name)
SELECT $1, uuidv7(), $2, 'abcd', sha256(convert_to($2, 'UTF8')), '{x}', m.id, $2 FROM members m WHERE m.tenant_id = $1 LIMIT 1;
INSERT INTO api_requests (tenant_id, key_id, idempotency_key, request_hash, status, body, expires_at)
SELECT $1, k.id, 'once', k.secret_hash, 200, $2, now() + interval '1 h' FROM api_keys k WHERE k.tenant_id = $1;
INSERT INTO operator_accesses (tenant_id, id, operator_id, operator_name, reason, expires_at)
VALUES ($1, uuidv7(), uuidv7(), $2, 'because it must be', now() + interval '1 minute');
INSERT INTO operator_actions (tenant_id, id, operator_id, operator_name, action)
VALUES ($1, uuidv7(), uuidv7(), $2, 'retry_dead_letter');
INSERT INTO tenant_health (tenant_id) VALUES ($1);
INSERT INTO ratings (tenant_id, message_id, contact_id, conversation_id, good, comment, pressed_at)
SELECT $1, a.id, k.id, a.conversation_id, false, $2, now() FROM messages a, contacts k
WHERE a.tenant_id = $1 AND a.direction = 'out' AND k.tenant_id = $1 LIMIT 1;
INSERT INTO actions (tenant_id, id, account_id, kind, subject, who, person, options, state, decision, decided_by, decided_at,
  outcome, expires_at)
SELECT $1, gen_random_uuid(), a.id, 'pause', $2, 'person', $2,
  jsonb_build_array(jsonb_build_object('name', 'yes', 'label', $2::text)),
  'decided', 'yes', $2, now(), $2, now() FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO member_identities (tenant_id, account_id, external_id, member_id)
SELECT $1, a.id, $2, m.id FROM channel_accounts a, members m WHERE a.tenant_id = $1 AND m.tenant_id = $1 LIMIT 1;
INSERT INTO member_link_codes (tenant_id, member_id, code_hash, expires_at)
SELECT $1, m.id, sha256(convert_to($2, 'UTF8')), now() FROM members m WHERE m.tenant_id = $1 LIMIT 1;
INSERT INTO volume_pools (tenant_id, kind, portfolio) VALUES ($1, 'whatsapp', $2);
INSERT INTO volume_pools (tenant_id, kind, account_id, part_of)
SELECT $1, 'slack', a.id, p.id FROM channel_accounts a, volume_pools p WHERE a.tenant_id = $1 AND p.tenant_id = $1 LIMIT 1;
INSERT INTO volume_places (tenant_id, pool_id, person, until, delivery_id)
SELECT $1, p.id, k.id, now(), d.id FROM volume_pools p, contacts k, deliveries d
WHERE p.tenant_id = $1 AND k.tenant_id = $1 AND d.tenant_id = $1 LIMIT 1;
INSERT INTO volume_line (tenant_id, delivery_id, pool_id, conversation_id, due_at)
SELECT $1, d.id, p.id, d.conversation_id, now() FROM volume_pools p, deliveries d
WHERE p.tenant_id = $1 AND d.tenant_id = $1 LIMIT 1;
INSERT INTO volume_limits (tenant_id, pool_id, daily_limit, source)
SELECT $1, p.id, 250, 'poll' FROM volume_pools p WHERE p.tenant_id = $1 LIMIT 1;
INSERT INTO send_paces (tenant_id, account_id, next_at)
SELECT $1, a.id, now() FROM channel_accounts a WHERE a.tenant_id = $1 LIMIT 1;
INSERT INTO contact_aliases (tenant_id, account_id, alias, contact_id)
SELECT $1, k.account_id, $2, k.id FROM contacts k WHERE k.tenant_id = $1 LIMIT 1;
INSERT INTO channel_holdings (tenant_id, kind, level, holding) VALUES ($1, 'whatsapp', 'portfolio', $2);
INSERT INTO templates (tenant_id, id, kind, business_account_id, name, language, provider_id, state, category, quality, reason,
  components)
SELECT $1, uuidv7(), a.kind, $2, $2, 'en', $2, 'APPROVED', $2, $2, $2,
  jsonb_build_array(jsonb_build_object('type', 'BODY', 'text', $2 || ' {{1}}')) FROM channel_accounts a WHERE a.tenant_id = $1;
UPDATE channel_accounts SET business_account_id = $2, portfolio_id = $2, templates_failure = $2 WHERE tenant_id = $1;
UPDATE conversations c SET contact_id = m.contact_id FROM messages m
WHERE c.tenant_id = $1 AND m.tenant_id = $1 AND m.conversation_id = c.id AND m.contact_id IS NOT NULL;
INSERT INTO account_standings (tenant_id, account_id, level, rating, cause, polled_at, tried_at)
SELECT $1, a.id, 'no_outreach', 'no_outreach', 'quality_yellow', now(), now() FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO quality_history (tenant_id, account_id, id, quality, status, name_status, verified_name, display_number)
SELECT $1, a.id, uuidv7(), 'YELLOW', 'CONNECTED', 'APPROVED', $2, $2 FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO account_holds (tenant_id, id, account_id, cause, level, ended_at, ended_by_name, note)
SELECT $1, uuidv7(), a.id, 'breaker_failed', 'no_outreach', now(), $2, $2 FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO number_replacements (tenant_id, id, old_account_id, new_account_id, begun_by, template)
SELECT $1, uuidv7(), a.id, a.id, $2, jsonb_build_object('name', $2::text) FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO replaced_contacts (tenant_id, replacement_id, contact_id, moved, told, told_at)
SELECT $1, r.id, k.id, true, 'told', now() FROM number_replacements r, contacts k
WHERE r.tenant_id = $1 AND k.tenant_id = $1 LIMIT 1;
INSERT INTO delivery_charges (tenant_id, delivery_id, rank, day, category, billable, charge_type)
SELECT $1, d.id, 3, '2026-01-01', 'service', true, 'regular' FROM deliveries d WHERE d.tenant_id = $1 LIMIT 1;
INSERT INTO charge_days (tenant_id, day, conversation_id, category, charge_type, pricing_model, billable, account_id, messages)
VALUES ($1, '2026-01-01', uuidv7(), 'service', 'regular', 'pmp', true, uuidv7(), 1);
INSERT INTO consent_lists (tenant_id, id, account_id, kind, name, created_by, created_by_name)
SELECT $1, uuidv7(), k.account_id, 'import', $2, m.id, $2 FROM contacts k, members m
WHERE k.tenant_id = $1 AND m.tenant_id = $1 LIMIT 1;
INSERT INTO consent_attestations (tenant_id, list_id, statement, member_id, member_name)
SELECT $1, l.id, $2, l.created_by, $2 FROM consent_lists l WHERE l.tenant_id = $1;
INSERT INTO consents (tenant_id, id, contact_id, list_id, source, purpose, how, wording, wording_version, proof, obtained_at,
  recorded_by, recorded_by_name)
SELECT $1, uuidv7(), k.id, l.id, 'import', 'any', $2, $2, $2, $2, now() - interval '1 day', l.created_by, $2 FROM consent_lists l
JOIN contacts k ON k.tenant_id = l.tenant_id AND k.account_id = l.account_id WHERE l.tenant_id = $1 LIMIT 1;
SELECT consent_withdraw($1, c.contact_id, 'hand', 'any', $2, NULL, c.recorded_by, $2, now() - interval '1 hour')
FROM consents c WHERE c.tenant_id = $1;
INSERT INTO consent_uploads (tenant_id, id, account_id, member_id, name, rows, problems)
SELECT $1, uuidv7(), l.account_id, l.created_by, $2, jsonb_build_array(jsonb_build_object('line', 2, 'person_id', '4915112345678',
  'name', $2::text, 'evidence', jsonb_build_object('purpose', 'any', 'how', $2::text, 'wording', $2::text, 'proof', $2::text,
  'version', null, 'obtained_at', '2026-01-01T00:00:00+00:00', 'expires_at', null))), '[]'
FROM consent_lists l WHERE l.tenant_id = $1;
INSERT INTO channel_signups (tenant_id, id, kind, begun_by, wanted_business_account, wanted_account, business_account_id,
  portfolio_id, scopes, numbers, account_id, subscribed_at, registered_at, done_at)
SELECT $1, uuidv7(), 'whatsapp', $2, $2, $2, $2, $2, ARRAY[$2],
  jsonb_build_array(jsonb_build_object('id', '1', 'phone_number', '491', 'name', $2::text)), a.id, now(), now(), now()
FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO channel_acts (tenant_id, account_id, act, member_name)
SELECT $1, a.id, 'pin_shown', $2 FROM channel_accounts a WHERE a.tenant_id = $1;
INSERT INTO business_verifications (tenant_id, account_id, state, source, member_name)
SELECT $1, a.id, 'submitted', 'member', $2 FROM channel_accounts a WHERE a.tenant_id = $1
"""


async def fill(house: House, number: int) -> None:
    """Let a business live for a moment: a question answered and shown, people, documents, notices, an export."""
    scope, team, canary = house.scopes[number], house.teams[number], canary_of(house.scopes[number])
    assert await house.deliver(message(team, "D1", "U1", f"a question with {canary}")) == [200]
    await take_turn(house)
    await send(house)
    await Documents(house.db).add(scope, f"About {canary}", f"All that {canary} knows.", "test")
    refresh = await house.app.state.deps.vault.put(house.db, scope, "slack.refresh_token", f"xoxe-{canary}")
    member = await add_member(house.db, scope, "admin", f"{canary}@example.com")
    async with house.db.tenant(scope) as session:
        await sessions.open_session(session, member, canary)
        await sign_in.create_invitation(session, member)
        await notices.raise_notice(session, BROKEN)
        await export_jobs.ask(session, member)
        owner = await members_repository.first_owner(session)
        await session.execute("UPDATE tenants SET name = name || ' ' || $2 WHERE tenant_id = $1", scope.tenant_id, canary)
        await session.execute("UPDATE members SET name = $3 WHERE tenant_id = $1 AND id = $2", scope.tenant_id, owner, canary)
        sql = "UPDATE channel_accounts SET refresh_secret_id = $2 WHERE tenant_id = $1"
        await session.execute(sql, scope.tenant_id, refresh)
        for statement in _DIRECT.split(";\n"):
            await session.execute(statement, scope.tenant_id, *([canary] if "$2" in statement else []))
    async with house.db.fleet("test") as fleet:
        await fleet.execute("INSERT INTO search_progress (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", scope.tenant_id)


class Overview:
    """The whole database, seen by a superuser, whom no policy holds."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.connection = connection

    async def tables(self) -> list[str]:
        """Return every table that has rows of tenants, partitions not counted."""
        rows = await self.connection.fetch(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        return [row[0] for row in rows]

    async def counts(self, scope: TenantScope) -> dict[str, int]:
        """Return how many rows a tenant has in each table."""
        sql = "SELECT count(*) FROM {} WHERE tenant_id = $1"
        return {name: await self.connection.fetchval(sql.format(name), scope.tenant_id) for name in await self.tables()}

    async def checksums(self, scope: TenantScope) -> dict[str, str]:
        """Return a checksum of a tenant's rows in each table."""
        sql = "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t WHERE tenant_id = $1"
        return {name: await self.connection.fetchval(sql.format(name), scope.tenant_id) for name in await self.tables()}

    async def mentions(self, text: str) -> list[str]:
        """Return the tables, with or without a tenant, in which any row holds `text`, as text or as bytes."""
        names = await self.connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        found = []
        for (name,) in names:
            sql = f"SELECT EXISTS (SELECT 1 FROM {name} t WHERE t::text LIKE $1 OR t::text LIKE $2)"
            if await self.connection.fetchval(sql, f"%{text}%", f"%{text.encode().hex()}%"):
                found.append(name)
        return found


@asynccontextmanager
async def overview(cluster: Postgres) -> AsyncIterator[Overview]:
    """Look at the tests' database as its superuser."""
    address = urlunsplit(urlsplit(cluster.admin_url)._replace(path="/konstruct_test"))
    connection = await asyncpg.connect(address)
    try:
        yield Overview(connection)
    finally:
        await connection.close()
