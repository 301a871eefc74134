-- What a turn's timeline shows beside its rows. Moments are milliseconds after the turn was started; null where a row is
-- older than its column.
ALTER TABLE turns
  ADD COLUMN recalls jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(recalls) = 'array'),
  ADD COLUMN failure jsonb CHECK (jsonb_typeof(failure) = 'object');
ALTER TABLE steps ADD COLUMN started_ms integer, ADD COLUMN ended_ms integer;
ALTER TABLE llm_calls ADD COLUMN started_ms integer;

-- Each call that was to show a delivery: written with the change of state that it belongs to.
CREATE TABLE delivery_attempts (
  tenant_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  attempt integer NOT NULL CHECK (attempt >= 1),
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  outcome text CHECK (outcome IN ('sent', 'retry', 'unknown', 'failed', 'cancelled')),
  reason text,
  PRIMARY KEY (tenant_id, delivery_id, attempt),
  FOREIGN KEY (tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id) ON DELETE CASCADE,
  CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
SELECT konstruct_protect('delivery_attempts');

-- usage_day: the business's own day of a moment. The one place that says whose midnight counts.
CREATE FUNCTION usage_day(p_tenant uuid, p_at timestamptz) RETURNS date LANGUAGE sql STABLE
RETURN (p_at AT TIME ZONE 'UTC')::date;
REVOKE ALL ON FUNCTION usage_day(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_day(uuid, timestamptz) TO konstruct_app;

-- What llm_calls adds up to, written by the statement that writes them. A call without a known cost is counted in
-- unknown_cost_calls and adds nothing to cost_micro. Turns at the same time would wait for each other's row: hence the shards.
-- account_id is all zero for a call that no channel asked for. Neither it nor conversation_id is a foreign key: what was
-- spent stays when they go, and a turn must not wait for whoever has its conversation locked.
CREATE TABLE usage_days (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  day date NOT NULL,
  account_id uuid NOT NULL,
  backend text NOT NULL,
  model text NOT NULL CHECK (length(model) <= 200),
  shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 7),
  calls bigint NOT NULL CHECK (calls >= 0),
  failed_calls bigint NOT NULL CHECK (failed_calls BETWEEN 0 AND calls),
  unknown_cost_calls bigint NOT NULL CHECK (unknown_cost_calls BETWEEN 0 AND calls),
  input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
  cached_tokens bigint NOT NULL CHECK (cached_tokens >= 0),
  output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
  cost_micro bigint NOT NULL CHECK (cost_micro >= 0),
  PRIMARY KEY (tenant_id, day, account_id, backend, model, shard)
) WITH (fillfactor = 70);

CREATE TABLE usage_conversations (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  day date NOT NULL,
  conversation_id uuid NOT NULL,
  calls bigint NOT NULL CHECK (calls >= 0),
  unknown_cost_calls bigint NOT NULL CHECK (unknown_cost_calls BETWEEN 0 AND calls),
  input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
  cached_tokens bigint NOT NULL CHECK (cached_tokens >= 0),
  output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
  cost_micro bigint NOT NULL CHECK (cost_micro >= 0),
  PRIMARY KEY (tenant_id, day, conversation_id)
) WITH (fillfactor = 70);

-- An account that was disconnected has no token any more.
ALTER TABLE channel_accounts ALTER COLUMN secret_id DROP NOT NULL;
ALTER TABLE channel_accounts ADD CONSTRAINT channel_accounts_secret_kept CHECK ((secret_id IS NULL) = (status = 'disconnected'));

CREATE TABLE channel_health (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT uuidv7(),
  at timestamptz NOT NULL DEFAULT now(),
  status text NOT NULL CHECK (status IN ('active', 'broken', 'disconnected')),
  reason text,
  PRIMARY KEY (tenant_id, account_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX deliveries_sent ON deliveries (tenant_id, account_id, sent_at) WHERE state = 'sent';
CREATE INDEX deliveries_failed ON deliveries (tenant_id, account_id, created_at) WHERE state = 'failed';

-- What stands already counts too. Under FORCE the owner would need a tenant to read it.
ALTER TABLE channel_accounts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE llm_calls NO FORCE ROW LEVEL SECURITY;
ALTER TABLE turns NO FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
INSERT INTO channel_health (tenant_id, account_id, at, status, reason)
SELECT tenant_id, id, status_changed_at, status, status_reason FROM channel_accounts;
INSERT INTO usage_days (tenant_id, day, account_id, backend, model, shard, calls, failed_calls, unknown_cost_calls,
  input_tokens, cached_tokens, output_tokens, cost_micro)
SELECT l.tenant_id, usage_day(l.tenant_id, l.created_at), coalesce(c.account_id, '00000000-0000-0000-0000-000000000000'),
  l.backend, left(l.model, 200), 0, count(*), count(*) FILTER (WHERE l.outcome <> 'ok'),
  count(*) FILTER (WHERE l.cost_micro IS NULL), coalesce(sum(l.input_tokens), 0), coalesce(sum(l.cached_tokens), 0),
  coalesce(sum(l.output_tokens), 0), coalesce(sum(l.cost_micro), 0)
FROM llm_calls l
LEFT JOIN turns t ON t.tenant_id = l.tenant_id AND t.id = l.turn_id
LEFT JOIN conversations c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
GROUP BY 1, 2, 3, 4, 5;
INSERT INTO usage_conversations (tenant_id, day, conversation_id, calls, unknown_cost_calls, input_tokens, cached_tokens,
  output_tokens, cost_micro)
SELECT l.tenant_id, usage_day(l.tenant_id, l.created_at), t.conversation_id, count(*),
  count(*) FILTER (WHERE l.cost_micro IS NULL), coalesce(sum(l.input_tokens), 0), coalesce(sum(l.cached_tokens), 0),
  coalesce(sum(l.output_tokens), 0), coalesce(sum(l.cost_micro), 0)
FROM llm_calls l JOIN turns t ON t.tenant_id = l.tenant_id AND t.id = l.turn_id
GROUP BY 1, 2, 3;
ALTER TABLE channel_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE llm_calls FORCE ROW LEVEL SECURITY;
ALTER TABLE turns FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
SELECT konstruct_protect('usage_days');
SELECT konstruct_protect('usage_conversations');
SELECT konstruct_protect('channel_health', 'SELECT, INSERT, DELETE');
