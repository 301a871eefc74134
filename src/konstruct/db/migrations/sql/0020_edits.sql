-- What people change and delete, where they look, what their files say, and what they are called.
-- Adding a constraint reads the table, and under FORCE the owner would need a tenant for that.
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE turns NO FORCE ROW LEVEL SECURITY;

-- withdrawn: deleted by the person. Nothing of what it said stays, and nobody answers it.
ALTER TABLE messages DROP CONSTRAINT messages_state_check;
ALTER TABLE messages
  -- The provider's time of the last edit that was applied: an older one that comes late changes nothing.
  ADD COLUMN edited_at timestamptz,
  ADD COLUMN deleted_at timestamptz,
  -- Our own time of the last edit or deletion: a live page finds what changed by it.
  ADD COLUMN changed_at timestamptz,
  -- What the person was looking at: [{"type", "value"}], the provider's ids only.
  ADD COLUMN context jsonb CHECK (jsonb_typeof(context) = 'array'),
  ADD CONSTRAINT messages_state_check CHECK (state IN ('held', 'pending', 'in_turn', 'answered', 'human', 'sent', 'withdrawn')),
  ADD CONSTRAINT messages_withdrawn CHECK ((state = 'withdrawn') = (deleted_at IS NOT NULL)),
  ADD CONSTRAINT messages_forgotten CHECK (deleted_at IS NULL OR text = '' AND attachments = '[]' AND context IS NULL);
CREATE INDEX messages_changed ON messages (tenant_id, conversation_id, changed_at) WHERE changed_at IS NOT NULL;

-- An edit names a message by its channel and the provider's id, not by its conversation. The same columns in another order.
DROP INDEX messages_external_once;
CREATE UNIQUE INDEX messages_external_once ON messages (tenant_id, external_id, conversation_id) WHERE direction = 'in';

-- revision: grows when a message that the turn has seen is withdrawn. What was thought before is void.
ALTER TABLE turns DROP CONSTRAINT turns_outcome_check;
ALTER TABLE turns
  ADD COLUMN revision integer NOT NULL DEFAULT 0,
  ADD CONSTRAINT turns_outcome_check CHECK (outcome IN ('answered', 'fallback', 'handed_over', 'withdrawn'));

ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE turns FORCE ROW LEVEL SECURITY;

-- Whether people of other companies are answered in channels that are shared with them.
ALTER TABLE channel_accounts ADD COLUMN answers_strangers boolean NOT NULL DEFAULT false;

ALTER TABLE contacts
  -- When the provider was last asked for the name, whatever it said.
  ADD COLUMN named_at timestamptz,
  -- What the person looks at now; a message that says nothing of it bears this.
  ADD COLUMN context jsonb CHECK (jsonb_typeof(context) = 'array'),
  ADD COLUMN context_at timestamptz;

-- What the files of a message say, once they were read, or why they were not. One row a file: it is fetched once.
CREATE TABLE message_files (
  tenant_id uuid NOT NULL,
  message_id uuid NOT NULL,
  file_id text NOT NULL CHECK (length(file_id) BETWEEN 1 AND 200),
  text text NOT NULL DEFAULT '',
  -- Characters that were left out at the end.
  left_out integer NOT NULL DEFAULT 0 CHECK (left_out >= 0),
  reason text CHECK (length(reason) BETWEEN 1 AND 1000),
  read_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, message_id, file_id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
  CHECK ((text = '') = (reason IS NOT NULL))
);
SELECT konstruct_protect('message_files');

-- ingest_messages: store a batch of inbound messages, each in its own tenant's scope, in one round trip and one commit.
-- Called by the app role, which no policy lets past: each item sets the scope before it touches a row.
-- The answer has one word per item: duplicate, merged, held, human, ready, stranger or withdrawn.
--
-- Ingest finds nearly every row by its whole unique key, for which no tenant's size makes another plan better. So its plans
-- are made once a connection: planning anew, as the app role does elsewhere, was more than half of its time. A plan made
-- while the tables were empty must not scan them, hence the second setting. Both hold inside the call only; the rare merge
-- looks a message up by its id, in a table of many indexes, and is planned anew.
DROP FUNCTION ingest_messages(uuid[], uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[],
  text[], text[], text[], boolean[], timestamptz[], interval);
DROP FUNCTION ingest_message(uuid, uuid, text, bytea, text, text, text, text, text, text, text, text, text, text, text, boolean,
  timestamptz, interval);

