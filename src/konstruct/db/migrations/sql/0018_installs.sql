-- Installing a channel by the provider's page of consent: what was granted, and what is under way.

-- Under FORCE the owner would need a tenant to look whether the rows satisfy what is added.
ALTER TABLE channel_accounts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE secrets NO FORCE ROW LEVEL SECURITY;

-- scopes: what was granted; NULL where nobody told. refresh_secret_id: where the provider lets tokens expire.
ALTER TABLE channel_accounts
  ADD COLUMN account_name text NOT NULL DEFAULT '' CHECK (length(account_name) <= 200),
  ADD COLUMN enterprise_id text CHECK (length(enterprise_id) BETWEEN 1 AND 200),
  ADD COLUMN org_wide boolean NOT NULL DEFAULT false,
  ADD COLUMN scopes text[] CHECK (cardinality(scopes) <= 200),
  ADD COLUMN refresh_secret_id uuid,
  ADD COLUMN token_expires_at timestamptz,
  ADD CONSTRAINT channel_accounts_org CHECK (NOT org_wide OR enterprise_id IS NOT DISTINCT FROM external_id),
  ADD CONSTRAINT channel_accounts_refresh_kept CHECK (refresh_secret_id IS NULL OR secret_id IS NOT NULL),
  ADD CONSTRAINT channel_accounts_refresh_fkey
    FOREIGN KEY (tenant_id, refresh_secret_id) REFERENCES secrets (tenant_id, id);
CREATE INDEX channel_accounts_refresh ON channel_accounts (tenant_id, refresh_secret_id);

ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_accounts FORCE ROW LEVEL SECURITY;

-- A workspace, or all of an organisation's: whoever has the organisation would get the events of its workspaces too. So what
-- an account claims is a stretch of names, "kind/organisation/account", and no two stretches may touch, whoever has them.
CREATE TYPE text_range AS RANGE (subtype = text, collation = "C");
ALTER TABLE channel_routes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_routes
  ADD COLUMN enterprise_id text CHECK (length(enterprise_id) BETWEEN 1 AND 200),
  ADD COLUMN org_wide boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT channel_routes_org CHECK (NOT org_wide OR enterprise_id IS NOT DISTINCT FROM account_key);
ALTER TABLE channel_routes ADD COLUMN claim text_range NOT NULL GENERATED ALWAYS AS (
  CASE WHEN org_wide THEN
    -- In this order of letters `0` comes next after `/`.
    text_range(kind || '/' || enterprise_id || '/', kind || '/' || enterprise_id || '0', '[)')
  ELSE text_range(kind || '/' || coalesce(enterprise_id, '') || '/' || account_key,
    kind || '/' || coalesce(enterprise_id, '') || '/' || account_key, '[]') END) STORED;
ALTER TABLE channel_routes ADD CONSTRAINT channel_routes_claims_apart EXCLUDE USING gist (claim WITH &&);
ALTER TABLE channel_routes FORCE ROW LEVEL SECURITY;

-- An install that somebody began: the provider sends its browser back with the state, of which only the hash is kept.
CREATE TABLE channel_installs (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('slack', 'whatsapp')),
  session_id uuid NOT NULL,
  state_hash bytea NOT NULL CHECK (length(state_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, state_hash),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE,
  CHECK (expires_at > created_at AND expires_at <= created_at + interval '600 seconds')
);
CREATE INDEX channel_installs_session ON channel_installs (tenant_id, session_id);
SELECT konstruct_protect('channel_installs');
