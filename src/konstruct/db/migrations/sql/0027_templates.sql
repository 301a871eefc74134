-- Message templates, and what waits for a window.

-- Words that a provider approved before, of one business account in one language. Its own words for state, category and
-- quality are data. components: JSON as it came.
CREATE TABLE templates (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,30}$'),
  business_account_id text NOT NULL CHECK (length(business_account_id) BETWEEN 1 AND 200),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
  language text NOT NULL CHECK (length(language) BETWEEN 1 AND 20),
  provider_id text CHECK (length(provider_id) BETWEEN 1 AND 200),
  state text NOT NULL CHECK (length(state) BETWEEN 1 AND 100),
  category text CHECK (length(category) BETWEEN 1 AND 100),
  quality text CHECK (length(quality) BETWEEN 1 AND 100),
  reason text CHECK (length(reason) BETWEEN 1 AND 300),
  named boolean NOT NULL DEFAULT false,
  components jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(components) = 'array'),
  -- How many places there are to fill in.
  header_places integer NOT NULL DEFAULT 0 CHECK (header_places >= 0),
  body_places integer NOT NULL DEFAULT 0 CHECK (body_places >= 0),
  button_places integer NOT NULL DEFAULT 0 CHECK (button_places >= 0),
  -- As of when the state is known: what was so before changes nothing.
  state_at timestamptz NOT NULL DEFAULT now(),
  -- When the provider was last asked; null: it has only been heard of.
  synced_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT templates_once UNIQUE (tenant_id, kind, business_account_id, name, language)
);
SELECT konstruct_protect('templates');

-- Asking a provider for them is a tenant's job. Others add theirs to the list: whatever stands there stays.
DO $$
DECLARE
  v_kinds text[];
BEGIN
  SELECT array_agg(DISTINCT k[1]) || 'template_sync'::text INTO v_kinds
  FROM pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_]+)''', 'g') AS k
  WHERE c.conname = 'tenant_jobs_kind_check' AND c.conrelid = 'tenant_jobs'::regclass;
  ALTER TABLE tenant_jobs DROP CONSTRAINT tenant_jobs_kind_check;
  EXECUTE format('ALTER TABLE tenant_jobs ADD CONSTRAINT tenant_jobs_kind_check CHECK (kind = ANY (%L::text[]))', v_kinds);
END $$;
