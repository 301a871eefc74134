"""Every text column of every tenant's table: it carries marks, or it is said here why it cannot."""

from __future__ import annotations

from konstruct.db.scope import TenantScope
from tests.isolation.canary.marks import Marks, found_in
from tests.isolation.canary.plant import Plant

_COLUMNS = """
SELECT c.relname AS name, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS kind
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND EXISTS (SELECT 1 FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
  AND format_type(a.atttypid, a.atttypmod) ~ '^(text|jsonb?|bytea|character|name|xml|citext|halfvec)'
ORDER BY 1, 2
"""
"""Of the catalogue: a new table or column is here by itself."""

_WORD = "a word of a fixed set"
_HASH = "a hash"
_IDS = "made of ids, numbers and times"
_PROVIDER = "the provider's own word"
ALLOWED = {
    "account_holds": {"cause": _WORD, "figures": "numbers", "level": _WORD},
    "account_standings": {
        "cause": _WORD, "hold": _WORD, "level": _WORD, "poll_problem": _PROVIDER, "rating": _WORD, "restriction": _WORD,
    },
    "actions": {"decision": _WORD, "kind": _WORD, "least_role": _WORD, "state": _WORD, "who": _WORD},
    "api_keys": {"prefix": "the beginning of a random secret", "secret_hash": _HASH, "scopes": _WORD},
    "api_requests": {"request_hash": _HASH},
    "business_verifications": {"said": _WORD, "source": _WORD, "state": _WORD},
    "channel_acts": {"act": _WORD},
    "channel_signups": {"kind": _WORD, "problem": "a code of the provider's"},
    "channel_accounts": {"app_id": "the platform's own app", "kind": _WORD, "phone_number": "digits", "status": _WORD},
    "channel_holdings": {"kind": _WORD, "level": _WORD},
    "channel_health": {"status": _WORD},
    "channel_installs": {"kind": _WORD, "state_hash": _HASH},
    "channel_routes": {"app_id": "the platform's own app", "kind": _WORD},
    "contacts": {"context": _IDS},
    "charge_days": {"category": _PROVIDER, "charge_type": _PROVIDER, "pricing_model": _PROVIDER},
    "chunks": {"audience": _WORD, "embedding": "numbers", "audience_key": "empty, until documents have audiences"},
    "consent_lists": {"kind": _WORD},
    "consents": {"purpose": _WORD, "source": _WORD},
    "conversation_events": {"kind": _WORD},
    "conversations": {"audience": _WORD, "kind": _WORD, "owner": _WORD},
    "dead_letters": {"kind": _WORD, "resolution": _WORD},
    "deliveries": {"external_id": _IDS, "form": _WORD, "kind": _WORD, "receipt": _WORD, "state": _WORD, "thread_id": _IDS},
    "delivery_archive": {"external_id": _IDS, "form": _WORD, "kind": _WORD, "receipt": _WORD, "state": _WORD, "thread_id": _IDS},
    "delivery_attempts": {"outcome": _WORD},
    "delivery_charges": {"category": _PROVIDER, "charge_type": _PROVIDER, "pricing_model": _PROVIDER},
    "documents": {
        "content_sha256": _HASH, "file_sha256": _HASH, "mime": _WORD, "sha256": _HASH, "status": _WORD,
    },
    "document_files": {"bytes": "the file until it is read, which is then in `documents`"},
    "export_pieces": {"data": "compressed; the export is looked into as a sink of its own"},
    "exports": {"reason": _WORD, "state": _WORD},
    "fair_shares": {"lane": _WORD},
    "llm_calls": {"backend": _WORD, "outcome": _WORD},
    "member_emails": {"email_hash": _HASH},
    "member_link_codes": {"code_hash": _HASH},
    "members": {"role": _WORD},
    "message_files": {"file_id": _IDS},
    "messages": {"context": _IDS, "author": _WORD, "direction": _WORD, "external_id": _IDS, "state": _WORD, "thread_id": _IDS},
    "notice_mails": {"state": _WORD},
    "notices": {"action_path": _IDS, "kind": _WORD, "resolution": _WORD, "severity": _WORD, "subject_key": _IDS},
    "operator_accesses": {"operator_name": "an operator's own name"},
    "operator_actions": {"action": _WORD, "operator_name": "an operator's own name"},
    "persona_versions": {"tone": _WORD, "working_hours": "times and the name of a time zone"},
    "quality_history": {
        "display_number": "the number itself", "health": _PROVIDER, "name_status": _PROVIDER, "quality": _PROVIDER,
        "status": _PROVIDER, "throughput": _PROVIDER, "verification": _PROVIDER,
    },
    "ready_queue": {"lane": _WORD, "state": _WORD},
    "replaced_contacts": {"told": _WORD},
    "secrets": {"purpose": _WORD, "sealed": "sealed: the token must not be found in it", "wrapped_key": "sealed"},
    "sign_in_links": {"browser_hash": _HASH, "code_hash": _HASH, "kind": _WORD, "token_hash": _HASH},
    "sessions": {"token_hash": _HASH},
    "steps": {"kind": _WORD},
    "streams": {"state": _WORD, "thread_id": _IDS},
    "templates": {"kind": _WORD, "language": "a language's code"},
    "tenant_directory": {"status": _WORD},
    "tenant_jobs": {"kind": _WORD},
    "tenants": {"time_zone": "the name of a time zone"},
    "tool_calls": {"idempotency_key": _IDS, "state": _WORD},
    "tryouts": {"reason": _WORD},
    "turns": {"outcome": _WORD, "state": _WORD},
    "usage_days": {"backend": _WORD},
    "volume_limits": {"source": _WORD},
    "volume_pools": {"kind": _WORD},
    "withdrawal_ids": {"id_hash": _HASH},
    "withdrawals": {"purpose": _WORD, "source": _WORD},
}  # fmt: skip
"""What cannot hold a business's words, and why."""

