-- What the owner tells of the employee, field by field. A version is all of it, its name included.
-- Filling and linking rows reads them, and under FORCE the owner would need a tenant for that.
ALTER TABLE agents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE members NO FORCE ROW LEVEL SECURITY;
ALTER TABLE persona_versions NO FORCE ROW LEVEL SECURITY;

ALTER TABLE persona_versions
  ADD COLUMN name text CHECK (length(name) BETWEEN 1 AND 100),
  ADD COLUMN tone text NOT NULL DEFAULT 'neutral' CHECK (tone IN ('warm', 'neutral', 'formal', 'brief')),
  ADD COLUMN tone_note text NOT NULL DEFAULT '' CHECK (length(tone_note) <= 500),
  -- In the order of preference; none = the language of the person who asks.
  ADD COLUMN languages text[] NOT NULL DEFAULT '{}' CHECK (cardinality(languages) <= 20),
  -- {"time_zone": "Europe/Berlin", "days": [["09:00", "17:00"], …, null]}, Monday first; null = always.
  ADD COLUMN working_hours jsonb CHECK (jsonb_typeof(working_hours) = 'object'),
  ADD COLUMN outside_hours text NOT NULL DEFAULT '' CHECK (length(outside_hours) <= 1000),
  -- One thing a line.
  ADD COLUMN must_not text NOT NULL DEFAULT '' CHECK (length(must_not) <= 10000),
  ADD COLUMN changed_by uuid,
  -- Who it was stays readable when the member is gone.
  ADD COLUMN changed_by_name text NOT NULL DEFAULT '' CHECK (length(changed_by_name) <= 200),
  ADD COLUMN note text NOT NULL DEFAULT '' CHECK (length(note) <= 500);

UPDATE persona_versions p SET name = a.name FROM agents a WHERE a.tenant_id = p.tenant_id AND a.id = p.agent_id;
ALTER TABLE persona_versions ALTER COLUMN name SET NOT NULL,
  ADD CONSTRAINT persona_versions_changed_by_fkey FOREIGN KEY (tenant_id, changed_by)
    REFERENCES members (tenant_id, id) ON DELETE SET NULL (changed_by);
CREATE INDEX persona_versions_changed_by ON persona_versions (tenant_id, changed_by);

ALTER TABLE agents FORCE ROW LEVEL SECURITY;
ALTER TABLE members FORCE ROW LEVEL SECURITY;
ALTER TABLE persona_versions FORCE ROW LEVEL SECURITY;

-- A member's talks with a draft: nobody else's conversation, and soon forgotten.
CREATE TABLE tryouts (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  member_id uuid NOT NULL,
  question text NOT NULL CHECK (length(question) BETWEEN 1 AND 4000),
  answer text CHECK (length(answer) >= 1),
  -- Why the answer is a fallback.
  reason text,
  asked_at timestamptz NOT NULL DEFAULT now(),
  answered_at timestamptz,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE CASCADE,
  CHECK (expires_at > asked_at),
  CHECK ((answer IS NULL) = (answered_at IS NULL)),
  CHECK (reason IS NULL OR answer IS NOT NULL)
);
CREATE INDEX tryouts_member ON tryouts (tenant_id, member_id, asked_at);
CREATE INDEX tryouts_expiry ON tryouts (tenant_id, expires_at);
SELECT konstruct_protect('tryouts');
