-- When each periodic job last ran, and what it did. A job that has never run is due since `known_since`.
CREATE TABLE maintenance_runs (
  job text PRIMARY KEY CHECK (job ~ '^[a-z_]{1,40}$'),
  known_since timestamptz NOT NULL DEFAULT now(),
  last_ok_at timestamptz,
  evidence text NOT NULL DEFAULT '' CHECK (length(evidence) <= 1000),
  last_error_at timestamptz,
  -- A class of error, never its message.
  last_error text CHECK (length(last_error) <= 200),
  CHECK ((last_error IS NULL) = (last_error_at IS NULL))
);
INSERT INTO maintenance_runs (job) VALUES ('partitions'), ('prune'), ('count'), ('archive');
SELECT konstruct_fleet_only('maintenance_runs', 'SELECT, INSERT, UPDATE');

-- Tables that only ever grow stand in partitions by month, so that what is old goes by dropping a table (docs/adr/0010).
-- The month is the id's: ids are UUIDs of version 7, so the primary keys stay unique over all partitions.

-- first_id: the smallest id that could be made at a time.
CREATE FUNCTION first_id(p_at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (lpad(to_hex(floor(extract(epoch FROM p_at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- ids_from, ids_to: between which ids stands what was made for the row `p_id`: by clocks that differ by less than a day, and
-- before any deadline. Given to a query beside the key, it reads one partition or two. Any id, for a row of another making.
CREATE FUNCTION ids_from(p_id uuid) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_id IS NULL THEN NULL WHEN uuid_extract_version(p_id) = 7
  THEN (lpad(to_hex(greatest(0, ('x' || replace(left(p_id::text, 13), '-', ''))::bit(48)::bigint - 86400000)), 12, '0')
        || repeat('0', 20))::uuid
  ELSE '00000000-0000-0000-0000-000000000000'::uuid END;
CREATE FUNCTION ids_to(p_id uuid) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_id IS NULL THEN NULL WHEN uuid_extract_version(p_id) = 7
  THEN (lpad(to_hex(('x' || replace(left(p_id::text, 13), '-', ''))::bit(48)::bigint + 7 * 86400000), 12, '0')
        || repeat('f', 20))::uuid
  ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid END;
REVOKE ALL ON FUNCTION first_id(timestamptz), ids_from(uuid), ids_to(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION first_id(timestamptz), ids_from(uuid), ids_to(uuid) TO konstruct_app;

-- konstruct_partition: the partition of a month, itself under RLS and without grants; NULL if it is there. What the default
-- partition holds of that month moves into it: rows that came while nobody made partitions.
CREATE OR REPLACE FUNCTION konstruct_partition(p_table text, p_month date) RETURNS text
LANGUAGE plpgsql SET search_path = public SET timezone = 'UTC' AS $$
DECLARE
  v_month date := date_trunc('month', p_month)::date;
  v_name text := format('%s_%s', p_table, to_char(v_month, 'YYYYMM'));
  v_next date := (v_month + interval '1 month')::date;
  v_key text;
  v_by_id boolean;
  v_default regclass;
  v_in text;
  v_from text;
  v_to text;
BEGIN
  IF to_regclass(v_name) IS NOT NULL THEN
    RETURN NULL;
  END IF;
  SELECT a.attname, a.atttypid = 'uuid'::regtype, nullif(t.partdefid, 0)::regclass INTO STRICT v_key, v_by_id, v_default
  FROM pg_partitioned_table t JOIN pg_attribute a ON a.attrelid = t.partrelid AND a.attnum = t.partattrs[0]
  WHERE t.partrelid = p_table::regclass;
  IF v_by_id THEN
    v_from := first_id(v_month);
    v_to := first_id(v_next);
  ELSE
    -- Partitions of an earlier version begin and end at the midnights of the server's time zone.
    SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)') INTO v_from
    FROM pg_class c WHERE c.oid = to_regclass(format('%s_%s', p_table, to_char(v_month - 1, 'YYYYMM')));
    SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)') INTO v_to
    FROM pg_class c WHERE c.oid = to_regclass(format('%s_%s', p_table, to_char(v_next, 'YYYYMM')));
    v_from := coalesce(v_from, v_month::timestamptz::text);
    v_to := coalesce(v_to, v_next::timestamptz::text);
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name, p_table);
  IF v_default IS NOT NULL AND pg_relation_size(v_default) > 0 THEN
    v_in := format('%s WHERE %I >= %L AND %I < %L', v_default, v_key, v_from, v_key, v_to);
    -- Under FORCE the owner would need a tenant to read it.
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', v_default);
    -- Nobody else ever sees this table: it is gone before the transaction is. (The owner may lack the right to temporary ones.)
    EXECUTE format('CREATE TABLE %I AS SELECT * FROM %s', p_table || '_moved', v_in);
    EXECUTE format('DELETE FROM %s', v_in);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', v_default);
  END IF;
  -- Attaching looks for what the new, empty table names in other tables: under FORCE the owner needs a tenant for that.
  PERFORM set_config('app.tenant_id', '00000000-0000-0000-0000-000000000000', true);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', p_table, v_name, v_from, v_to);
  PERFORM set_config('app.tenant_id', '', true);
  IF v_in IS NOT NULL THEN
    EXECUTE format('INSERT INTO %I SELECT * FROM %I', v_name, p_table || '_moved');
    EXECUTE format('DROP TABLE %I', p_table || '_moved');
  END IF;
  PERFORM konstruct_protect(v_name::regclass, 'SELECT');
  EXECUTE format('REVOKE ALL ON %I FROM konstruct_app, konstruct_fleet', v_name);
  RETURN v_name;
END $$;

-- konstruct_default: the partition of what has no other: months that nobody has made yet, and ids of another making. Without
-- it a beat that is down for a quarter would end ingest and answers.
CREATE FUNCTION konstruct_default(p_table text) RETURNS void LANGUAGE plpgsql SET search_path = public AS $$
DECLARE
  v_name text := p_table || '_default';
BEGIN
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name, p_table);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I DEFAULT', p_table, v_name);
  PERFORM konstruct_protect(v_name::regclass, 'SELECT');
  EXECUTE format('REVOKE ALL ON %I FROM konstruct_app, konstruct_fleet', v_name);
END $$;

-- konstruct_months: the months of a table's keys that are a time: none before 2020, none beyond the next year. The owner must
-- be able to read the table.
CREATE FUNCTION konstruct_months(p_table text, p_key text) RETURNS SETOF date
LANGUAGE plpgsql SET search_path = public SET timezone = 'UTC' AS $$
DECLARE
  v_at text := format('%I', p_key);
BEGIN
  IF (SELECT atttypid = 'uuid'::regtype FROM pg_attribute WHERE attrelid = p_table::regclass AND attname = p_key) THEN
    v_at := format('CASE WHEN uuid_extract_version(%1$I) = 7 THEN uuid_extract_timestamp(%1$I) END', p_key);
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT DISTINCT date_trunc(''month'', at)::date FROM (SELECT %s AS at FROM %I) AS times'
    ' WHERE at BETWEEN ''2020-01-01'' AND now() + interval ''1 year''', v_at, p_table);
END $$;

-- konstruct_clear_default: give what the default partition holds its months, and delete what is older than `p_age` there.
-- Returns how many rows were deleted.
CREATE FUNCTION konstruct_clear_default(p_table text, p_time text, p_age interval) RETURNS bigint
LANGUAGE plpgsql SET search_path = public AS $$
DECLARE
  v_default text := p_table || '_default';
  v_key text;
  v_months date[];
  v_gone bigint;
BEGIN
  IF pg_relation_size(v_default::regclass) = 0 THEN
    RETURN 0;
  END IF;
  EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', v_default);
  EXECUTE format('DELETE FROM %I WHERE %I < now() - %L::interval', v_default, p_time, p_age);
  GET DIAGNOSTICS v_gone = ROW_COUNT;
  SELECT a.attname INTO STRICT v_key FROM pg_partitioned_table t
  JOIN pg_attribute a ON a.attrelid = t.partrelid AND a.attnum = t.partattrs[0] WHERE t.partrelid = p_table::regclass;
  v_months := ARRAY(SELECT konstruct_months(v_default, v_key));
  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_default);
  PERFORM konstruct_partition(p_table, month) FROM unnest(v_months) AS month;
  RETURN v_gone;
END $$;
REVOKE ALL ON FUNCTION konstruct_partition(text, date), konstruct_default(text), konstruct_months(text, text),
  konstruct_clear_default(text, text, interval) FROM PUBLIC;

-- What stands already moves along. Under FORCE the owner would need a tenant to read it.
ALTER TABLE turns NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tool_calls NO FORCE ROW LEVEL SECURITY;
ALTER TABLE steps NO FORCE ROW LEVEL SECURITY;
ALTER TABLE llm_calls NO FORCE ROW LEVEL SECURITY;

-- No foreign key points at a partitioned table: it would keep its partitions from being dropped. The ledger of tool calls
-- outlives the steps, whose age is shorter.
ALTER TABLE tool_calls DROP CONSTRAINT tool_calls_tenant_id_turn_id_step_fkey;
ALTER TABLE tool_calls ADD CONSTRAINT tool_calls_turn_fkey
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE CASCADE;

ALTER TABLE steps RENAME TO old_steps;
ALTER TABLE old_steps RENAME CONSTRAINT steps_pkey TO old_steps_pkey;
CREATE TABLE steps (
  LIKE old_steps INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
  PRIMARY KEY (tenant_id, turn_id, position),
  CONSTRAINT steps_turn_fkey FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE CASCADE
) PARTITION BY RANGE (turn_id);
SELECT konstruct_partition('steps', month) FROM (
  SELECT konstruct_months('old_steps', 'turn_id') AS month
  UNION SELECT (now() + make_interval(months => n))::date FROM generate_series(-1, 3) AS n) AS months;
SELECT konstruct_default('steps');
INSERT INTO steps SELECT * FROM old_steps;
DROP TABLE old_steps;
SELECT konstruct_protect('steps', 'SELECT, INSERT, DELETE');

ALTER TABLE llm_calls RENAME TO old_llm_calls;
ALTER TABLE old_llm_calls RENAME CONSTRAINT llm_calls_pkey TO old_llm_calls_pkey;
DROP INDEX llm_calls_turn, llm_calls_time;
CREATE TABLE llm_calls (
  LIKE old_llm_calls INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT llm_calls_turn_fkey FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE SET NULL (turn_id)
) PARTITION BY RANGE (id);
-- The last day's calls need no index of their own: ids are in the order of time.
CREATE INDEX llm_calls_turn ON llm_calls (tenant_id, turn_id);
SELECT konstruct_partition('llm_calls', month) FROM (
  SELECT konstruct_months('old_llm_calls', 'id') AS month
  UNION SELECT (now() + make_interval(months => n))::date FROM generate_series(-1, 3) AS n) AS months;
SELECT konstruct_default('llm_calls');
INSERT INTO llm_calls SELECT * FROM old_llm_calls;
DROP TABLE old_llm_calls;
SELECT konstruct_protect('llm_calls', 'SELECT, INSERT, DELETE');

ALTER TABLE tool_calls FORCE ROW LEVEL SECURITY;
ALTER TABLE turns FORCE ROW LEVEL SECURITY;

SELECT konstruct_default('inbound_events');

-- A conversation's cost is read from its sums, which outlive the calls.
CREATE INDEX usage_conversations_conversation ON usage_conversations (tenant_id, conversation_id);

-- Deliveries that were shown long ago, by month. What was not shown stays in `deliveries`: dead letters point at it, and no
-- dropped partition may turn it into something that was. What was said stands in `messages`; nothing is said here alone.
CREATE TABLE delivery_archive (
  LIKE deliveries INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
  tries jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tries) = 'array'),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT delivery_archive_shown CHECK (state = 'sent')
) PARTITION BY RANGE (id);
CREATE INDEX delivery_archive_message ON delivery_archive (tenant_id, message_id);
CREATE INDEX delivery_archive_conversation ON delivery_archive (tenant_id, conversation_id, id);
CREATE INDEX delivery_archive_sent ON delivery_archive (tenant_id, account_id, sent_at);
ALTER TABLE deliveries NO FORCE ROW LEVEL SECURITY;
SELECT konstruct_partition('delivery_archive', month) FROM (
  SELECT konstruct_months('deliveries', 'id') AS month
  UNION SELECT (now() + make_interval(months => n))::date FROM generate_series(-1, 3) AS n) AS months;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
SELECT konstruct_default('delivery_archive');
SELECT konstruct_protect('delivery_archive', 'SELECT, INSERT, DELETE');

-- The figures of a tenant look at both.
CREATE OR REPLACE FUNCTION tenant_health_refresh(p_tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
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
    SELECT coalesce(
      (SELECT sent_at FROM delivery_archive WHERE tenant_id = p_tenant AND kind = 'reply' ORDER BY id LIMIT 1),
      (SELECT min(sent_at) FROM deliveries WHERE tenant_id = p_tenant AND kind = 'reply' AND state = 'sent')) INTO v_first_answer;
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
    coalesce((SELECT sent_at FROM deliveries WHERE tenant_id = p_tenant AND state = 'sent' ORDER BY id DESC LIMIT 1),
      (SELECT sent_at FROM delivery_archive WHERE tenant_id = p_tenant ORDER BY id DESC LIMIT 1)),
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
