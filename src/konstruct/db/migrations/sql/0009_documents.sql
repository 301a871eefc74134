-- text_digest: the SHA-256 of a text. It is immutable because the database's encoding never changes; as one SQL expression
-- it would be inlined, and taken for what convert_to is in general.
CREATE FUNCTION text_digest(p_text text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = ''
AS $$ BEGIN RETURN pg_catalog.sha256(pg_catalog.convert_to(p_text, 'UTF8')); END $$;
REVOKE ALL ON FUNCTION text_digest(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION text_digest(text) TO konstruct_app;

-- Uploaded files and how far they are. A document without a text yet has no digest; NULLs do not collide.
-- Adding a constraint reads both tables, and under FORCE the owner would need a tenant for that.
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE members NO FORCE ROW LEVEL SECURITY;
ALTER TABLE documents
  ALTER COLUMN sha256 DROP NOT NULL,
  ADD COLUMN filename text CHECK (length(filename) BETWEEN 1 AND 255),
  ADD COLUMN bytes bigint CHECK (bytes >= 0),
  ADD COLUMN file_sha256 bytea CHECK (length(file_sha256) = 32),
  ADD COLUMN uploaded_by uuid,
  -- Why it failed, in words for the owner.
  ADD COLUMN reason text CHECK (length(reason) BETWEEN 1 AND 1000),
  -- How far the reading is: pages, rows or bytes, as the format counts.
  ADD COLUMN done integer NOT NULL DEFAULT 0 CHECK (done >= 0),
  ADD COLUMN total integer NOT NULL DEFAULT 0 CHECK (total >= 0),
  -- A list of documents must not read their texts.
  ADD COLUMN chars integer GENERATED ALWAYS AS (length(content)) STORED,
  -- Whether the chunks were made of the text that stands there now is asked at every search.
  ADD COLUMN content_sha256 bytea GENERATED ALWAYS AS (text_digest(content)) STORED,
  ADD CONSTRAINT documents_file_once UNIQUE (tenant_id, file_sha256),
  ADD CONSTRAINT documents_uploaded_by_fkey
    FOREIGN KEY (tenant_id, uploaded_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (uploaded_by),
  ADD CONSTRAINT documents_ready_has_digest CHECK (status <> 'ready' OR sha256 IS NOT NULL),
  ADD CONSTRAINT documents_failed_has_reason CHECK (status <> 'failed' OR reason IS NOT NULL);
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE members FORCE ROW LEVEL SECURITY;
CREATE INDEX documents_newest ON documents (tenant_id, created_at, id);
CREATE INDEX documents_uploaded_by ON documents (tenant_id, uploaded_by);

-- The original bytes, in parts, until they have been read: a crash or a restart goes on from here.
CREATE TABLE document_files (
  tenant_id uuid NOT NULL,
  document_id uuid NOT NULL,
  part integer NOT NULL CHECK (part >= 0),
  bytes bytea NOT NULL CHECK (length(bytes) BETWEEN 1 AND 1048576),
  PRIMARY KEY (tenant_id, document_id, part),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id) ON DELETE CASCADE
);
-- PDF and DOCX are compressed already.
ALTER TABLE document_files ALTER COLUMN bytes SET STORAGE EXTERNAL;
SELECT konstruct_protect('document_files', 'SELECT, INSERT, DELETE');

-- What is still to be read, and who is at it. The fleet role claims here: ids and times, never a name or a text.
CREATE TABLE document_jobs (
  tenant_id uuid NOT NULL,
  document_id uuid NOT NULL,
  epoch bigint NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  claimed_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, document_id),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id) ON DELETE CASCADE
);
SELECT konstruct_protect('document_jobs');
SELECT konstruct_share('document_jobs', 'SELECT, UPDATE');
