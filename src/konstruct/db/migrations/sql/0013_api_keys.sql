-- Keys of the API and what was done with them. Only the secret's hash is kept: a dump opens nothing. The key carries the
-- tenant's id beside the secret, so that it is looked up inside the tenant's own scope.
CREATE TABLE api_keys (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  -- The secret's first characters, by which people tell keys apart.
  prefix text NOT NULL CHECK (length(prefix) BETWEEN 4 AND 8),
  secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
  scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 50),
  -- Whose rights bound the key's. Without the member the key opens nothing.
  created_by uuid,
  created_by_name text NOT NULL CHECK (length(created_by_name) BETWEEN 1 AND 100),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, secret_hash),
  FOREIGN KEY (tenant_id, created_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (created_by),
  CHECK (expires_at > created_at)
);
CREATE INDEX api_keys_created_by ON api_keys (tenant_id, created_by);
SELECT konstruct_protect('api_keys', 'SELECT, INSERT, UPDATE');

-- What a write answered, by the caller's own key for it: stored with the effect, in one commit.
CREATE TABLE api_requests (
  tenant_id uuid NOT NULL,
  key_id uuid NOT NULL,
  idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 200),
  request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
  status smallint NOT NULL CHECK (status BETWEEN 200 AND 299),
  body text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, key_id, idempotency_key),
  FOREIGN KEY (tenant_id, key_id) REFERENCES api_keys (tenant_id, id) ON DELETE CASCADE,
  CHECK (expires_at > created_at)
);
CREATE INDEX api_requests_expiry ON api_requests (tenant_id, expires_at);
SELECT konstruct_protect('api_requests');
