-- What the owner must know. One open notice per trouble and thing; being raised again counts, and e-mails seldom.
CREATE TABLE notices (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
  -- What it is about: an account's or a document's id, a month; nothing that anybody wrote.
  subject_key text NOT NULL CHECK (length(subject_key) BETWEEN 1 AND 200),
  severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  body text NOT NULL CHECK (length(body) <= 2000),
  action_path text NOT NULL CHECK (length(action_path) <= 300 AND action_path ~ '^/([^/\\]|$)'),
  count integer NOT NULL DEFAULT 1 CHECK (count >= 1),
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  -- By a person, or by itself when its cause was gone.
  resolution text CHECK (resolution IN ('person', 'itself')),
  resolved_by uuid,
  -- How many rounds of e-mail it has begun, and when the last one.
  mails integer NOT NULL DEFAULT 0 CHECK (mails >= 0),
  emailed_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, resolved_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (resolved_by),
  CHECK ((resolved_at IS NULL) = (resolution IS NULL)),
  CHECK ((mails = 0) = (emailed_at IS NULL))
);
CREATE UNIQUE INDEX notices_open_once ON notices (tenant_id, kind, subject_key) WHERE resolved_at IS NULL;
CREATE INDEX notices_subject ON notices (tenant_id, kind, subject_key, last_at);
CREATE INDEX notices_resolved ON notices (tenant_id, resolved_at, id) WHERE resolved_at IS NOT NULL;
CREATE INDEX notices_resolved_by ON notices (tenant_id, resolved_by);
SELECT konstruct_protect('notices');

-- To whom a round of e-mail went. Written before the e-mail is handed over: whatever happens then, no second one goes out.
-- waiting: certainly not handed over, to be tried again; unknown: perhaps it was.
CREATE TABLE notice_mails (
  tenant_id uuid NOT NULL,
  notice_id uuid NOT NULL,
  round integer NOT NULL CHECK (round >= 1),
  member_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('sending', 'waiting', 'sent', 'refused', 'unknown')),
  attempts integer NOT NULL DEFAULT 1 CHECK (attempts >= 1),
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, notice_id, round, member_id),
  FOREIGN KEY (tenant_id, notice_id) REFERENCES notices (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX notice_mails_member ON notice_mails (tenant_id, member_id);
SELECT konstruct_protect('notice_mails');

ALTER TABLE members ADD COLUMN notice_mail boolean NOT NULL DEFAULT true;

-- retention_days: after how many days the content of messages goes; null keeps it.
ALTER TABLE tenants
  ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) BETWEEN 1 AND 64),
  ADD COLUMN retention_days integer CHECK (retention_days BETWEEN 1 AND 3650);

-- The business's own midnight counts from here on.
CREATE OR REPLACE FUNCTION usage_day(p_tenant uuid, p_at timestamptz) RETURNS date LANGUAGE sql STABLE
RETURN (p_at AT TIME ZONE (SELECT t.time_zone FROM tenants t WHERE t.tenant_id = p_tenant))::date;

-- The finished file stands in pieces of a mebibyte, so that every web process can hand it out; for seven days.
CREATE TABLE exports (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  requested_by uuid,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'expired')),
  progress bigint NOT NULL DEFAULT 0 CHECK (progress >= 0),
  total bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
  bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  expires_at timestamptz,
  -- Which attempt's pieces are the file: one that was given up may still have written some.
  pieces_of bigint,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, requested_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (requested_by),
  CHECK ((state IN ('done', 'failed', 'expired')) = (finished_at IS NOT NULL)),
  CHECK ((state IN ('done', 'expired')) = (expires_at IS NOT NULL AND pieces_of IS NOT NULL)),
  CHECK ((state = 'failed') = (reason IS NOT NULL))
);
-- A second click finds the first one's.
CREATE UNIQUE INDEX exports_one_under_way ON exports (tenant_id) WHERE state IN ('queued', 'running');
CREATE INDEX exports_requested_by ON exports (tenant_id, requested_by);
SELECT konstruct_protect('exports');

CREATE TABLE export_pieces (
  tenant_id uuid NOT NULL,
  export_id uuid NOT NULL,
  attempt bigint NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  data bytea NOT NULL CHECK (length(data) BETWEEN 1 AND 1048576),
  PRIMARY KEY (tenant_id, export_id, attempt, position),
  FOREIGN KEY (tenant_id, export_id) REFERENCES exports (tenant_id, id) ON DELETE CASCADE
);
-- It is compressed already.
ALTER TABLE export_pieces ALTER COLUMN data SET STORAGE EXTERNAL;
SELECT konstruct_protect('export_pieces');

-- Work on one tenant, found by the fleet: ids and times only. A claim puts the row off by a lease and raises its epoch;
-- being asked for again raises seq, so that what comes during the work is not lost.
CREATE TABLE tenant_jobs (
  tenant_id uuid NOT NULL REFERENCES tenant_directory (tenant_id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('notice_mail', 'retention', 'export', 'erase')),
  subject_id uuid NOT NULL,
  due_at timestamptz NOT NULL DEFAULT now(),
  seq bigint NOT NULL DEFAULT 1,
  epoch bigint NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, kind, subject_id)
);
CREATE INDEX tenant_jobs_due ON tenant_jobs (kind, due_at);
SELECT konstruct_protect('tenant_jobs');
SELECT konstruct_share('tenant_jobs', 'SELECT, INSERT, UPDATE, DELETE');
