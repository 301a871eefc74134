-- One tenant's past. Settings: bench.tenant, bench.conversations.
CREATE OR REPLACE FUNCTION pg_temp.at(p_age interval) RETURNS uuid LANGUAGE sql AS $$ SELECT uuidv7(-p_age) $$;

CREATE TEMP TABLE me ON COMMIT PRESERVE ROWS AS
SELECT a.tenant_id, a.id AS account_id, a.agent_id, current_setting('bench.conversations')::int AS n
FROM channel_accounts a WHERE a.tenant_id = current_setting('bench.tenant')::uuid;

INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)
SELECT tenant_id, uuidv7(), account_id, 'UC' || g, 'Person ' || g FROM me, generate_series(1, 500) AS g;

CREATE TEMP TABLE talk ON COMMIT PRESERVE ROWS AS
SELECT me.*, g, pg_temp.at(age) AS id, age FROM me, generate_series(1, me.n) AS g,
  LATERAL (SELECT make_interval(secs => 31e6 * g / me.n) AS age) AS spread;

INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key, engaged,
  next_seq, created_at, last_message_at)
SELECT tenant_id, id, account_id, agent_id, 'DC' || g, 'direct', 'DC' || g, 'person', 'UC' || (g % 500 + 1), true, 51, now() - age, now() - age
FROM talk;

CREATE TEMP TABLE pair ON COMMIT PRESERVE ROWS AS
SELECT t.*, p, pg_temp.at(t.age) AS question_id, pg_temp.at(t.age) AS answer_id, pg_temp.at(t.age) AS turn_id
FROM talk t, generate_series(1, 25) AS p;

INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, state, outcome, reason, started_at,
  deadline_at, finished_at)
SELECT tenant_id, turn_id, id, agent_id, 1, p, 0, 'done', CASE WHEN p = 7 THEN 'fallback' ELSE 'answered' END,
  CASE WHEN p = 7 THEN 'model_down' END, now() - age, now() - age + interval '2 min', now() - age + interval '3 s' FROM pair;

INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, contact_id, author, text, external_id, addressed, state, turn_id, sent_at, created_at)
SELECT q.tenant_id, q.question_id, q.id, 2 * p - 1, 'in', k.id, 'contact', 'When do you open on day ' || p || ', and what does a service of type ' || g || ' cost?',
  'q' || p, true, 'answered', q.turn_id, now() - age, now() - age
FROM pair q JOIN contacts k ON k.tenant_id = q.tenant_id AND k.account_id = q.account_id AND k.external_id = 'UC' || (q.g % 500 + 1);
INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, external_id, state, turn_id, sent_at, created_at)
SELECT tenant_id, answer_id, id, 2 * p, 'out', 'ai', 'We open at nine. The service costs ' || g || ' pounds, and takes two days as a rule.', 'a' || p, 'sent', turn_id,
  now() - age + interval '3 s', now() - age + interval '3 s' FROM pair;

INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, turn_id, message_id, position, part, kind, channel_id, body, owner_epoch,
  state, attempt, external_id, created_at, sent_at)
SELECT tenant_id, uuidv7(), id, account_id, turn_id, answer_id, 2 * p, 0, 'reply', 'DC' || g, 'We open at nine.', 0, 'sent', 1, 'a' || p,
  now() - age, now() - age FROM pair;

INSERT INTO steps (tenant_id, turn_id, position, kind, content, epoch, created_at)
SELECT tenant_id, turn_id, 0, 'model', '{"text": "We open at nine.", "tool_calls": []}', p, now() - age FROM pair;

INSERT INTO llm_calls (tenant_id, id, turn_id, step, backend, model, outcome, input_tokens, cached_tokens, output_tokens, cost_micro, latency_ms,
  first_token_ms, created_at)
SELECT tenant_id, uuidv7(-age), turn_id, 0, 'openai_compat', 'bench', 'ok', 1800, 900, 60, 420, 1500, 400, now() - age FROM pair;

INSERT INTO usage_days (tenant_id, day, account_id, backend, model, shard, calls, failed_calls, unknown_cost_calls, input_tokens, cached_tokens,
  output_tokens, cost_micro)
SELECT p.tenant_id, usage_day(p.tenant_id, now() - p.age), p.account_id, 'openai_compat', 'bench', 0, count(*), 0, 0, count(*) * 1800, count(*) * 900,
  count(*) * 60, count(*) * 420 FROM pair p GROUP BY 1, 2, 3;
INSERT INTO usage_conversations (tenant_id, day, conversation_id, calls, unknown_cost_calls, input_tokens, cached_tokens, output_tokens, cost_micro)
SELECT p.tenant_id, usage_day(p.tenant_id, now() - p.age), p.id, count(*), 0, count(*) * 1800, count(*) * 900, count(*) * 60, count(*) * 420
FROM pair p GROUP BY 1, 2, 3;

INSERT INTO documents (tenant_id, id, title, source, content, sha256)
SELECT tenant_id, uuidv7(), 'Handbook ' || g, 'bench', repeat('Opening hours are from nine to five. ', 20) || g,
  sha256(convert_to(repeat('Opening hours are from nine to five. ', 20) || g, 'UTF8')) FROM me, generate_series(1, 40) AS g;
INSERT INTO chunks (tenant_id, id, document_id, position, text, source)
SELECT d.tenant_id, uuidv7(), d.id, p, repeat('Opening hours are from nine to five. ', 10), 'bench'
FROM documents d, generate_series(0, 9) AS p WHERE d.tenant_id = current_setting('bench.tenant')::uuid;
DROP TABLE pair, talk, me;
