-- A business's past: 10 conversations of 10 messages each, with what belongs to them, and some documents.
-- It has an account, an agent and a first conversation already.
INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)
SELECT a.tenant_id, uuidv7(make_interval(days => -g)), a.id, 'UP' || g, 'Person ' || g
FROM channel_accounts a, generate_series(1, 10) AS g WHERE a.tenant_id = :tenant;

INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key, engaged, next_seq,
  created_at, last_message_at, owner)
SELECT a.tenant_id, uuidv7(make_interval(days => -g)), a.id, a.agent_id, 'DP' || g, 'direct', 'DP' || g, 'person', 'UP' || g, true, 11,
  now() - make_interval(days => g), now() - make_interval(days => g), CASE WHEN g = 10 THEN 'human' ELSE 'ai' END
FROM channel_accounts a, generate_series(1, 10) AS g WHERE a.tenant_id = :tenant;

INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, state, outcome, started_at, deadline_at,
  finished_at)
SELECT c.tenant_id, uuidv7(c.created_at - now()), c.id, c.agent_id, 1, 1, 0, 'done', 'answered', c.created_at, c.created_at,
  c.created_at
FROM conversations c WHERE c.tenant_id = :tenant AND c.channel_id LIKE 'DP%';

INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, contact_id, author, text, external_id, addressed, state, turn_id, sent_at,
  created_at)
SELECT c.tenant_id, uuidv7(c.created_at - now() + make_interval(secs => s)), c.id, s, CASE WHEN s % 2 = 1 THEN 'in' ELSE 'out' END,
  CASE WHEN s % 2 = 1 THEN k.id END, CASE WHEN s % 2 = 1 THEN 'contact' ELSE 'ai' END, 'battery and warranty, day ' || s, c.channel_id || s,
  s % 2 = 1, CASE WHEN s % 2 = 1 THEN 'answered' ELSE 'sent' END, t.id, c.created_at, c.created_at
FROM conversations c JOIN turns t ON t.tenant_id = c.tenant_id AND t.conversation_id = c.id
JOIN contacts k ON k.tenant_id = c.tenant_id AND k.external_id = c.audience_key, generate_series(1, 10) AS s
WHERE c.tenant_id = :tenant AND c.channel_id LIKE 'DP%';

INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, turn_id, message_id, position, part, kind, channel_id, body, owner_epoch,
  state, attempt, external_id, created_at, sent_at)
SELECT m.tenant_id, uuidv7(m.created_at - now()), m.conversation_id, c.account_id, m.turn_id, m.id, m.seq, 0, 'reply', c.channel_id, 'x', 0,
  'sent', 1, m.external_id, m.created_at, m.created_at
FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
WHERE m.tenant_id = :tenant AND m.seq = 2 AND c.channel_id LIKE 'DP%';
INSERT INTO delivery_attempts (tenant_id, delivery_id, attempt, ended_at, outcome)
SELECT tenant_id, id, 1, now(), 'sent' FROM deliveries WHERE tenant_id = :tenant ON CONFLICT DO NOTHING;
INSERT INTO dead_letters (tenant_id, id, kind, conversation_id, delivery_id, reason, created_at, resolved_at, resolution)
SELECT tenant_id, uuidv7(created_at - now()), 'delivery', conversation_id, id, 'x', created_at, created_at, 'discarded' FROM deliveries
WHERE tenant_id = :tenant ON CONFLICT DO NOTHING;
INSERT INTO steps (tenant_id, turn_id, position, kind, content, epoch)
SELECT tenant_id, id, 0, 'model', '{"text": "x", "tool_calls": []}', 1 FROM turns WHERE tenant_id = :tenant ON CONFLICT DO NOTHING;
INSERT INTO llm_calls (tenant_id, id, turn_id, step, backend, model, outcome, latency_ms, created_at)
SELECT tenant_id, uuidv7(started_at - now()), id, 0, 'demo', 'm', 'ok', 1, started_at FROM turns WHERE tenant_id = :tenant;
INSERT INTO message_terms (tenant_id, term, message_id)
SELECT tenant_id, 'battery', id FROM messages WHERE tenant_id = :tenant AND seq <= 3 ON CONFLICT DO NOTHING;
UPDATE search_progress SET due_at = now() + interval '1 hour' WHERE tenant_id = :tenant;
INSERT INTO dedupe_keys (tenant_id, key, message_id) SELECT tenant_id, 'slack:' || id, id FROM messages WHERE tenant_id = :tenant AND seq = 1;
-- Nearly all keys are days old, as in any installation: the newest are few.
UPDATE dedupe_keys SET seen_at = now() - interval '3 days' WHERE tenant_id = :tenant;
INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body)
SELECT c.tenant_id, c.id, c.account_id, c.external_key, 'x' FROM conversations c WHERE c.tenant_id = :tenant;
INSERT INTO ready_queue (tenant_id, conversation_id, lane, state, claimed_seq)
SELECT c.tenant_id, c.id, lane, 'idle', 1 FROM conversations c, unnest(ARRAY['turn', 'send']) AS lane WHERE c.tenant_id = :tenant
ON CONFLICT DO NOTHING;
INSERT INTO documents (tenant_id, id, title, source, content, sha256)
SELECT :tenant, uuidv7(), 'Paper ' || g, 'past', repeat('Opening hours. ', 20) || g, sha256(convert_to(repeat('Opening hours. ', 20) || g, 'UTF8'))
FROM generate_series(1, 5) AS g;
INSERT INTO chunks (tenant_id, id, document_id, position, text, source)
SELECT tenant_id, uuidv7(), id, p, content, 'past' FROM documents, generate_series(0, 1) AS p WHERE tenant_id = :tenant AND source = 'past';
