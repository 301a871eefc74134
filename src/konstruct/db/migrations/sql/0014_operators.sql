-- The people who run the installation. They belong to no business, so the fleet role keeps them; hashes only, as for members.
CREATE TABLE operators (
  id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz,
  CONSTRAINT operators_name_once UNIQUE (name)
);
SELECT konstruct_fleet_only('operators', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE operator_links (
  token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  operator_id uuid NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CHECK (expires_at > created_at)
);
CREATE INDEX operator_links_operator ON operator_links (operator_id);
SELECT konstruct_fleet_only('operator_links', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE operator_sessions (
  token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  operator_id uuid NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CHECK (expires_at > created_at)
);
CREATE INDEX operator_sessions_operator ON operator_sessions (operator_id);
SELECT konstruct_fleet_only('operator_sessions', 'SELECT, INSERT, UPDATE, DELETE');

-- Who of the operators looked into a business's conversations, why, and until when. It belongs to the business, whose owner
-- reads it; nobody changes or removes a row. No foreign key to operators: it outlives them, and lies behind another login.
CREATE TABLE operator_accesses (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  operator_id uuid NOT NULL,
  operator_name text NOT NULL,
  reason text NOT NULL CHECK (length(btrim(reason)) BETWEEN 10 AND 500),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CHECK (expires_at > created_at AND expires_at <= created_at + interval '30 minutes')
);
CREATE INDEX operator_accesses_recent ON operator_accesses (tenant_id, created_at DESC);
SELECT konstruct_protect('operator_accesses', 'SELECT, INSERT');

-- What operators did to a business, likewise.
CREATE TABLE operator_actions (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  operator_id uuid NOT NULL,
  operator_name text NOT NULL,
  action text NOT NULL CHECK (action IN ('suspend', 'resume', 'retry_dead_letter', 'discard_dead_letter')),
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
  subject_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CHECK (action NOT IN ('suspend', 'resume') OR length(btrim(reason)) >= 3)
);
CREATE INDEX operator_actions_recent ON operator_actions (tenant_id, created_at DESC);
SELECT konstruct_protect('operator_actions', 'SELECT, INSERT');

-- What the operators' pages know of each tenant: times and counts, no content (docs/adr/0008). A worker's job counts them
-- inside each tenant's scope; the fleet role only says whose turn it is (tried_at) and reads the result.
CREATE TABLE tenant_health (
  tenant_id uuid PRIMARY KEY REFERENCES tenant_directory (tenant_id) ON DELETE CASCADE,
  tried_at timestamptz NOT NULL DEFAULT now(),
  computed_at timestamptz,
  signed_up_at timestamptz,
  first_answer_at timestamptz,
  last_inbound_at timestamptz,
  last_sent_at timestamptz,
  oldest_unknown_at timestamptz,
  broken_accounts integer NOT NULL DEFAULT 0,
  active_accounts integer NOT NULL DEFAULT 0,
  -- People who talked to the employee: in the last seven days, and in each of the first four weeks once it was over.
  weekly_active integer NOT NULL DEFAULT 0,
  active_by_week integer[] NOT NULL DEFAULT '{}' CHECK (cardinality(active_by_week) <= 4),
  -- Of the last seven days.
  turns integer NOT NULL DEFAULT 0,
  turns_answered integer NOT NULL DEFAULT 0,
  conversations integer NOT NULL DEFAULT 0,
  conversations_handed_over integer NOT NULL DEFAULT 0
);
SELECT konstruct_protect('tenant_health', 'SELECT, INSERT, UPDATE');
SELECT konstruct_share('tenant_health', 'SELECT, INSERT (tenant_id, tried_at), UPDATE (tried_at)');
CREATE INDEX tenant_health_tried ON tenant_health (tried_at);
CREATE INDEX tenant_directory_created ON tenant_directory (created_at, tenant_id);

-- Dead letters hold ids, a code and a count: the fleet may list them over all tenants. It resolves none.
SELECT konstruct_share('dead_letters', 'SELECT');
CREATE INDEX dead_letters_open_fleet ON dead_letters (created_at, id) WHERE resolved_at IS NULL;

-- tenant_health_refresh: count a tenant's figures anew. Called inside its scope. Ids are UUIDs of version 7, in the order of
-- time: a bound on them lets the primary key find the last week, however long the history is.
CREATE FUNCTION tenant_health_refresh(p_tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_week uuid := uuidv7(- interval '7 days 1 hour');
  v_from uuid;
  v_signed_up timestamptz;
  v_first_answer timestamptz;
  v_weeks integer[];
BEGIN
  SELECT t.created_at, h.first_answer_at, coalesce(h.active_by_week, '{}') INTO v_signed_up, v_first_answer, v_weeks
  FROM tenants t LEFT JOIN tenant_health h ON h.tenant_id = t.tenant_id WHERE t.tenant_id = p_tenant;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF v_first_answer IS NULL THEN
    SELECT min(sent_at) INTO v_first_answer FROM deliveries WHERE tenant_id = p_tenant AND kind = 'reply' AND state = 'sent';
  END IF;
  -- A week that is over does not change: it is counted once, before retention may take its messages.
  FOR k IN cardinality(v_weeks) + 1 .. least(4, floor(extract(epoch FROM now() - v_signed_up) / 604800)::integer) LOOP
    v_from := uuidv7(v_signed_up + make_interval(weeks => k - 1) - clock_timestamp() - interval '1 hour');
    v_weeks := v_weeks || (
      SELECT count(DISTINCT contact_id)::integer FROM messages
      WHERE tenant_id = p_tenant AND id >= v_from AND direction = 'in' AND addressed
        AND created_at >= v_signed_up + make_interval(weeks => k - 1) AND created_at < v_signed_up + make_interval(weeks => k));
  END LOOP;
  INSERT INTO tenant_health AS h (tenant_id, computed_at, signed_up_at, first_answer_at, active_by_week, last_inbound_at,
    last_sent_at, oldest_unknown_at, broken_accounts, active_accounts, weekly_active, turns, turns_answered, conversations,
    conversations_handed_over)
  SELECT p_tenant, now(), v_signed_up, v_first_answer, v_weeks,
    (SELECT created_at FROM messages WHERE tenant_id = p_tenant AND direction = 'in' ORDER BY id DESC LIMIT 1),
    (SELECT sent_at FROM deliveries WHERE tenant_id = p_tenant AND state = 'sent' ORDER BY id DESC LIMIT 1),
    (SELECT min(unknown_since) FROM deliveries WHERE tenant_id = p_tenant AND state = 'unknown'),
    (SELECT count(*) FROM channel_accounts WHERE tenant_id = p_tenant AND status = 'broken'),
    (SELECT count(*) FROM channel_accounts WHERE tenant_id = p_tenant AND status = 'active'),
    (SELECT count(DISTINCT contact_id) FROM messages WHERE tenant_id = p_tenant AND id >= v_week AND direction = 'in'
       AND addressed AND created_at > now() - interval '7 days'),
    t.n, t.answered, c.n, c.handed_over
  FROM (SELECT count(*) AS n, count(*) FILTER (WHERE outcome = 'answered') AS answered FROM turns
        WHERE tenant_id = p_tenant AND id >= v_week AND state = 'done' AND finished_at > now() - interval '7 days') t,
       (SELECT count(*) AS n, count(*) FILTER (WHERE owner_epoch > 0) AS handed_over FROM conversations
        WHERE tenant_id = p_tenant AND engaged AND last_message_at > now() - interval '7 days') c
  ON CONFLICT (tenant_id) DO UPDATE SET computed_at = excluded.computed_at, signed_up_at = excluded.signed_up_at,
    first_answer_at = excluded.first_answer_at, active_by_week = excluded.active_by_week,
    last_inbound_at = excluded.last_inbound_at, last_sent_at = excluded.last_sent_at,
    oldest_unknown_at = excluded.oldest_unknown_at, broken_accounts = excluded.broken_accounts,
    active_accounts = excluded.active_accounts, weekly_active = excluded.weekly_active, turns = excluded.turns,
    turns_answered = excluded.turns_answered, conversations = excluded.conversations,
    conversations_handed_over = excluded.conversations_handed_over;
END $$;

-- tenant_names: the names of a page of businesses, each read inside its own scope, in one round trip (docs/adr/0008).
-- Called by the app role, which no policy lets past. One entry for each id, NULL where there is no such business.
CREATE FUNCTION tenant_names(p_tenants uuid[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  v_name text;
  v_names text[] := '{}';
BEGIN
  IF cardinality(p_tenants) > 100 THEN
    RAISE EXCEPTION 'tenant_names reads a page, not the installation';
  END IF;
  FOR i IN 1 .. cardinality(p_tenants) LOOP
    PERFORM set_config('app.tenant_id', p_tenants[i]::text, true);
    SELECT name INTO v_name FROM tenants WHERE tenant_id = p_tenants[i];
    v_names := array_append(v_names, v_name);
  END LOOP;
  RETURN v_names;
END $$;

REVOKE ALL ON FUNCTION tenant_health_refresh(uuid), tenant_names(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_health_refresh(uuid), tenant_names(uuid[]) TO konstruct_app;
