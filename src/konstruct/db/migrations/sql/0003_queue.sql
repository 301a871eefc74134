-- One row per conversation and lane: `turn` (something to answer) and `send` (something to deliver).
-- seq counts what was asked for; a release that saw less than that stays ready, so no wake-up is ever lost.
CREATE TABLE ready_queue (
  tenant_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  lane text NOT NULL CHECK (lane IN ('turn', 'send')),
  state text NOT NULL DEFAULT 'ready' CHECK (state IN ('idle', 'ready', 'leased')),
  seq bigint NOT NULL DEFAULT 1,
  claimed_seq bigint NOT NULL DEFAULT 0,
  ready_since timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL DEFAULT now(),
  epoch bigint NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  lease_owner uuid,
  lease_until timestamptz,
  lease interval,
  deadline_at timestamptz,
  PRIMARY KEY (tenant_id, conversation_id, lane),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  CHECK (claimed_seq <= seq),
  CHECK ((state = 'leased') = (lease_owner IS NOT NULL AND lease_until IS NOT NULL AND lease IS NOT NULL))
);
CREATE INDEX ready_queue_ready ON ready_queue (lane, tenant_id, due_at) WHERE state = 'ready';
CREATE INDEX ready_queue_due ON ready_queue (lane, due_at) WHERE state = 'ready';
CREATE INDEX ready_queue_leased ON ready_queue (lane, tenant_id) WHERE state = 'leased';
CREATE INDEX ready_queue_expiry ON ready_queue (lease_until) WHERE state = 'leased';
SELECT konstruct_protect('ready_queue');
SELECT konstruct_share('ready_queue', 'SELECT, UPDATE');

