-- Consent: the evidence that a person wants to be written to first, what ends it, and the rule that nothing goes out without.
-- Rows are added, never changed: the app role has no right to change or delete one. They go with their account or business.

-- settled: a message with which the house has dealt at ingest. Nobody has to answer it.
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messages DROP CONSTRAINT messages_state_check;
ALTER TABLE messages ADD CONSTRAINT messages_state_check
  CHECK (state IN ('held', 'pending', 'in_turn', 'answered', 'human', 'sent', 'withdrawn', 'settled'));
ALTER TABLE messages FORCE ROW LEVEL SECURITY;

-- consent_lists: where consents come from that people did not give in the channel itself. import: one file; hand, api: all that
-- is recorded one by one in the portal, or by programs. What a list holds counts once somebody has attested to it.
CREATE TABLE consent_lists (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('import', 'hand', 'api')),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_by uuid,
  created_by_name text NOT NULL CHECK (length(created_by_name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, created_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (created_by)
);
CREATE UNIQUE INDEX consent_lists_standing ON consent_lists (tenant_id, account_id, kind) WHERE kind <> 'import';
CREATE INDEX consent_lists_newest ON consent_lists (tenant_id, created_at DESC, id DESC);
CREATE INDEX consent_lists_member ON consent_lists (tenant_id, created_by) WHERE created_by IS NOT NULL;
SELECT konstruct_protect('consent_lists', 'SELECT, INSERT');

-- Who vouches for a list, in which words.
CREATE TABLE consent_attestations (
  tenant_id uuid NOT NULL,
  list_id uuid NOT NULL,
  statement text NOT NULL CHECK (length(statement) BETWEEN 1 AND 2000),
  member_id uuid,
  member_name text NOT NULL CHECK (length(member_name) BETWEEN 1 AND 200),
  attested_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, list_id),
  FOREIGN KEY (tenant_id, list_id) REFERENCES consent_lists (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE SET NULL (member_id)
);
CREATE INDEX consent_attestations_member ON consent_attestations (tenant_id, member_id) WHERE member_id IS NOT NULL;
SELECT konstruct_protect('consent_attestations', 'SELECT, INSERT');

-- source: conversation = the person's own message; provider = the person told the provider; the others have a list.
CREATE TABLE consents (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  contact_id uuid NOT NULL,
  list_id uuid,
  source text NOT NULL CHECK (source IN ('import', 'hand', 'api', 'conversation', 'provider')),
  purpose text NOT NULL CHECK (purpose IN ('marketing', 'utility', 'any')),
  how text NOT NULL CHECK (length(how) BETWEEN 1 AND 200),
  wording text NOT NULL CHECK (length(wording) BETWEEN 1 AND 4000),
  wording_version text CHECK (length(wording_version) BETWEEN 1 AND 100),
  proof text NOT NULL CHECK (length(proof) BETWEEN 1 AND 2000),
  obtained_at timestamptz NOT NULL,
  expires_at timestamptz CHECK (expires_at > obtained_at),
  message_id uuid,
  recorded_by uuid,
  recorded_by_name text NOT NULL CHECK (length(recorded_by_name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, list_id) REFERENCES consent_lists (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, recorded_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (recorded_by),
  CHECK ((list_id IS NULL) = (source IN ('conversation', 'provider'))),
  CHECK ((source = 'conversation') = (message_id IS NOT NULL))
);
CREATE INDEX consents_contact ON consents (tenant_id, contact_id, obtained_at DESC);
CREATE INDEX consents_list ON consents (tenant_id, list_id, id) WHERE list_id IS NOT NULL;
CREATE INDEX consents_member ON consents (tenant_id, recorded_by) WHERE recorded_by IS NOT NULL;
SELECT konstruct_protect('consents', 'SELECT, INSERT');

-- A withdrawal outlives its contact: without the contact's name, by the hashes of its ids. source: forgotten = the person is.
CREATE TABLE withdrawals (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  contact_id uuid,
  source text NOT NULL CHECK (source IN ('conversation', 'provider', 'hand', 'api', 'forgotten')),
  purpose text NOT NULL CHECK (purpose IN ('marketing', 'utility', 'any')),
  said text CHECK (length(said) BETWEEN 1 AND 2000),
  message_id uuid,
  recorded_by uuid,
  recorded_by_name text NOT NULL CHECK (length(recorded_by_name) BETWEEN 1 AND 200),
  withdrawn_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE SET NULL (contact_id),
  FOREIGN KEY (tenant_id, recorded_by) REFERENCES members (tenant_id, id) ON DELETE SET NULL (recorded_by)
);
CREATE INDEX withdrawals_contact ON withdrawals (tenant_id, contact_id, withdrawn_at DESC);
CREATE INDEX withdrawals_account ON withdrawals (tenant_id, account_id);
CREATE INDEX withdrawals_member ON withdrawals (tenant_id, recorded_by) WHERE recorded_by IS NOT NULL;
SELECT konstruct_protect('withdrawals', 'SELECT, INSERT');

CREATE TABLE withdrawal_ids (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  id_hash bytea NOT NULL CHECK (length(id_hash) = 32),
  withdrawal_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, account_id, id_hash, withdrawal_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, withdrawal_id) REFERENCES withdrawals (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX withdrawal_ids_withdrawal ON withdrawal_ids (tenant_id, withdrawal_id);
SELECT konstruct_protect('withdrawal_ids', 'SELECT, INSERT');

-- A file between its preview and its confirmation. rows, problems: what was read of it.
CREATE TABLE consent_uploads (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  member_id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  rows jsonb NOT NULL CHECK (jsonb_typeof(rows) = 'array'),
  problems jsonb NOT NULL CHECK (jsonb_typeof(problems) = 'array'),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX consent_uploads_age ON consent_uploads (tenant_id, created_at);
CREATE INDEX consent_uploads_account ON consent_uploads (tenant_id, account_id);
CREATE INDEX consent_uploads_member ON consent_uploads (tenant_id, member_id);
SELECT konstruct_protect('consent_uploads', 'SELECT, INSERT, DELETE');

-- contact_hash: an id of a person at an account, so that it is recognised and cannot be read. convert_to depends on nothing here.
CREATE FUNCTION contact_hash(p_tenant uuid, p_account uuid, p_id text) RETURNS bytea LANGUAGE sql STABLE
RETURN sha256(convert_to(p_tenant || ':' || p_account || ':' || p_id, 'UTF8'));

-- consent_live: the consent that lets the business write to the contact first for this purpose, or NULL. It is of the contact,
-- for the purpose, not expired, attested to (what was added to a file's list afterwards is not), and nothing ended it since.
-- What was obtained before a withdrawal is ended by it, whenever it is recorded.
CREATE FUNCTION consent_live(p_tenant uuid, p_contact uuid, p_purpose text) RETURNS uuid LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT c.id FROM consents c JOIN contacts k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
  LEFT JOIN consent_lists l ON l.tenant_id = c.tenant_id AND l.id = c.list_id
  LEFT JOIN consent_attestations a ON a.tenant_id = c.tenant_id AND a.list_id = c.list_id
  WHERE c.tenant_id = p_tenant AND c.contact_id = p_contact AND c.purpose IN ('any', p_purpose) AND k.opted_out_at IS NULL
    AND c.obtained_at <= clock_timestamp() AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
    AND (c.list_id IS NULL OR a.attested_at IS NOT NULL AND (l.kind <> 'import' OR c.created_at <= a.attested_at))
    AND NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.tenant_id = p_tenant AND w.contact_id = p_contact
      AND w.purpose IN ('any', p_purpose) AND w.withdrawn_at >= c.obtained_at)
    AND NOT EXISTS (SELECT 1 FROM withdrawal_ids i JOIN withdrawals w ON w.tenant_id = i.tenant_id AND w.id = i.withdrawal_id
      WHERE i.tenant_id = p_tenant AND i.account_id = k.account_id
        AND i.id_hash = contact_hash(p_tenant, k.account_id, k.external_id)
        AND w.purpose IN ('any', p_purpose) AND w.withdrawn_at >= c.obtained_at)
  ORDER BY c.obtained_at DESC, c.id LIMIT 1;
END;

-- outreach_purpose: what a template is for. One that is not known is taken for what needs most.
CREATE FUNCTION outreach_purpose(p_tenant uuid, p_account uuid, p_name text, p_language text) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT CASE WHEN upper(max(t.category)) IN ('UTILITY', 'AUTHENTICATION') THEN 'utility' ELSE 'marketing' END
  FROM channel_accounts a JOIN templates t ON t.tenant_id = a.tenant_id AND t.kind = a.kind
    AND t.business_account_id = a.business_account_id AND t.name = p_name AND t.language = p_language
  WHERE a.tenant_id = p_tenant AND a.id = p_account;
END;

-- delivery_consent: nothing with which the business begins is stored, or begins to be sent, without a live consent. The contact
-- is held meanwhile, so that a withdrawal comes wholly before or wholly after. Whoever holds more locks the contact first.
CREATE FUNCTION delivery_consent() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_kind text;
  v_contact uuid;
BEGIN
  SELECT kind, contact_id INTO v_kind, v_contact FROM conversations
  WHERE tenant_id = NEW.tenant_id AND id = NEW.conversation_id;
  IF NEW.kind <> 'outreach' AND NEW.form <> 'template' THEN
    IF v_kind IS DISTINCT FROM 'contact' THEN
      RETURN NEW;
    END IF;
    PERFORM 1 FROM messages WHERE tenant_id = NEW.tenant_id AND conversation_id = NEW.conversation_id AND direction = 'in' LIMIT 1;
    IF FOUND THEN
      RETURN NEW;
    END IF;
    -- What they wrote may be forgotten; that they wrote is not.
    PERFORM 1 FROM contacts WHERE tenant_id = NEW.tenant_id AND id = v_contact AND window_expires_at IS NOT NULL;
    IF FOUND THEN
      RETURN NEW;
    END IF;
  END IF;
  PERFORM 1 FROM contacts WHERE tenant_id = NEW.tenant_id AND id = v_contact FOR SHARE;
  IF consent_live(NEW.tenant_id, v_contact, CASE WHEN NEW.form = 'template' THEN outreach_purpose(NEW.tenant_id, NEW.account_id,
      NEW.extras #>> '{template,name}', NEW.extras #>> '{template,language}') ELSE 'marketing' END) IS NULL THEN
    RAISE EXCEPTION 'delivery % writes first to a person without a live consent', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'deliveries_consent', TABLE = 'deliveries',
        HINT = 'Record the consent with its evidence, and let an admin attest to its list.';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER deliveries_consent_stored BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION delivery_consent();
CREATE TRIGGER deliveries_consent_sent BEFORE UPDATE OF state ON deliveries FOR EACH ROW
  WHEN (NEW.state = 'sending' AND OLD.state <> 'sending') EXECUTE FUNCTION delivery_consent();
-- What moves to another conversation, because two people are one, is looked at when it is sent.
CREATE TRIGGER deliveries_consent_changed BEFORE UPDATE OF kind, form ON deliveries FOR EACH ROW
  WHEN (NEW.kind <> OLD.kind OR NEW.form <> OLD.form) EXECUTE FUNCTION delivery_consent();

-- consent_withdraw: note it by the contact and by the hashes of its ids, and cancel what was to be sent and may not be now.
-- What is held by a send that begins is left to it: it looks again.
CREATE FUNCTION consent_withdraw(
  p_tenant uuid, p_contact uuid, p_source text, p_purpose text, p_said text, p_message uuid, p_member uuid, p_name text,
  p_at timestamptz
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := uuidv7();
  v_account uuid;
BEGIN
  SELECT account_id INTO v_account FROM contacts WHERE tenant_id = p_tenant AND id = p_contact FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO withdrawals (tenant_id, id, account_id, contact_id, source, purpose, said, message_id, recorded_by,
    recorded_by_name, withdrawn_at)
  VALUES (p_tenant, v_id, v_account, p_contact, p_source, p_purpose, left(nullif(p_said, ''), 2000), p_message, p_member, p_name,
    least(p_at, clock_timestamp()));
  INSERT INTO withdrawal_ids (tenant_id, account_id, id_hash, withdrawal_id)
  SELECT p_tenant, v_account, contact_hash(p_tenant, v_account, known.id), v_id
  FROM (SELECT external_id AS id FROM contacts WHERE tenant_id = p_tenant AND id = p_contact
        UNION SELECT alias FROM contact_aliases WHERE tenant_id = p_tenant AND contact_id = p_contact AND ended_at IS NULL) known
  ORDER BY 3 ON CONFLICT DO NOTHING;
  PERFORM consent_cancel(p_tenant, p_contact);
  RETURN v_id;
END $$;

CREATE FUNCTION consent_cancel(p_tenant uuid, p_contact uuid) RETURNS void LANGUAGE sql AS $$
  WITH stopped AS (
    SELECT d.id, d.account_id, d.extras FROM conversations c
    JOIN deliveries d ON d.tenant_id = c.tenant_id AND d.conversation_id = c.id
    WHERE c.tenant_id = p_tenant AND c.contact_id = p_contact AND d.state = 'pending'
      AND (d.kind = 'outreach' OR d.form = 'template')
    ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
  )
  UPDATE deliveries d SET state = 'cancelled', reason = 'no_consent' FROM stopped s
  WHERE d.tenant_id = p_tenant AND d.id = s.id AND d.state = 'pending' AND consent_live(p_tenant, p_contact,
    outreach_purpose(p_tenant, s.account_id, s.extras #>> '{template,name}', s.extras #>> '{template,language}')) IS NULL;
$$;

-- consent_say: let a worker confirm, in the person's own conversation, what their word has done.
CREATE FUNCTION consent_say(p_tenant uuid, p_contact uuid, p_conversation uuid, p_message uuid, p_wants boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO channel_events (tenant_id, id, account_id, kind, content)
  SELECT p_tenant, p_message, a.id, 'opted', jsonb_build_object('account_key', a.external_id, 'app_id', a.app_id,
    'event_key', 'opted:' || p_message, 'contact_id', p_contact, 'conversation_id', p_conversation, 'message_id', p_message,
    'wants', p_wants)
  FROM contacts k JOIN channel_accounts a ON a.tenant_id = k.tenant_id AND a.id = k.account_id
  WHERE k.tenant_id = p_tenant AND k.id = p_contact
  ON CONFLICT DO NOTHING;
  INSERT INTO tenant_jobs (tenant_id, kind, subject_id) VALUES (p_tenant, 'channel_event', p_message) ON CONFLICT DO NOTHING;
END $$;

-- contact_opts: the message is a word with which people end the messages ('out'), or take them up again ('in'). Then it is
-- settled, and no turn answers it. "In" of somebody who has not left is a message like any other. In ingest, with contact and
-- conversation locked, in this order.
CREATE OR REPLACE FUNCTION contact_opts(p_tenant uuid, p_contact uuid, p_opt text, p_message uuid, p_sent timestamptz)
RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  v_out timestamptz;
  v_at timestamptz := least(p_sent, clock_timestamp());
  v_last timestamptz;
  v_said text;
  v_conversation uuid;
BEGIN
  SELECT text, conversation_id INTO v_said, v_conversation FROM messages WHERE tenant_id = p_tenant AND id = p_message;
  SELECT opted_out_at INTO v_out FROM contacts WHERE tenant_id = p_tenant AND id = p_contact FOR NO KEY UPDATE;
  IF p_opt = 'out' THEN
    -- The provider's time has whole seconds: of two words in one, that which comes last holds.
    v_at := greatest(v_at, (SELECT max(obtained_at) + interval '1 microsecond' FROM consents
      WHERE tenant_id = p_tenant AND contact_id = p_contact AND source IN ('conversation', 'provider')
        AND obtained_at >= v_at AND obtained_at < date_trunc('second', v_at) + interval '1 second'));
    PERFORM consent_withdraw(p_tenant, p_contact, 'conversation', 'any', v_said, p_message, NULL, 'the person', v_at);
    -- Their own later word holds, whichever comes first.
    IF v_out IS NULL AND NOT EXISTS (SELECT 1 FROM consents WHERE tenant_id = p_tenant AND contact_id = p_contact
        AND source IN ('conversation', 'provider') AND obtained_at > v_at) THEN
      UPDATE contacts SET opted_out_at = v_at WHERE tenant_id = p_tenant AND id = p_contact;
      PERFORM consent_cancel(p_tenant, p_contact);
      PERFORM consent_say(p_tenant, p_contact, v_conversation, p_message, false);
    END IF;
    UPDATE messages SET state = 'settled' WHERE tenant_id = p_tenant AND id = p_message AND state <> 'withdrawn';
    RETURN;
  ELSIF v_out IS NULL OR v_at < date_trunc('second', v_out) THEN
    RETURN;
  END IF;
  SELECT max(withdrawn_at) INTO v_last FROM withdrawals WHERE tenant_id = p_tenant AND contact_id = p_contact
    AND withdrawn_at >= v_at AND withdrawn_at < date_trunc('second', v_at) + interval '1 second';
  INSERT INTO consents (tenant_id, id, contact_id, source, purpose, how, wording, proof, obtained_at, message_id, recorded_by_name)
  VALUES (p_tenant, uuidv7(), p_contact, 'conversation', 'any', 'their own message', left(coalesce(nullif(v_said, ''), '-'), 4000),
    'message ' || p_message, greatest(v_at, v_last + interval '1 microsecond'), p_message, 'the person');
  UPDATE contacts SET opted_out_at = NULL WHERE tenant_id = p_tenant AND id = p_contact;
  PERFORM consent_say(p_tenant, p_contact, v_conversation, p_message, true);
  UPDATE messages SET state = 'settled' WHERE tenant_id = p_tenant AND id = p_message AND state <> 'withdrawn';
END $$;

-- consents_follow: two contacts are one person. What the one has consented to and withdrawn holds for the other as well.
CREATE FUNCTION consents_follow(p_tenant uuid, p_from uuid, p_to uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO consents (tenant_id, id, contact_id, list_id, source, purpose, how, wording, wording_version, proof, obtained_at,
    expires_at, message_id, recorded_by, recorded_by_name, created_at)
  SELECT p_tenant, uuidv7(), p_to, list_id, source, purpose, how, wording, wording_version, proof, obtained_at, expires_at,
    message_id, recorded_by, recorded_by_name, created_at
  FROM consents WHERE tenant_id = p_tenant AND contact_id = p_from ORDER BY id;
  WITH copied AS (
    INSERT INTO withdrawals (tenant_id, id, account_id, contact_id, source, purpose, said, message_id, recorded_by,
      recorded_by_name, withdrawn_at, created_at)
    SELECT p_tenant, uuidv7(), k.account_id, k.id, w.source, w.purpose, w.said, w.message_id, w.recorded_by, w.recorded_by_name,
      w.withdrawn_at, w.created_at
    FROM withdrawals w JOIN contacts k ON k.tenant_id = w.tenant_id AND k.id = p_to
    WHERE w.tenant_id = p_tenant AND w.contact_id = p_from ORDER BY w.id RETURNING id, account_id
  )
  INSERT INTO withdrawal_ids (tenant_id, account_id, id_hash, withdrawal_id)
  SELECT p_tenant, c.account_id, contact_hash(p_tenant, c.account_id, k.external_id), c.id
  FROM copied c JOIN contacts k ON k.tenant_id = p_tenant AND k.id = p_to;
  UPDATE contacts t SET opted_out_at = greatest(t.opted_out_at, f.opted_out_at) FROM contacts f
  WHERE t.tenant_id = p_tenant AND t.id = p_to AND f.tenant_id = p_tenant AND f.id = p_from AND f.opted_out_at IS NOT NULL;
END $$;

REVOKE ALL ON FUNCTION
  contact_hash(uuid, uuid, text), consent_live(uuid, uuid, text), outreach_purpose(uuid, uuid, text, text), delivery_consent(),
  consent_withdraw(uuid, uuid, text, text, text, uuid, uuid, text, timestamptz), consent_cancel(uuid, uuid),
  consent_say(uuid, uuid, uuid, uuid, boolean),
  contact_opts(uuid, uuid, text, uuid, timestamptz), consents_follow(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  contact_hash(uuid, uuid, text), consent_live(uuid, uuid, text), outreach_purpose(uuid, uuid, text, text), delivery_consent(),
  consent_withdraw(uuid, uuid, text, text, text, uuid, uuid, text, timestamptz), consent_cancel(uuid, uuid),
  consent_say(uuid, uuid, uuid, uuid, boolean),
  contact_opts(uuid, uuid, text, uuid, timestamptz), consents_follow(uuid, uuid, uuid) TO konstruct_app;
