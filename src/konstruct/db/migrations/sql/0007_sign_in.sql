-- People of a business. Only hashes of links, codes and cookies are kept: a dump opens no session. Link and cookie carry
-- the tenant's id beside the secret, so that both are looked up inside the tenant's own scope.
CREATE TABLE members (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'operator', 'viewer')),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  -- In lower case. An owner whose link was printed may have none yet.
  email text CHECK (length(email) BETWEEN 3 AND 254 AND email = lower(email)),
  invited_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, email),
  FOREIGN KEY (tenant_id, invited_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (invited_by)
);
CREATE INDEX members_invited_by ON members (tenant_id, invited_by);
SELECT konstruct_protect('members');

-- Where an e-mail address may sign in. Its SHA-256 only: the fleet role must find businesses, not read addresses.
CREATE TABLE member_emails (
  tenant_id uuid NOT NULL,
  member_id uuid NOT NULL,
  email_hash bytea NOT NULL CHECK (length(email_hash) = 32),
  PRIMARY KEY (tenant_id, member_id),
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX member_emails_hash ON member_emails (email_hash);
SELECT konstruct_protect('member_emails');
SELECT konstruct_share('member_emails', 'SELECT');

-- kind: printed = by a command; email = asked for in a browser, works there only; invitation = sent to a new member.
CREATE TABLE sign_in_links (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  member_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('printed', 'email', 'invitation')),
  token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
  code_hash bytea CHECK (length(code_hash) = 32),
  browser_hash bytea CHECK (length(browser_hash) = 32),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, token_hash),
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE CASCADE,
  CHECK (expires_at > created_at),
  CHECK ((kind = 'email') = (code_hash IS NOT NULL AND browser_hash IS NOT NULL))
);
CREATE INDEX sign_in_links_member ON sign_in_links (tenant_id, member_id, created_at);
SELECT konstruct_protect('sign_in_links');

CREATE TABLE sessions (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  member_id uuid NOT NULL,
  token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
  browser text NOT NULL DEFAULT '' CHECK (length(browser) <= 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, token_hash),
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE CASCADE,
  CHECK (expires_at > created_at)
);
CREATE INDEX sessions_member ON sessions (tenant_id, member_id);
SELECT konstruct_protect('sessions');
