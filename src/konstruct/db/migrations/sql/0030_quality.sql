-- How the provider thinks of a number, and what may be sent because of it.

-- How an account stands, least to worst: open; no_outreach (nobody is written to first); replies_only (likewise, and no
-- template at all); suspended (nothing is sent). level is the worst of rating (the last poll), restriction (what the provider
-- said, perhaps until a time), hold (stays until a person resumes) and cooling (good again, for too short a time).
-- The operators see it: ids, states, times and the provider's own words, never content.
CREATE TABLE account_standings (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  level text NOT NULL DEFAULT 'open' CHECK (level IN ('open', 'no_outreach', 'replies_only', 'suspended')),
  rating text NOT NULL DEFAULT 'open' CHECK (rating IN ('open', 'no_outreach', 'replies_only', 'suspended')),
  restriction text NOT NULL DEFAULT 'open' CHECK (restriction IN ('open', 'no_outreach', 'replies_only', 'suspended')),
  restricted_until timestamptz,
  hold text NOT NULL DEFAULT 'open' CHECK (hold IN ('open', 'no_outreach', 'replies_only', 'suspended')),
  cooling boolean NOT NULL DEFAULT false,
  calm_since timestamptz,
  -- Why it stands as it does: a word of ours, or the provider's.
  cause text CHECK (cause ~ '^[A-Za-z0-9_]{1,100}$'),
  since timestamptz NOT NULL DEFAULT now(),
  -- What was sent and refused before does not count against the account any more: somebody looked into it.
  counted_from timestamptz NOT NULL DEFAULT '-infinity',
  polled_at timestamptz,
  tried_at timestamptz,
  poll_failures integer NOT NULL DEFAULT 0 CHECK (poll_failures >= 0),
  poll_problem text CHECK (poll_problem ~ '^[A-Za-z0-9_/.]{1,100}$'),
  -- People in 24 hours that the provider allows; -1: without a limit.
  daily_limit bigint CHECK (daily_limit >= -1),
  ai_priced integer NOT NULL DEFAULT 0 CHECK (ai_priced >= 0),
  ai_priced_at timestamptz,
  PRIMARY KEY (tenant_id, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  CHECK (restricted_until IS NULL OR restriction <> 'open'),
  CHECK ((ai_priced = 0) = (ai_priced_at IS NULL)),
  CHECK (level <> 'open' OR (rating = 'open' AND restriction = 'open' AND hold = 'open' AND NOT cooling))
);
CREATE INDEX account_standings_troubled ON account_standings (level, since) WHERE level <> 'open';
CREATE INDEX account_standings_tried ON account_standings (coalesce(tried_at, '-infinity'));
SELECT konstruct_protect('account_standings');
SELECT konstruct_share('account_standings', 'SELECT');

-- What the provider said of a number when it was asked: a row for each change. The words are the provider's, whatever they are.
CREATE TABLE quality_history (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  id uuid NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  quality text CHECK (length(quality) BETWEEN 1 AND 100),
  status text CHECK (length(status) BETWEEN 1 AND 100),
  name_status text CHECK (length(name_status) BETWEEN 1 AND 100),
  verified_name text CHECK (length(verified_name) BETWEEN 1 AND 300),
  display_number text CHECK (length(display_number) BETWEEN 1 AND 60),
  verification text CHECK (length(verification) BETWEEN 1 AND 100),
  health text CHECK (length(health) BETWEEN 1 AND 100),
  throughput text CHECK (length(throughput) BETWEEN 1 AND 100),
  daily_limit bigint CHECK (daily_limit >= -1),
  PRIMARY KEY (tenant_id, account_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE
);
SELECT konstruct_protect('quality_history');

-- What stopped writing first until a person looked into it, and what that person decided.
CREATE TABLE account_holds (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  cause text NOT NULL CHECK (cause ~ '^[A-Za-z0-9_]{1,100}$'),
  level text NOT NULL CHECK (level IN ('no_outreach', 'replies_only', 'suspended')),
  -- What was counted when a threshold was passed.
  figures jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(figures) = 'object'),
  began_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  ended_by uuid,
  ended_by_name text CHECK (length(ended_by_name) BETWEEN 1 AND 200),
  note text CHECK (length(note) BETWEEN 1 AND 2000),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, ended_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (ended_by),
  -- Nobody resumes without a name and a reason.
  CHECK ((ended_at IS NULL) = (ended_by_name IS NULL) AND (ended_at IS NULL) = (note IS NULL))
);
CREATE UNIQUE INDEX account_holds_open_once ON account_holds (tenant_id, account_id, cause) WHERE ended_at IS NULL;
CREATE INDEX account_holds_account ON account_holds (tenant_id, account_id, began_at DESC);
CREATE INDEX account_holds_member ON account_holds (tenant_id, ended_by) WHERE ended_by IS NOT NULL;
SELECT konstruct_protect('account_holds');

-- A number that takes the place of another: whose contacts moved, and how far they have been told.
CREATE TABLE number_replacements (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  old_account_id uuid NOT NULL,
  new_account_id uuid NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT now(),
  begun_by text NOT NULL CHECK (length(begun_by) BETWEEN 1 AND 200),
  template jsonb CHECK (jsonb_typeof(template) = 'object'),
  moved_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, old_account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, new_account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX number_replacements_once ON number_replacements (tenant_id, old_account_id);
CREATE INDEX number_replacements_new ON number_replacements (tenant_id, new_account_id);
SELECT konstruct_protect('number_replacements');

-- Each contact that was looked at. moved: it is the new number's. told: a message to them was made, or why not; null: their turn
-- has not come.
CREATE TABLE replaced_contacts (
  tenant_id uuid NOT NULL,
  replacement_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  moved boolean NOT NULL,
  told text CHECK (told ~ '^[a-z0-9_]{1,60}$'),
  told_at timestamptz,
  PRIMARY KEY (tenant_id, replacement_id, contact_id),
  FOREIGN KEY (tenant_id, replacement_id) REFERENCES number_replacements (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX replaced_contacts_contact ON replaced_contacts (tenant_id, contact_id);
CREATE INDEX replaced_contacts_next ON replaced_contacts (tenant_id, replacement_id, contact_id) WHERE told IS NULL AND moved;
SELECT konstruct_protect('replaced_contacts');

-- The breaker counts what was written first in the last hours.
CREATE INDEX deliveries_outreach ON deliveries (tenant_id, account_id, created_at) WHERE kind = 'outreach';
CREATE INDEX contacts_opted_out ON contacts (tenant_id, account_id, opted_out_at) WHERE opted_out_at IS NOT NULL;
CREATE INDEX contacts_window ON contacts (tenant_id, account_id, window_expires_at) WHERE window_expires_at IS NOT NULL;

-- The beat looks every few minutes whether a number is asked about no more.
ALTER TABLE maintenance_runs NO FORCE ROW LEVEL SECURITY;
INSERT INTO maintenance_runs (job) VALUES ('polls');
ALTER TABLE maintenance_runs FORCE ROW LEVEL SECURITY;

