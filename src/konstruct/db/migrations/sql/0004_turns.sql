CREATE TABLE turns (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  persona_version integer NOT NULL,
  epoch bigint NOT NULL,
  owner_epoch bigint NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
  outcome text CHECK (outcome IN ('answered', 'fallback', 'handed_over')),
  reason text,
  attempts integer NOT NULL DEFAULT 1 CHECK (attempts >= 1),
  started_at timestamptz NOT NULL DEFAULT now(),
  deadline_at timestamptz NOT NULL,
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, agent_id, persona_version) REFERENCES persona_versions (tenant_id, agent_id, version) ON DELETE CASCADE,
  CHECK ((state = 'done') = (outcome IS NOT NULL AND finished_at IS NOT NULL)),
  CHECK (outcome IS DISTINCT FROM 'fallback' OR reason IS NOT NULL)
);
CREATE UNIQUE INDEX turns_one_running ON turns (tenant_id, conversation_id) WHERE state = 'running';
CREATE INDEX turns_conversation ON turns (tenant_id, conversation_id, started_at);
CREATE INDEX turns_persona ON turns (tenant_id, agent_id, persona_version);

-- Adding a constraint reads the table, and under FORCE the owner would need a tenant for that.
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messages ADD CONSTRAINT messages_turn_fkey
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id);
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
SELECT konstruct_protect('turns');

-- What a turn has done, in order; a crashed turn goes on from here. Rows are added, never changed.
CREATE TABLE steps (
  tenant_id uuid NOT NULL,
  turn_id uuid NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  kind text NOT NULL CHECK (kind IN ('model', 'tools')),
  content jsonb NOT NULL,
  epoch bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, turn_id, position),
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE CASCADE
);
SELECT konstruct_protect('steps', 'SELECT, INSERT, DELETE');

-- The ledger of intents, one row per call the model asked for, written before anything runs.
CREATE TABLE tool_calls (
  tenant_id uuid NOT NULL,
  turn_id uuid NOT NULL,
  step integer NOT NULL,
  call_index integer NOT NULL CHECK (call_index >= 0),
  id uuid NOT NULL,
  model_call_id text NOT NULL,
  name text NOT NULL,
  arguments text NOT NULL,
  state text NOT NULL CHECK (state IN ('intended', 'running', 'done', 'failed', 'refused', 'unknown')),
  reason text,
  result jsonb,
  idempotency_key text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, turn_id, step, call_index),
  UNIQUE (tenant_id, id),
  UNIQUE (tenant_id, idempotency_key),
  FOREIGN KEY (tenant_id, turn_id, step) REFERENCES steps (tenant_id, turn_id, position) ON DELETE CASCADE,
  CHECK ((state IN ('done', 'failed', 'refused')) = (finished_at IS NOT NULL)),
  CHECK (state NOT IN ('failed', 'refused') OR reason IS NOT NULL)
);
SELECT konstruct_protect('tool_calls');

-- cost_micro: millionths of a US dollar; null where price or usage is unknown, never 0 for that.
CREATE TABLE llm_calls (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  turn_id uuid,
  step integer,
  backend text NOT NULL,
  model text NOT NULL,
  outcome text NOT NULL,
  input_tokens integer CHECK (input_tokens >= 0),
  cached_tokens integer CHECK (cached_tokens >= 0 AND cached_tokens <= input_tokens),
  output_tokens integer CHECK (output_tokens >= 0),
  cost_micro bigint CHECK (cost_micro >= 0),
  latency_ms integer NOT NULL CHECK (latency_ms >= 0),
  first_token_ms integer CHECK (first_token_ms >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE SET NULL (turn_id)
);
CREATE INDEX llm_calls_turn ON llm_calls (tenant_id, turn_id);
CREATE INDEX llm_calls_time ON llm_calls (tenant_id, created_at);
SELECT konstruct_protect('llm_calls', 'SELECT, INSERT, DELETE');

CREATE TABLE llm_budgets (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  period date NOT NULL CHECK (extract(day FROM period) = 1),
  limit_micro bigint CHECK (limit_micro >= 0),
  reserved_micro bigint NOT NULL DEFAULT 0 CHECK (reserved_micro >= 0),
  spent_micro bigint NOT NULL DEFAULT 0 CHECK (spent_micro >= 0),
  PRIMARY KEY (tenant_id, period)
);
SELECT konstruct_protect('llm_budgets');

-- The outbox. A send is committed as `sending` with its deadline before the call; an expired one is `unknown`, never
-- `pending`, and is reconciled before any resend. One row is one visible part of an answer.
CREATE TABLE deliveries (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  account_id uuid NOT NULL,
  turn_id uuid,
  message_id uuid NOT NULL,
  position bigint NOT NULL,
  part integer NOT NULL CHECK (part >= 0),
  kind text NOT NULL CHECK (kind IN ('reply', 'fallback', 'human')),
  channel_id text NOT NULL,
  thread_id text,
  body text NOT NULL CHECK (length(body) >= 1),
  owner_epoch bigint NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'unknown', 'sent', 'failed', 'cancelled')),
  attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  sending_since timestamptz,
  sending_until timestamptz,
  unknown_since timestamptz,
  resent boolean NOT NULL DEFAULT false,
  external_id text,
  reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, conversation_id, position, part),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE SET NULL (turn_id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
  CHECK ((state = 'sending') = (sending_until IS NOT NULL)),
  CHECK (state <> 'unknown' OR unknown_since IS NOT NULL),
  CHECK ((state = 'sent') = (external_id IS NOT NULL AND sent_at IS NOT NULL)),
  CHECK (state NOT IN ('failed', 'cancelled') OR reason IS NOT NULL)
);
-- One answer per turn: a second writer of the same turn meets this.
CREATE UNIQUE INDEX deliveries_turn_part_once ON deliveries (tenant_id, turn_id, part) WHERE turn_id IS NOT NULL;
-- One visible message is the trace of one delivery.
CREATE UNIQUE INDEX deliveries_external_once ON deliveries (tenant_id, account_id, channel_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (tenant_id, conversation_id, position, part) WHERE state IN ('pending', 'sending', 'unknown');
CREATE INDEX deliveries_message ON deliveries (tenant_id, message_id);
SELECT konstruct_protect('deliveries');

CREATE TABLE dead_letters (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('turn', 'delivery')),
  conversation_id uuid NOT NULL,
  turn_id uuid,
  delivery_id uuid,
  reason text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  resolution text CHECK (resolution IN ('retried', 'discarded')),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id) ON DELETE CASCADE,
  CHECK ((kind = 'turn') = (turn_id IS NOT NULL AND delivery_id IS NULL) OR kind = 'delivery'),
  CHECK (kind <> 'delivery' OR delivery_id IS NOT NULL),
  CHECK ((resolved_at IS NULL) = (resolution IS NULL))
);
CREATE UNIQUE INDEX dead_letters_turn_once ON dead_letters (tenant_id, turn_id) WHERE kind = 'turn';
CREATE UNIQUE INDEX dead_letters_delivery_once ON dead_letters (tenant_id, delivery_id) WHERE kind = 'delivery';
CREATE INDEX dead_letters_conversation ON dead_letters (tenant_id, conversation_id);
CREATE INDEX dead_letters_open ON dead_letters (tenant_id, created_at) WHERE resolved_at IS NULL;
SELECT konstruct_protect('dead_letters');
