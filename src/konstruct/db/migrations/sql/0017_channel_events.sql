-- What a channel brings besides messages, from the acknowledgement until a worker has handled it: then the row goes. Its raw
-- body is in inbound_events like that of every delivery.
CREATE TABLE channel_events (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
  content jsonb NOT NULL CHECK (jsonb_typeof(content) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX channel_events_account ON channel_events (tenant_id, account_id);
SELECT konstruct_protect('channel_events', 'SELECT, INSERT, DELETE');

ALTER TABLE tenant_jobs DROP CONSTRAINT tenant_jobs_kind_check;
ALTER TABLE tenant_jobs ADD CONSTRAINT tenant_jobs_kind_check
  CHECK (kind IN ('notice_mail', 'retention', 'export', 'erase', 'channel_event'));
