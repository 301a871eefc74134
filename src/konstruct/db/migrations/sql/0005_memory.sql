-- A rolling summary says which messages of its conversation it stands for.
CREATE TABLE summaries (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  from_seq bigint NOT NULL CHECK (from_seq >= 1),
  to_seq bigint NOT NULL,
  text text NOT NULL CHECK (length(text) >= 1),
  model text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, conversation_id, from_seq, to_seq),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, conversation_id, to_seq) REFERENCES messages (tenant_id, conversation_id, seq),
  CHECK (to_seq >= from_seq)
);
CREATE INDEX summaries_to ON summaries (tenant_id, conversation_id, to_seq);
SELECT konstruct_protect('summaries');

CREATE TABLE documents (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
  source text NOT NULL,
  mime text NOT NULL DEFAULT 'text/plain',
  content text NOT NULL,
  sha256 bytea NOT NULL CHECK (length(sha256) = 32),
  status text NOT NULL DEFAULT 'ready' CHECK (status IN ('ready', 'processing', 'failed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, sha256)
);
SELECT konstruct_protect('documents');

-- No ANN index over tenants: a shared one finds less and tells how dense other tenants are. Exact scans per tenant.
CREATE TABLE chunks (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  document_id uuid NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  text text NOT NULL CHECK (length(text) >= 1),
  embedding halfvec(384),
  audience text NOT NULL DEFAULT 'workspace' CHECK (audience IN ('person', 'channel', 'workspace')),
  audience_key text NOT NULL DEFAULT '',
  source text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, document_id, position),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id) ON DELETE CASCADE,
  CHECK ((audience = 'workspace') = (audience_key = ''))
);
CREATE INDEX chunks_audience ON chunks (tenant_id, audience, audience_key);
SELECT konstruct_protect('chunks');