CREATE FUNCTION ingest_messages(
  p_tenants uuid[], p_accounts uuid[], p_events text[], p_bodies bytea[], p_posts text[], p_clients text[],
  p_conversations text[], p_kinds text[], p_channels text[], p_senders text[], p_names text[], p_texts text[],
  p_attachments text[], p_externals text[], p_threads text[], p_addressed boolean[], p_sent timestamptz[],
  p_contexts text[], p_edited timestamptz[], p_strangers boolean[], p_burst interval
) RETURNS text[] LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  v_outcomes text[] := '{}';
BEGIN
  FOR i IN 1 .. cardinality(p_tenants) LOOP
    PERFORM set_config('app.tenant_id', p_tenants[i]::text, true);
    v_outcomes := v_outcomes || ingest_message(
      p_tenants[i], p_accounts[i], p_events[i], p_bodies[i], p_posts[i], p_clients[i], p_conversations[i], p_kinds[i],
      p_channels[i], p_senders[i], p_names[i], p_texts[i], p_attachments[i], p_externals[i], p_threads[i],
      p_addressed[i], p_sent[i], p_contexts[i], p_edited[i], p_strangers[i], p_burst);
  END LOOP;
  RETURN v_outcomes;
END $$;

CREATE FUNCTION ingest_message(
  p_tenant uuid, p_account uuid, p_event text, p_body bytea, p_post text, p_client text, p_key text, p_kind text,
  p_channel text, p_sender text, p_name text, p_text text, p_attachments text, p_external text, p_thread text,
  p_addressed boolean, p_sent timestamptz, p_context text, p_edited timestamptz, p_stranger boolean, p_burst interval
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_message uuid := uuidv7();
  v_conversation uuid;
  v_seq bigint;
  v_owner text;
  v_engaged boolean;
  v_contact uuid;
  v_context jsonb := p_context::jsonb;
  v_seen jsonb;
  v_known uuid;
  v_fresh integer;
  v_addressed boolean;
BEGIN
  INSERT INTO dedupe_keys (tenant_id, key) VALUES (p_tenant, p_event) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'duplicate';
  END IF;

  -- Nothing of a stranger is kept: neither a word nor a name.
  IF p_stranger THEN
    PERFORM 1 FROM channel_accounts WHERE tenant_id = p_tenant AND id = p_account AND answers_strangers;
    IF NOT FOUND THEN
      RETURN 'stranger';
    END IF;
  END IF;

  -- The post itself, under each name the provider gives it. A name that is taken means that the post is known.
  INSERT INTO dedupe_keys (tenant_id, key, message_id)
  SELECT p_tenant, k, v_message FROM unnest(ARRAY[p_post, p_client]) AS k WHERE k IS NOT NULL ORDER BY k
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS v_fresh = ROW_COUNT;
  IF v_fresh < num_nonnulls(p_post, p_client) THEN
    SELECT message_id INTO v_known FROM dedupe_keys
    WHERE tenant_id = p_tenant AND key IN (p_post, p_client) AND message_id IS DISTINCT FROM v_message
    ORDER BY message_id LIMIT 1;
    UPDATE dedupe_keys SET message_id = v_known WHERE tenant_id = p_tenant AND key IN (p_post, p_client) AND message_id = v_message;
    RETURN ingest_known(p_tenant, p_account, p_event, p_body, v_known, p_addressed, p_text, p_edited, p_burst);
  END IF;

  SELECT id, CASE WHEN context_at > now() - interval '1 hour' THEN context END INTO v_contact, v_seen
  FROM contacts WHERE tenant_id = p_tenant AND account_id = p_account AND external_id = p_sender;
  IF FOUND THEN
    IF p_kind = 'direct' THEN
      v_context := coalesce(v_context, v_seen);
    END IF;
  ELSE
    INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)
    VALUES (p_tenant, uuidv7(), p_account, p_sender, p_name)
    ON CONFLICT (tenant_id, account_id, external_id) DO UPDATE SET display_name = coalesce(excluded.display_name, contacts.display_name)
    RETURNING id INTO v_contact;
    PERFORM contact_ask(p_tenant, v_contact);
  END IF;

  -- The upsert locks the conversation's row: its messages are numbered one after the other. (An UPDATE tried first is a
  -- little cheaper, but its plan, made while the table was empty, went through all conversations of the tenant.)
  INSERT INTO conversations AS c (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key, engaged, next_seq)
  SELECT p_tenant, v_message, p_account, a.agent_id, p_key, p_kind, p_channel,
    CASE WHEN p_kind = 'thread' THEN 'channel' ELSE 'person' END,
    CASE WHEN p_kind = 'thread' THEN p_channel ELSE p_sender END, p_addressed, 2
  FROM channel_accounts a WHERE a.tenant_id = p_tenant AND a.id = p_account
  ON CONFLICT (tenant_id, account_id, external_key) DO UPDATE SET
    next_seq = c.next_seq + 1, last_message_at = now(), engaged = c.engaged OR excluded.engaged
  RETURNING id, next_seq - 1, owner, engaged INTO v_conversation, v_seq, v_owner, v_engaged;
  v_addressed := p_addressed OR v_engaged;

  INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, contact_id, author, text, attachments, external_id,
    thread_id, addressed, state, sent_at, context, edited_at)
  VALUES (p_tenant, v_message, v_conversation, v_seq, 'in', v_contact, 'contact', p_text,
    p_attachments::jsonb, p_external, p_thread, v_addressed,
    CASE WHEN NOT v_addressed THEN 'held' WHEN v_owner = 'human' THEN 'human' ELSE 'pending' END, p_sent,
    v_context, p_edited)
  -- Its keys were pruned, the message stands: a provider that delivers again after 14 days.
  ON CONFLICT (tenant_id, conversation_id, external_id) WHERE direction = 'in' DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'duplicate';
  END IF;
  -- All bodies of a post bear the message's id: whoever forgets the message finds them.
  INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body) VALUES (p_tenant, v_message, p_account, p_event, p_body);
  IF NOT v_addressed THEN
    RETURN 'held';
  ELSIF v_owner = 'human' THEN
    RETURN 'human';
  END IF;
  PERFORM ingest_overtaken(p_tenant, v_conversation, p_sent);
  PERFORM queue_bump(p_tenant, v_conversation, 'turn', p_burst);
  RETURN 'ready';