_DIRECT = (
    ("summary", "INSERT INTO summaries (tenant_id, id, conversation_id, from_seq, to_seq, text, model)"
     " SELECT $1, uuidv7(), c.id, 1, 1, $2, $2 FROM conversations c WHERE c.tenant_id = $1 LIMIT 1"),
    ("file", "INSERT INTO message_files (tenant_id, message_id, file_id, text)"
     " SELECT $1, m.id, 'FDIRECT1', $2 FROM messages m WHERE m.tenant_id = $1 LIMIT 1"),
    ("filereason", "INSERT INTO message_files (tenant_id, message_id, file_id, reason)"
     " SELECT $1, m.id, 'FDIRECT2', $2 FROM messages m WHERE m.tenant_id = $1 LIMIT 1"),
    ("businessaccount", "UPDATE channel_accounts SET business_account_id = $2 WHERE tenant_id = $1"),
    ("portfolio", "UPDATE channel_accounts SET portfolio_id = $2 WHERE tenant_id = $1"),
    ("alias", "INSERT INTO contact_aliases (tenant_id, account_id, alias, contact_id)"
     " SELECT $1, k.account_id, $2, k.id FROM contacts k WHERE k.tenant_id = $1 LIMIT 1"),
    ("signup", "INSERT INTO channel_signups (tenant_id, id, kind, begun_by, wanted_business_account, wanted_account,"
     " business_account_id, portfolio_id, scopes, numbers, account_id)"
     " SELECT $1, uuidv7(), 'whatsapp', $2, $2, $2, $2, $2, ARRAY[$2],"
     " jsonb_build_array(jsonb_build_object('id', '1', 'phone_number', '491', 'name', $2::text)), a.id"
     " FROM channel_accounts a WHERE a.tenant_id = $1 LIMIT 1"),
    ("pinseenby", "INSERT INTO channel_acts (tenant_id, account_id, act, member_name)"
     " SELECT $1, a.id, 'pin_shown', $2 FROM channel_accounts a WHERE a.tenant_id = $1 LIMIT 1"),
    ("verifiedby", "INSERT INTO business_verifications (tenant_id, account_id, state, source, member_name)"
     " SELECT $1, a.id, 'submitted', 'member', $2 FROM channel_accounts a WHERE a.tenant_id = $1 LIMIT 1"),
    ("holding", "INSERT INTO channel_holdings (tenant_id, kind, level, holding) VALUES ($1, 'whatsapp', 'portfolio', $2)"),
    ("pool", "INSERT INTO volume_pools (tenant_id, kind, portfolio) VALUES ($1, 'whatsapp', $2)"),
    ("statusreason", "UPDATE channel_accounts SET status_reason = $2, templates_failure = $2 WHERE tenant_id = $1"),
    ("consentlist", "INSERT INTO consent_lists (tenant_id, id, account_id, kind, name, created_by_name)"
     " SELECT $1, uuidv7(), a.id, 'import', $2, $2 FROM channel_accounts a WHERE a.tenant_id = $1 LIMIT 1"),
    ("attestation", "INSERT INTO consent_attestations (tenant_id, list_id, statement, member_name)"
     " SELECT $1, l.id, $2, $2 FROM consent_lists l WHERE l.tenant_id = $1"),
    ("consent", "INSERT INTO consents (tenant_id, id, contact_id, list_id, source, purpose, how, wording, wording_version,"
     " proof, obtained_at, recorded_by_name) SELECT $1, uuidv7(), k.id, l.id, 'import', 'any', $2, $2, $2, $2, now(), $2"
     " FROM consent_lists l JOIN contacts k ON k.tenant_id = l.tenant_id AND k.account_id = l.account_id"
     " WHERE l.tenant_id = $1 LIMIT 1"),
    ("withdrawal", "INSERT INTO withdrawals (tenant_id, id, account_id, contact_id, source, purpose, said, recorded_by_name,"
     " withdrawn_at) SELECT $1, uuidv7(), k.account_id, k.id, 'hand', 'any', $2, $2, now() FROM contacts k"
     " WHERE k.tenant_id = $1 LIMIT 1"),
    ("consentupload", "INSERT INTO consent_uploads (tenant_id, id, account_id, member_id, name, rows, problems)"
     " SELECT $1, uuidv7(), a.id, m.id, $2, jsonb_build_array(jsonb_build_object('line', 2, 'person_id', '4915112345678',"
     " 'name', $2::text, 'evidence', jsonb_build_object('purpose', 'any', 'how', $2::text, 'wording', $2::text, 'proof',"
     " $2::text, 'version', null, 'obtained_at', '2026-01-01T00:00:00+00:00', 'expires_at', null))),"
     " jsonb_build_array(jsonb_build_object('line', 3, 'said', $2::text))"
     " FROM channel_accounts a, members m WHERE a.tenant_id = $1 AND m.tenant_id = $1 LIMIT 1"),
    ("channelevent", "INSERT INTO channel_events (tenant_id, id, account_id, kind, content)"
     " SELECT $1, uuidv7(), a.id, $2, jsonb_build_object('text', $2::text) FROM channel_accounts a WHERE a.tenant_id = $1"),
    ("healthreason", "INSERT INTO channel_health (tenant_id, account_id, status, reason)"
     " SELECT $1, a.id, 'active', $2 FROM channel_accounts a WHERE a.tenant_id = $1"),
    ("buttons", "UPDATE deliveries SET extras = jsonb_build_object('buttons', jsonb_build_array(jsonb_build_object("
     "'id', 'a1', 'label', $2::text, 'style', 'plain'))) WHERE tenant_id = $1"),
    ("receiptreason", "UPDATE deliveries SET receipt = 'failed', receipt_at = now(), receipt_reason = $2"
     " WHERE tenant_id = $1 AND state = 'sent'"),
    ("stream", "INSERT INTO streams (tenant_id, turn_id, delivery_id, conversation_id, account_id, channel_id, state,"
     " external_id, epoch, asked_at) SELECT $1, d.turn_id, d.id, d.conversation_id, d.account_id, d.channel_id, 'still', $2,"
     " 1, now() FROM deliveries d WHERE d.tenant_id = $1 AND d.turn_id IS NOT NULL LIMIT 1"),
    ("archived", "WITH moved AS (DELETE FROM deliveries WHERE tenant_id = $1 AND id ="
     " (SELECT id FROM deliveries WHERE tenant_id = $1 AND state = 'sent' AND kind = 'reply' ORDER BY id LIMIT 1) RETURNING *)"
     " INSERT INTO delivery_archive SELECT r.* FROM moved m, jsonb_populate_record(NULL::delivery_archive, to_jsonb(m)"
     " || jsonb_build_object('tries', jsonb_build_array(jsonb_build_object('reason', $2::text)))) r"),
    ("archivereason", "UPDATE delivery_archive SET reason = $2 WHERE tenant_id = $1"),
    ("letterreason", "UPDATE dead_letters SET reason = $2 WHERE tenant_id = $1 AND kind = 'delivery'"),
    ("deliveryreason", "UPDATE deliveries SET reason = $2 WHERE tenant_id = $1 AND state = 'failed'"),
    ("attemptreason", "UPDATE delivery_attempts SET reason = $2 WHERE tenant_id = $1 AND outcome <> 'sent'"),
    ("turnreason", "UPDATE turns SET reason = $2 WHERE tenant_id = $1 AND outcome = 'fallback'"),
    ("turnfailure", "UPDATE turns SET failure = jsonb_build_object('kind', $2::text)"
     " WHERE tenant_id = $1 AND failure IS NOT NULL"),
    ("toolreason", "UPDATE tool_calls SET reason = $2 WHERE tenant_id = $1"),
    ("toolresult", "UPDATE tool_calls SET result = to_jsonb($2::text) WHERE tenant_id = $1"),
    ("documentreason", "UPDATE documents SET reason = $2 WHERE tenant_id = $1 AND status = 'failed'"),
    ("noticetitle", "UPDATE notices SET title = title || ' ' || $2 WHERE tenant_id = $1"),
    ("noticebody", "UPDATE notices SET body = body || ' ' || $2 WHERE tenant_id = $1"),
    ("browser", "UPDATE sessions SET browser = $2 WHERE tenant_id = $1"),
    ("rating", "INSERT INTO ratings (tenant_id, message_id, contact_id, conversation_id, good, comment, pressed_at)"
     " SELECT $1, m.id, k.id, m.conversation_id, false, $2, now() FROM messages m, contacts k"
     " WHERE m.tenant_id = $1 AND m.direction = 'out' AND k.tenant_id = $1 LIMIT 1"),
    ("action", "INSERT INTO actions (tenant_id, id, account_id, kind, subject, who, person, options, state, decision, decided_by,"
     " decided_at, outcome, expires_at) SELECT $1, gen_random_uuid(), a.id, 'pause', $2, 'person', $2,"
     " jsonb_build_array(jsonb_build_object('name', 'yes', 'label', $2::text)), 'decided', 'yes', $2, now(), $2, now()"
     " FROM channel_accounts a WHERE a.tenant_id = $1"),
    ("identity", "INSERT INTO member_identities (tenant_id, account_id, external_id, member_id)"
     " SELECT $1, a.id, $2, m.id FROM channel_accounts a, members m WHERE a.tenant_id = $1 AND m.tenant_id = $1 LIMIT 1"),
    ("pausedby", "UPDATE channel_accounts SET paused_at = now(), paused_by = $2 WHERE tenant_id = $1"),
    ("verifiedname", "INSERT INTO quality_history (tenant_id, account_id, id, verified_name)"
     " SELECT $1, a.id, uuidv7(), $2 FROM channel_accounts a WHERE a.tenant_id = $1"),
    ("holdnote", "INSERT INTO account_holds (tenant_id, id, account_id, cause, level, ended_at, ended_by_name, note)"
     " SELECT $1, uuidv7(), a.id, 'breaker_failed', 'no_outreach', now(), $2, $2 FROM channel_accounts a WHERE a.tenant_id = $1"),
    ("replacement", "INSERT INTO number_replacements (tenant_id, id, old_account_id, new_account_id, begun_by, template)"
     " SELECT $1, uuidv7(), a.id, a.id, $2, jsonb_build_object('name', $2::text) FROM channel_accounts a WHERE a.tenant_id = $1"),
    ("template", "INSERT INTO templates (tenant_id, id, kind, business_account_id, name, language, provider_id, state, category,"
     " quality, reason, components) VALUES ($1, uuidv7(), 'whatsapp', $2, $2, 'en', $2, $2, $2, $2, $2,"
     " jsonb_build_array($2::text))"),
    ("actionreason", "UPDATE operator_actions SET reason = $2 WHERE tenant_id = $1"),
)  # fmt: skip
"""What no story reaches yet, or what the product writes in its own words only."""


