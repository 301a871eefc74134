-- The owner runs this file. Default privileges stay empty: each table says who may do what.

-- konstruct_protect: a tenant table. Row-level security on and forced, the one template policy, rows for the app role.
-- The comparison is bare, without missing_ok: a query without a tenant raises.
CREATE FUNCTION konstruct_protect(p_table regclass, p_privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE')
RETURNS void LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);
  EXECUTE format(
    'CREATE POLICY tenant_isolation ON %s USING (tenant_id = current_setting(''app.tenant_id'')::uuid) '
    'WITH CHECK (tenant_id = current_setting(''app.tenant_id'')::uuid)', p_table);
  EXECUTE format('GRANT %s ON %s TO konstruct_app', p_privileges, p_table);
END $$;

-- konstruct_share: a narrow platform table (ids and states only) that the fleet role works on as well.
-- Policies are ORed: `true` makes the planner drop the template for the fleet role, and for nobody else.
CREATE FUNCTION konstruct_share(p_table regclass, p_privileges text) RETURNS void
LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  EXECUTE format('CREATE POLICY fleet ON %s TO konstruct_fleet USING (true) WITH CHECK (true)', p_table);
  EXECUTE format('GRANT %s ON %s TO konstruct_fleet', p_privileges, p_table);
END $$;

-- konstruct_fleet_only: a platform table without a tenant.
CREATE FUNCTION konstruct_fleet_only(p_table regclass, p_privileges text) RETURNS void
LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', p_table);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);
  EXECUTE format('CREATE POLICY fleet ON %s TO konstruct_fleet USING (true) WITH CHECK (true)', p_table);
  EXECUTE format('GRANT %s ON %s TO konstruct_fleet', p_privileges, p_table);
END $$;

REVOKE ALL ON FUNCTION konstruct_protect(regclass, text), konstruct_share(regclass, text), konstruct_fleet_only(regclass, text) FROM PUBLIC;
GRANT SELECT ON alembic_version TO konstruct_app, konstruct_fleet;

CREATE TABLE tenant_directory (
  tenant_id uuid PRIMARY KEY,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'erasing')),
  created_at timestamptz NOT NULL DEFAULT now(),
  status_changed_at timestamptz NOT NULL DEFAULT now()
);
SELECT konstruct_protect('tenant_directory', 'SELECT');
SELECT konstruct_share('tenant_directory', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE tenants (
  tenant_id uuid PRIMARY KEY REFERENCES tenant_directory (tenant_id) ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now()
);
SELECT konstruct_protect('tenants');

CREATE TABLE agents (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  model text,
  context_limit_tokens integer NOT NULL DEFAULT 16000 CHECK (context_limit_tokens BETWEEN 1000 AND 2000000),
  reply_limit_tokens integer NOT NULL DEFAULT 1024 CHECK (reply_limit_tokens BETWEEN 16 AND 64000),
  persona_version integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CHECK (reply_limit_tokens < context_limit_tokens)
);

-- A version never changes: the app role may add one, not edit it.
CREATE TABLE persona_versions (
  tenant_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  persona text NOT NULL CHECK (length(persona) BETWEEN 1 AND 100000),
  policy text NOT NULL DEFAULT '' CHECK (length(policy) <= 100000),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, agent_id, version),
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE
);

-- The version in force must exist; checked at commit, because the first one is born with its agent.
ALTER TABLE agents ADD CONSTRAINT agents_persona_version_fkey
  FOREIGN KEY (tenant_id, id, persona_version) REFERENCES persona_versions (tenant_id, agent_id, version)
  DEFERRABLE INITIALLY DEFERRED;
-- Protected after the constraint: adding one reads both tables, and under FORCE the owner would need a tenant for that.
SELECT konstruct_protect('agents');
SELECT konstruct_protect('persona_versions', 'SELECT, INSERT');

CREATE TABLE secrets (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  purpose text NOT NULL CHECK (purpose ~ '^[a-z0-9_.]{1,100}$'),
  version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
  key_version integer NOT NULL CHECK (key_version >= 1),
  wrapped_key bytea NOT NULL,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX secrets_key_version ON secrets (tenant_id, key_version);
SELECT konstruct_protect('secrets');

CREATE TABLE channel_accounts (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  agent_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('slack', 'whatsapp')),
  external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
  app_id text,
  bot_user_id text,
  secret_id uuid NOT NULL,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'broken', 'disconnected')),
  status_reason text,
  connected_at timestamptz NOT NULL DEFAULT now(),
  status_changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, kind, external_id),
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, secret_id) REFERENCES secrets (tenant_id, id)
);
CREATE INDEX channel_accounts_agent ON channel_accounts (tenant_id, agent_id);
CREATE INDEX channel_accounts_secret ON channel_accounts (tenant_id, secret_id);
SELECT konstruct_protect('channel_accounts');

-- Which tenant a provider's account belongs to. The one place where an account is unique over all tenants.
CREATE TABLE channel_routes (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('slack', 'whatsapp')),
  account_key text NOT NULL CHECK (length(account_key) BETWEEN 1 AND 200),
  app_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  CONSTRAINT channel_routes_account_once UNIQUE (kind, account_key),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE
);
SELECT konstruct_protect('channel_routes');
SELECT konstruct_share('channel_routes', 'SELECT');

-- Deliveries for an account that nobody has connected. No content: enough to see that it happens, and to whom.
CREATE TABLE unrouted_events (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  kind text NOT NULL,
  account_key text NOT NULL,
  app_id text,
  reason text NOT NULL CHECK (reason IN ('unknown_account', 'wrong_app', 'suspended')),
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  deliveries bigint NOT NULL DEFAULT 1,
  CONSTRAINT unrouted_events_once UNIQUE NULLS NOT DISTINCT (kind, account_key, app_id, reason)
);
SELECT konstruct_fleet_only('unrouted_events', 'SELECT, INSERT, UPDATE, DELETE');
