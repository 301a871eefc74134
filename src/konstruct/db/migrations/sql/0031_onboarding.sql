-- Connecting a number: what its provider's dialog gave us, how far the rest has come, and whether the business is verified.

-- A number that is being connected. secret_id: the token, until the account has it. wanted_*: what the browser said, which proves
-- nothing. numbers: [{"id", "phone_number", "name"}] to choose from. pin_secret_id: the number's PIN of two-step verification,
-- sealed before the provider hears it; it stays when the account goes, because whoever connects the number next needs it.
CREATE TABLE channel_signups (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,30}$'),
  begun_by text NOT NULL CHECK (length(begun_by) BETWEEN 1 AND 200),
  secret_id uuid,
  token_expires_at timestamptz,
  scopes text[] CHECK (cardinality(scopes) <= 200),
  wanted_business_account text CHECK (length(wanted_business_account) BETWEEN 1 AND 200),
  wanted_account text CHECK (length(wanted_account) BETWEEN 1 AND 200),
  business_account_id text CHECK (length(business_account_id) BETWEEN 1 AND 200),
  portfolio_id text CHECK (length(portfolio_id) BETWEEN 1 AND 200),
  numbers jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(numbers) = 'array' AND NOT numbers @? 'strict $[50]'),
  account_id uuid,
  pin_secret_id uuid,
  subscribed_at timestamptz,
  registered_at timestamptz,
  problem text CHECK (problem ~ '^[A-Za-z0-9_/]{1,60}$'),
  problem_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  done_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT channel_signups_account_once UNIQUE (tenant_id, account_id),
  FOREIGN KEY (tenant_id, secret_id) REFERENCES secrets (tenant_id, id),
  FOREIGN KEY (tenant_id, pin_secret_id) REFERENCES secrets (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  CONSTRAINT channel_signups_token_somewhere CHECK (secret_id IS NOT NULL OR account_id IS NOT NULL),
  CONSTRAINT channel_signups_done CHECK (
    done_at IS NULL OR (account_id IS NOT NULL AND subscribed_at IS NOT NULL AND registered_at IS NOT NULL AND problem IS NULL)),
  CHECK ((problem IS NULL) = (problem_at IS NULL))
);
CREATE INDEX channel_signups_secret ON channel_signups (tenant_id, secret_id);
CREATE INDEX channel_signups_pin ON channel_signups (tenant_id, pin_secret_id);
SELECT konstruct_protect('channel_signups');

-- Who saw, or entered, what is secret about an account. Rows are only ever added.
CREATE TABLE channel_acts (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT uuidv7(),
  act text NOT NULL CHECK (act IN ('pin_shown', 'pin_entered')),
  member_name text NOT NULL CHECK (length(member_name) BETWEEN 1 AND 200),
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE
);
SELECT konstruct_protect('channel_acts', 'SELECT, INSERT');

-- Whether the provider has verified the business behind an account: each change of it, the newest holds. source: the provider
-- told it; a member entered it, because the provider does not tell; or nobody tells it any more, and it stays as it was.
CREATE TABLE business_verifications (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT uuidv7(),
  state text NOT NULL CHECK (state IN ('not_started', 'submitted', 'approved', 'rejected')),
  source text NOT NULL CHECK (source IN ('provider', 'member', 'nobody')),
  said text CHECK (said ~ '^[a-z0-9_]{1,60}$'),
  member_name text CHECK (length(member_name) BETWEEN 1 AND 200),
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  CHECK ((source = 'member') = (member_name IS NOT NULL))
);
SELECT konstruct_protect('business_verifications', 'SELECT, INSERT');