async def write_the_rest(plant: Plant, number: int) -> None:
    """Put marks where the story left none."""
    for label, sql in _DIRECT:
        status = await plant.admin.execute(sql, plant.scopes[number].tenant_id, plant.marks[number](label))
        assert not status.endswith(" 0"), f"{label}: there is no row to hold it"


async def unmarked(plant: Plant) -> tuple[list[str], list[str]]:
    """Return the columns that carry no mark of a business and no reason here, and the reasons that are not needed."""
    bare, seen = [], set()
    for name, column, _ in await plant.admin.fetch(_COLUMNS):
        allowed = column in ALLOWED.get(name, {})
        seen.add((name, column))
        for scope, marks in zip(plant.scopes, plant.marks, strict=True):
            if not allowed and not await _marked(plant, scope, marks, name, column):
                bare.append(f"{name}.{column} of {marks.number}")
    idle = [f"{name}.{column}" for name, columns in ALLOWED.items() for column in columns if (name, column) not in seen]
    return bare, idle


async def _marked(plant: Plant, scope: TenantScope, marks: Marks, name: str, column: str) -> bool:
    found = await plant.admin.fetch(f'SELECT "{column}"::text FROM {name} WHERE tenant_id = $1', scope.tenant_id)
    return any(number == marks.number for row in found for number, _ in found_in(str(row[0])))
