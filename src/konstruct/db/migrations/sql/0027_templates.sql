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
  -- As of when each is known: what was so before changes nothing.
  state_at timestamptz NOT NULL DEFAULT now(),
  category_at timestamptz NOT NULL DEFAULT '-infinity',
  quality_at timestamptz NOT NULL DEFAULT '-infinity',
  -- When the provider was last asked; null: it has only been heard of.
  synced_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT templates_once UNIQUE (tenant_id, kind, business_account_id, name, language)
);
SELECT konstruct_protect('templates');

-- template_category: what the provider charges and judges it as; null: not known.
CREATE FUNCTION template_category(p_tenant uuid, p_account uuid, p_name text, p_language text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT t.category FROM channel_accounts a
  JOIN templates t ON t.tenant_id = a.tenant_id AND t.kind = a.kind AND t.business_account_id = a.business_account_id
  WHERE a.tenant_id = p_tenant AND a.id = p_account AND t.name = p_name AND t.language = p_language;
END;
REVOKE ALL ON FUNCTION template_category(uuid, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION template_category(uuid, uuid, text, text) TO konstruct_app;

-- When the provider was last asked for them with success, and why it could not be since.
ALTER TABLE channel_accounts
  ADD COLUMN templates_synced_at timestamptz,
  ADD COLUMN templates_failure text CHECK (length(templates_failure) BETWEEN 1 AND 200);

-- What may be sent to a contact, and when, is the database's word as well: a free text is begun only while the contact's window
-- is open. One without a window has never written, or its channel has none: a free text to somebody who never wrote goes nowhere.
CREATE FUNCTION delivery_in_window() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_until timestamptz;
BEGIN
  SELECT k.window_expires_at INTO v_until
  FROM conversations c LEFT JOIN contacts k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
  WHERE c.tenant_id = NEW.tenant_id AND c.id = NEW.conversation_id AND c.kind = 'contact';
  IF NOT FOUND THEN
    RETURN NEW;
  END IF;
  IF v_until IS NULL THEN
    PERFORM 1 FROM messages m WHERE m.tenant_id = NEW.tenant_id AND m.conversation_id = NEW.conversation_id
      AND m.direction = 'in' LIMIT 1;
    IF FOUND THEN
      RETURN NEW;
    END IF;
  ELSIF v_until > clock_timestamp() THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the reply window of this contact is closed: only a template may be sent'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'deliveries_in_window', TABLE = 'deliveries';
END $$;
CREATE TRIGGER deliveries_in_window BEFORE UPDATE ON deliveries FOR EACH ROW
  WHEN (NEW.state = 'sending' AND NEW.form <> 'template' AND (OLD.state <> 'sending' OR OLD.form = 'template'))
  EXECUTE FUNCTION delivery_in_window();
CREATE TRIGGER deliveries_begun_in_window BEFORE INSERT ON deliveries FOR EACH ROW
  WHEN (NEW.state = 'sending' AND NEW.form <> 'template') EXECUTE FUNCTION delivery_in_window();

-- What waits for a window says so in its row; whoever opens the window calls the sender. The conversation is locked before the
-- queue's row, as everywhere; who marks what waits has locked the contact, so that neither misses the other.
CREATE FUNCTION window_opened() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_conversation uuid;
BEGIN
  FOR v_conversation IN
    SELECT c.id FROM conversations c
    WHERE c.tenant_id = NEW.tenant_id AND c.contact_id = NEW.id AND EXISTS (
      SELECT 1 FROM deliveries d WHERE d.tenant_id = c.tenant_id AND d.conversation_id = c.id
        AND d.state = 'pending' AND d.reason = 'window_closed')
    ORDER BY c.id FOR NO KEY UPDATE OF c
  LOOP
    PERFORM queue_bump(NEW.tenant_id, v_conversation, 'send', interval '0');
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER contacts_window_opened AFTER UPDATE OF window_expires_at ON contacts FOR EACH ROW
  WHEN (NEW.window_expires_at > coalesce(OLD.window_expires_at, '-infinity'))
  EXECUTE FUNCTION window_opened();
REVOKE ALL ON FUNCTION delivery_in_window(), window_opened() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery_in_window(), window_opened() TO konstruct_app;