-- Start-time fair queueing: each tenant's virtual time per lane, advanced by 1/weight at a claim.
CREATE TABLE fair_shares (
  tenant_id uuid NOT NULL REFERENCES tenant_directory (tenant_id) ON DELETE CASCADE,
  lane text NOT NULL CHECK (lane IN ('turn', 'send')),
  weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0),
  in_flight_cap integer NOT NULL DEFAULT 200 CHECK (in_flight_cap > 0),
  virtual_time double precision NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, lane)
);
SELECT konstruct_protect('fair_shares', 'SELECT');
SELECT konstruct_share('fair_shares', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE fair_clock (
  lane text PRIMARY KEY,
  virtual_time double precision NOT NULL DEFAULT 0
);
INSERT INTO fair_clock (lane) VALUES ('turn'), ('send');
SELECT konstruct_fleet_only('fair_clock', 'SELECT, UPDATE');

-- Which processes live, and what they have counted since they started.
CREATE TABLE workers (
  worker_id uuid PRIMARY KEY,
  kind text NOT NULL,
  host text NOT NULL,
  pid integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  in_flight integer NOT NULL DEFAULT 0,
  counters jsonb NOT NULL DEFAULT '{}'
);
SELECT konstruct_fleet_only('workers', 'SELECT, INSERT, UPDATE, DELETE');

-- lease_alive: a lease holds until its time, and for one lease after the server's start: nobody could renew while it was down.
CREATE FUNCTION lease_alive(p_until timestamptz, p_lease interval) RETURNS boolean LANGUAGE sql STABLE
RETURN p_until > now() OR now() < pg_postmaster_start_time() + p_lease;

-- queue_bump: something new for a conversation. A burst is due `p_wait` after its last message, 3 × `p_wait` after its first.
CREATE FUNCTION queue_bump(p_tenant uuid, p_conversation uuid, p_lane text, p_wait interval) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO ready_queue AS q (tenant_id, conversation_id, lane, due_at)
  VALUES (p_tenant, p_conversation, p_lane, now() + p_wait)
  ON CONFLICT (tenant_id, conversation_id, lane) DO UPDATE SET
    seq = q.seq + 1,
    state = CASE q.state WHEN 'idle' THEN 'ready' ELSE q.state END,
    ready_since = CASE WHEN q.seq = q.claimed_seq THEN now() ELSE q.ready_since END,
    due_at = CASE WHEN q.seq = q.claimed_seq THEN now() + p_wait
                  ELSE least(q.ready_since + 3 * p_wait, now() + p_wait) END;
END;

-- queue_claim: hand up to p_limit due conversations to a worker, fairly by tenant and within each tenant's cap.
-- The clock row is locked for the (short) call, so that tags and caps are exact over all workers.
CREATE FUNCTION queue_claim(p_lane text, p_worker uuid, p_limit integer, p_lease interval)
RETURNS TABLE (tenant_id uuid, conversation_id uuid, epoch bigint, attempts integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now double precision;
BEGIN
  SELECT virtual_time INTO v_now FROM fair_clock WHERE lane = p_lane FOR UPDATE;
  RETURN QUERY
  WITH RECURSIVE waiting AS (
    -- One index probe per tenant that has something ready, however deep its queue is.
    (SELECT q.tenant_id FROM ready_queue q WHERE q.lane = p_lane AND q.state = 'ready' ORDER BY q.tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT q.tenant_id FROM ready_queue q
            WHERE q.lane = p_lane AND q.state = 'ready' AND q.tenant_id > w.tenant_id ORDER BY q.tenant_id LIMIT 1)
    FROM waiting w WHERE w.tenant_id IS NOT NULL
  ), tagged AS (
    SELECT s.tenant_id, h.conversation_id, s.weight,
           greatest(s.virtual_time, v_now) + (row_number() OVER (PARTITION BY s.tenant_id ORDER BY h.due_at) - 1) / s.weight AS tag
    FROM waiting w
    JOIN fair_shares s ON s.tenant_id = w.tenant_id AND s.lane = p_lane
    JOIN tenant_directory d ON d.tenant_id = s.tenant_id AND d.status = 'active'
    CROSS JOIN LATERAL (
      SELECT count(*) AS n FROM ready_queue l WHERE l.lane = p_lane AND l.tenant_id = s.tenant_id AND l.state = 'leased'
    ) busy
    CROSS JOIN LATERAL (
      SELECT q.conversation_id, q.due_at FROM ready_queue q
      WHERE q.lane = p_lane AND q.tenant_id = s.tenant_id AND q.state = 'ready' AND q.due_at <= now()
      ORDER BY q.due_at LIMIT greatest(0, least(p_limit, s.in_flight_cap - busy.n))
      FOR UPDATE SKIP LOCKED
    ) h
    WHERE w.tenant_id IS NOT NULL
  ), chosen AS (
    SELECT * FROM tagged ORDER BY tag, tenant_id LIMIT p_limit
  ), taken AS (
    UPDATE ready_queue q SET state = 'leased', epoch = q.epoch + 1, attempts = q.attempts + 1, claimed_seq = q.seq,
      lease_owner = p_worker, lease = p_lease, lease_until = now() + p_lease, deadline_at = NULL
    FROM chosen c WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.conversation_id AND q.lane = p_lane
    RETURNING q.tenant_id, q.conversation_id, q.epoch, q.attempts
  ), charged AS (
    UPDATE fair_shares s SET virtual_time = g.last + 1 / s.weight
    FROM (SELECT c.tenant_id, max(c.tag) AS last FROM chosen c GROUP BY c.tenant_id) g
    WHERE s.tenant_id = g.tenant_id AND s.lane = p_lane
  ), advanced AS (
    UPDATE fair_clock f SET virtual_time = greatest(f.virtual_time, (SELECT max(c.tag) FROM chosen c))
    WHERE f.lane = p_lane AND EXISTS (SELECT 1 FROM chosen)
  )
  SELECT t.tenant_id, t.conversation_id, t.epoch, t.attempts FROM taken t
  JOIN chosen c USING (tenant_id, conversation_id) ORDER BY c.tag;
END $$;

-- queue_sweep: leases that ended go back to the queue. Returns how many.
-- A row that somebody has locked is left for the next sweep: a frozen worker must not hold up the other conversations.
CREATE FUNCTION queue_sweep() RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
  WITH over AS (
    SELECT q.tenant_id, q.conversation_id, q.lane FROM ready_queue q
    WHERE q.state = 'leased' AND q.lease_until <= now() AND NOT lease_alive(q.lease_until, q.lease)
    FOR UPDATE SKIP LOCKED
  ), ended AS (
    UPDATE ready_queue q SET state = 'ready', lease_owner = NULL, lease_until = NULL, lease = NULL, due_at = now()
    FROM over o WHERE q.tenant_id = o.tenant_id AND q.conversation_id = o.conversation_id AND q.lane = o.lane
    RETURNING 1
  )
  SELECT count(*) FROM ended;
END;

-- queue_renew: prolong a worker's leases; those it no longer holds are missing from the answer.
-- One that has ended but has not been taken over is prolonged as well: after a long recovery of the server all have ended.
-- A turn past its deadline is not prolonged: its lease ends, and whoever claims it next sends the fallback.
CREATE FUNCTION queue_renew(p_worker uuid, p_lane text, p_tenants uuid[], p_conversations uuid[], p_epochs bigint[])
RETURNS TABLE (conversation_id uuid, epoch bigint) LANGUAGE sql
BEGIN ATOMIC
  UPDATE ready_queue q SET lease_until = now() + q.lease
  FROM unnest(p_tenants, p_conversations, p_epochs) AS mine (tenant_id, conversation_id, epoch)
  WHERE q.tenant_id = mine.tenant_id AND q.conversation_id = mine.conversation_id AND q.lane = p_lane
    AND q.epoch = mine.epoch AND q.lease_owner = p_worker AND q.state = 'leased'
    AND (q.deadline_at IS NULL OR q.deadline_at + q.lease > now())
  RETURNING q.conversation_id, q.epoch;
END;

REVOKE ALL ON FUNCTION lease_alive(timestamptz, interval), queue_bump(uuid, uuid, text, interval),
  queue_claim(text, uuid, integer, interval), queue_sweep(), queue_renew(uuid, text, uuid[], uuid[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lease_alive(timestamptz, interval), queue_bump(uuid, uuid, text, interval) TO konstruct_app;
GRANT EXECUTE ON FUNCTION lease_alive(timestamptz, interval), queue_claim(text, uuid, integer, interval), queue_sweep(),
  queue_renew(uuid, text, uuid[], uuid[], bigint[]) TO konstruct_fleet;
