CREATE TABLE contacts (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
  display_name text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, account_id, external_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE
);
SELECT konstruct_protect('contacts');

CREATE TABLE conversations (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  external_key text NOT NULL CHECK (length(external_key) BETWEEN 1 AND 400),
  kind text NOT NULL CHECK (kind IN ('direct', 'thread', 'contact')),
  channel_id text NOT NULL,
  -- Who may be reminded of what is said here: the person, the channel's members, or the whole workspace.
  audience text NOT NULL CHECK (audience IN ('person', 'channel', 'workspace')),
  audience_key text NOT NULL,
  owner text NOT NULL DEFAULT 'ai' CHECK (owner IN ('ai', 'human')),
  owner_epoch bigint NOT NULL DEFAULT 0 CHECK (owner_epoch >= 0),
  engaged boolean NOT NULL DEFAULT false,
  next_seq bigint NOT NULL DEFAULT 1 CHECK (next_seq >= 1),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_message_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, account_id, external_key),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX conversations_agent ON conversations (tenant_id, agent_id);
CREATE INDEX conversations_recent ON conversations (tenant_id, last_message_at DESC);
SELECT konstruct_protect('conversations');

-- Verbatim and for good. state: held = near the employee, not to it; human = a person of the business answers.
CREATE TABLE messages (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  direction text NOT NULL CHECK (direction IN ('in', 'out')),
  contact_id uuid,
  author text NOT NULL CHECK (author IN ('contact', 'ai', 'human')),
  text text NOT NULL,
  attachments jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(attachments) = 'array'),
  external_id text,
  thread_id text,
  addressed boolean NOT NULL DEFAULT false,
  state text NOT NULL CHECK (state IN ('held', 'pending', 'in_turn', 'answered', 'human', 'sent')),
  turn_id uuid,
  sent_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, conversation_id, seq),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE SET NULL (contact_id),
  CHECK ((direction = 'in') = (author = 'contact')),
  CHECK ((direction = 'out') = (state = 'sent')),
  CHECK (state NOT IN ('in_turn', 'answered') OR turn_id IS NOT NULL),
  CHECK (state <> 'pending' OR (addressed AND turn_id IS NULL)),
  CHECK (direction = 'out' OR external_id IS NOT NULL)
);
CREATE UNIQUE INDEX messages_external_once ON messages (tenant_id, conversation_id, external_id) WHERE direction = 'in';
CREATE INDEX messages_waiting ON messages (tenant_id, conversation_id, sent_at) WHERE state IN ('pending', 'held');
CREATE INDEX messages_turn ON messages (tenant_id, turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX messages_contact ON messages (tenant_id, contact_id);
SELECT konstruct_protect('messages');

-- A provider delivers again for up to 7 days (Meta); kept 14. Not partitioned: a unique key over partitions needs the
-- time in it, and a retry after midnight would count twice.
CREATE TABLE dedupe_keys (
  tenant_id uuid NOT NULL REFERENCES tenant_directory (tenant_id) ON DELETE CASCADE,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 600),
  message_id uuid,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key)
);
CREATE INDEX dedupe_keys_seen ON dedupe_keys (seen_at);
SELECT konstruct_protect('dedupe_keys');
SELECT konstruct_share('dedupe_keys', 'SELECT, DELETE');

-- The provider's bytes as they came, by month of arrival. Payload only: nothing points here.
CREATE TABLE inbound_events (
  tenant_id uuid NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  event_key text NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (tenant_id, received_at, id)
) PARTITION BY RANGE (received_at);
SELECT konstruct_protect('inbound_events', 'SELECT, INSERT, DELETE');

-- konstruct_partition: the partition of a month, itself under RLS and without grants. The maintenance job calls it ahead.
CREATE FUNCTION konstruct_partition(p_table text, p_month date) RETURNS text
LANGUAGE plpgsql SET search_path = public AS $$
DECLARE
  v_from date := date_trunc('month', p_month)::date;
  v_name text := format('%s_%s', p_table, to_char(v_from, 'YYYYMM'));
BEGIN
  IF to_regclass(v_name) IS NOT NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name, p_table);
  PERFORM konstruct_protect(v_name::regclass, 'SELECT');
  EXECUTE format('REVOKE ALL ON %I FROM konstruct_app, konstruct_fleet', v_name);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', p_table, v_name, v_from, v_from + interval '1 month');
  RETURN v_name;
END $$;
REVOKE ALL ON FUNCTION konstruct_partition(text, date) FROM PUBLIC;
-- Last month's too: a clock that lags at midnight must still find its partition.
SELECT konstruct_partition('inbound_events', (now() + make_interval(months => m))::date) FROM generate_series(-1, 3) AS m;
