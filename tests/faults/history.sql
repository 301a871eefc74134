-- What the database saw: who held each lane when, and who wrote what under which epoch. A row of a transaction that was
-- rolled back is gone with it, and what belongs to one lane is in the order of the lane's own lock.
CREATE SCHEMA faults;
GRANT USAGE ON SCHEMA faults TO konstruct_app, konstruct_fleet;

CREATE TABLE faults.history (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  tenant_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  lane text NOT NULL,
  row_id uuid,
  state text,
  epoch bigint,
  -- The lane's row as the writing transaction sees it: its epoch, whether it is leased, and whether this very transaction
  -- has proved it, which is to have updated it.
  held_epoch bigint,
  leased boolean,
  fenced boolean,
  -- Each process names its connections.
  who text NOT NULL DEFAULT current_setting('application_name')
);
CREATE INDEX ON faults.history (tenant_id, conversation_id, lane, n);
GRANT INSERT ON faults.history TO konstruct_app, konstruct_fleet;

CREATE FUNCTION faults.note_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO faults.history (kind, tenant_id, conversation_id, lane, state, epoch)
  VALUES ('lease', NEW.tenant_id, NEW.conversation_id, NEW.lane, NEW.state, NEW.epoch);
  RETURN NULL;
END $$;

CREATE TRIGGER faults_lease AFTER UPDATE ON ready_queue FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.epoch IS DISTINCT FROM NEW.epoch) EXECUTE FUNCTION faults.note_lease();

CREATE FUNCTION faults.note_write(p_kind text, p_tenant uuid, p_conversation uuid, p_lane text, p_row uuid, p_state text, p_epoch bigint)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO faults.history (kind, tenant_id, conversation_id, lane, row_id, state, epoch, held_epoch, leased, fenced)
  SELECT p_kind, p_tenant, p_conversation, p_lane, p_row, p_state, p_epoch, q.epoch, q.state = 'leased',
    q.xmin::text::bigint = pg_current_xact_id()::text::bigint & 4294967295
  FROM (SELECT 1) AS one LEFT JOIN ready_queue q
    ON q.tenant_id = p_tenant AND q.conversation_id = p_conversation AND q.lane = p_lane;
END;

CREATE FUNCTION faults.note_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM faults.note_write('turn', NEW.tenant_id, NEW.conversation_id, 'turn', NEW.id, NEW.state, NEW.epoch);
  RETURN NULL;
END $$;

CREATE FUNCTION faults.note_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM faults.note_write('step', t.tenant_id, t.conversation_id, 'turn', t.id, NEW.kind, NEW.epoch)
  FROM turns t WHERE t.tenant_id = NEW.tenant_id AND t.id = NEW.turn_id;
  RETURN NULL;
END $$;

-- An answer is put into the outbox under its turn's lease.
CREATE FUNCTION faults.note_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM faults.note_write('answer', t.tenant_id, t.conversation_id, 'turn', NEW.id, NEW.state, t.epoch)
  FROM turns t WHERE t.tenant_id = NEW.tenant_id AND t.id = NEW.turn_id;
  RETURN NULL;
END $$;

CREATE FUNCTION faults.note_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM faults.note_write('delivery', NEW.tenant_id, NEW.conversation_id, 'send', NEW.id, NEW.state, NULL);
  RETURN NULL;
END $$;

CREATE TRIGGER faults_turn AFTER INSERT OR UPDATE ON turns FOR EACH ROW EXECUTE FUNCTION faults.note_turn();
CREATE TRIGGER faults_step AFTER INSERT ON steps FOR EACH ROW EXECUTE FUNCTION faults.note_step();
CREATE TRIGGER faults_answer AFTER INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION faults.note_answer();
-- That the channel shows it is the truth, whoever says it: `sent` needs no lease.
CREATE TRIGGER faults_delivery AFTER UPDATE ON deliveries FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state <> 'sent') EXECUTE FUNCTION faults.note_delivery();

-- Gates: a commit waits here while the test holds the tenant's lock. Everything is written by then, and nothing is decided.
CREATE FUNCTION faults.wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::integer, hashtext(NEW.tenant_id::text));
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER faults_send_gate AFTER UPDATE ON deliveries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.state = 'sending') EXECUTE FUNCTION faults.wait_at_gate('1');
CREATE CONSTRAINT TRIGGER faults_ingest_gate AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.direction = 'in') EXECUTE FUNCTION faults.wait_at_gate('2');
