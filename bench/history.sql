-- What a year leaves beside `filling.sql`, of one tenant: bodies, keys, idle lanes, and shown deliveries where they end up.
-- Setting: bench.tenant. The keys are all of the last fourteen days, as if the year had been that busy in the end.
INSERT INTO inbound_events (tenant_id, received_at, id, account_id, event_key, body)
SELECT m.tenant_id, m.created_at, m.id, c.account_id, 'Ev' || m.id, convert_to(repeat('a body as Slack sends it ', 32), 'UTF8')
FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
WHERE m.tenant_id = current_setting('bench.tenant')::uuid AND m.direction = 'in';

INSERT INTO dedupe_keys (tenant_id, key, message_id, seen_at)
SELECT m.tenant_id, k || m.id, m.id, now() - random() * interval '14 days' FROM messages m, unnest(ARRAY['event:', 'post:']) AS k
WHERE m.tenant_id = current_setting('bench.tenant')::uuid AND m.direction = 'in';

INSERT INTO ready_queue (tenant_id, conversation_id, lane, state, seq, claimed_seq, ready_since, due_at, epoch)
SELECT c.tenant_id, c.id, lane, 'idle', 25, 25, c.created_at, c.created_at, 25
FROM conversations c, unnest(ARRAY['turn', 'send']) AS lane WHERE c.tenant_id = current_setting('bench.tenant')::uuid;

WITH shown AS (
  DELETE FROM deliveries d WHERE d.tenant_id = current_setting('bench.tenant')::uuid AND d.sent_at < now() - interval '30 days'
  RETURNING d.*
)
INSERT INTO delivery_archive (tenant_id, id, conversation_id, account_id, turn_id, message_id, position, part, kind, channel_id, body,
  owner_epoch, state, attempt, external_id, created_at, sent_at)
SELECT tenant_id, uuidv7(created_at - now()), conversation_id, account_id, turn_id, message_id, position, part, kind, channel_id,
  body, owner_epoch, state, attempt, external_id, created_at, sent_at FROM shown;