END $$;

-- ingest_known: another delivery of a post that is known. p_message is NULL if it was deleted before it came.
CREATE FUNCTION ingest_known(
  p_tenant uuid, p_account uuid, p_event text, p_body bytea, p_message uuid, p_addressed boolean, p_text text,
  p_edited timestamptz, p_burst interval
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  v_deleted boolean;
BEGIN
  IF p_message IS NULL THEN
    RETURN 'withdrawn';
  END IF;
  -- Whoever deletes or edits the message holds its conversation.
  PERFORM 1 FROM conversations c JOIN messages m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.id
  WHERE m.tenant_id = p_tenant AND m.id = p_message FOR NO KEY UPDATE OF c;
  SELECT m.deleted_at IS NOT NULL INTO v_deleted FROM messages m WHERE m.tenant_id = p_tenant AND m.id = p_message;
  IF v_deleted THEN
    RETURN 'withdrawn';
  ELSIF NOT FOUND THEN
    RETURN 'merged';
  END IF;
  INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body) VALUES (p_tenant, p_message, p_account, p_event, p_body);
  -- A mention that an edit added is delivered with the new text.
  UPDATE messages SET text = p_text, edited_at = p_edited, changed_at = now()
  WHERE tenant_id = p_tenant AND id = p_message AND p_edited > coalesce(edited_at, sent_at) AND state IN ('held', 'pending');
  RETURN ingest_merge(p_tenant, p_message, p_addressed, p_burst);
END $$;

-- contact_ask: let a worker ask the provider what the person is called. At most one such question a person waits.
CREATE FUNCTION contact_ask(p_tenant uuid, p_contact uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO channel_events (tenant_id, id, account_id, kind, content)
  SELECT c.tenant_id, c.id, c.account_id, 'met', jsonb_build_object('account_key', a.external_id, 'app_id', a.app_id,
    'event_key', 'met:' || c.id, 'contact_id', c.id, 'person_id', c.external_id)
  FROM contacts c JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
  WHERE c.tenant_id = p_tenant AND c.id = p_contact
  ON CONFLICT DO NOTHING;
  INSERT INTO tenant_jobs (tenant_id, kind, subject_id) VALUES (p_tenant, 'channel_event', p_contact) ON CONFLICT DO NOTHING;
END $$;

REVOKE ALL ON FUNCTION
  ingest_messages(uuid[], uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], boolean[], timestamptz[], text[], timestamptz[], boolean[], interval),
  ingest_message(uuid, uuid, text, bytea, text, text, text, text, text, text, text, text, text, text, text, boolean, timestamptz, text, timestamptz, boolean, interval),
  ingest_known(uuid, uuid, text, bytea, uuid, boolean, text, timestamptz, interval), contact_ask(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  ingest_messages(uuid[], uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], boolean[], timestamptz[], text[], timestamptz[], boolean[], interval),
  ingest_message(uuid, uuid, text, bytea, text, text, text, text, text, text, text, text, text, text, text, boolean, timestamptz, text, timestamptz, boolean, interval),
  ingest_known(uuid, uuid, text, bytea, uuid, boolean, text, timestamptz, interval), contact_ask(uuid, uuid) TO konstruct_app;
