-- What a provider calls a contact, and how it is found again by any of its names.

-- Under FORCE the owner would need a tenant to look whether the rows satisfy what is added.
ALTER TABLE deliveries NO FORCE ROW LEVEL SECURITY;
-- played: a voice message was listened to.
ALTER TABLE deliveries DROP CONSTRAINT deliveries_receipt_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_receipt_check CHECK (receipt IN ('sent', 'delivered', 'read', 'played', 'failed'));
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;

-- ended_at: since when it is a name of before. Nothing is sent there any more, for it may be somebody else's by now; what the
-- provider still delivers under it is the contact's for as long as it delivers again.
ALTER TABLE contact_aliases ADD COLUMN ended_at timestamptz;

-- Where two contacts become one, what was shown to the one moves into the conversation of the other.
GRANT UPDATE (conversation_id, position) ON delivery_archive TO konstruct_app;

-- contacts_hold: keep other transactions from finding, making or merging contacts of the account until the end of this one.
-- Two that name a person differently would else make two contacts, or wait for each other's.
CREATE FUNCTION contacts_hold(p_account uuid) RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT pg_advisory_xact_lock(hashtextextended(p_account::text, 26));
END;

-- contact_at: the contact that has these ids, of which the first is the one to call them by, and what it is called; found by any of
-- them, or made; locked. The caller holds the account's contacts.
--
-- A contact that was known by one of the other ids alone, a phone number, is called by the first one from now on. An id that
-- another contact has as one name among several is this one's from now on: a number that somebody else has got. Somebody who is
-- called by one of the other ids, beside a contact that has the first: two of one person, which a worker makes one.
CREATE FUNCTION contact_at(p_tenant uuid, p_account uuid, p_ids text[], p_name text, OUT contact uuid, OUT called text)
LANGUAGE plpgsql AS $$
DECLARE
  v_others text[] := p_ids[2:];
  v_twin text;
BEGIN
  SELECT c.id, c.external_id INTO contact, called FROM contacts c
  WHERE c.tenant_id = p_tenant AND c.account_id = p_account AND c.external_id = p_ids[1];
  IF contact IS NULL THEN
    SELECT c.id, c.external_id INTO contact, called FROM contact_aliases a
    JOIN contacts c ON c.tenant_id = a.tenant_id AND c.id = a.contact_id
    WHERE a.tenant_id = p_tenant AND a.account_id = p_account AND a.alias = p_ids[1]
      AND (a.ended_at IS NULL OR a.ended_at > now() - interval '14 days');
    -- What came late under a name of before says nothing of today's names.
    IF contact IS NOT NULL AND NOT called = ANY(v_others) THEN
      PERFORM 1 FROM contacts c WHERE c.tenant_id = p_tenant AND c.id = contact FOR NO KEY UPDATE;
      RETURN;
    END IF;
  END IF;
  IF contact IS NULL AND cardinality(v_others) > 0 THEN
    SELECT c.id, c.external_id INTO contact, called FROM contacts c
    WHERE c.tenant_id = p_tenant AND c.account_id = p_account AND c.external_id = ANY(v_others)
    ORDER BY array_position(v_others, c.external_id) LIMIT 1;
  END IF;
  IF contact IS NULL THEN
    DELETE FROM contact_aliases a WHERE a.tenant_id = p_tenant AND a.account_id = p_account AND a.alias = p_ids[1];
    called := p_ids[1];
    INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)
    VALUES (p_tenant, uuidv7(), p_account, called, p_name)
    ON CONFLICT (tenant_id, account_id, external_id) DO UPDATE SET display_name = coalesce(excluded.display_name, contacts.display_name)
    RETURNING id INTO contact;
    IF p_name IS NULL THEN
      PERFORM contact_ask(p_tenant, contact);
    END IF;
  ELSE
    -- The contact is locked before its conversation, as whoever writes to them first does.
    PERFORM 1 FROM contacts c WHERE c.tenant_id = p_tenant AND c.id = contact FOR NO KEY UPDATE;
    IF called <> p_ids[1] THEN
      PERFORM contact_call(p_tenant, contact, p_ids[1], false);
      called := p_ids[1];
    END IF;
    UPDATE contacts c SET display_name = p_name
    WHERE c.tenant_id = p_tenant AND c.id = contact AND p_name IS NOT NULL AND c.display_name IS DISTINCT FROM p_name;
  END IF;
  IF cardinality(v_others) = 0 OR (
    SELECT count(*) FROM contact_aliases a WHERE a.tenant_id = p_tenant AND a.account_id = p_account AND a.alias = ANY(v_others)
      AND a.contact_id = contact AND a.ended_at IS NULL) = cardinality(v_others) THEN
    RETURN;
  END IF;
  FOR v_twin IN
    SELECT o FROM unnest(v_others) AS o
    WHERE contact_alias(p_tenant, p_account, contact, o)
  LOOP
    -- An id of its own, made of the two: it is asked for once.
    WITH asked AS (
      INSERT INTO channel_events (tenant_id, id, account_id, kind, content)
      SELECT p_tenant, md5(contact::text || v_twin)::uuid, p_account, 'readdressed', jsonb_build_object('account_key', a.external_id,
        'app_id', a.app_id, 'event_key', 'twins:' || contact, 'old_ids', jsonb_build_array(v_twin), 'new_ids', to_jsonb(p_ids))
      FROM channel_accounts a WHERE a.tenant_id = p_tenant AND a.id = p_account
      ON CONFLICT DO NOTHING RETURNING id)
    INSERT INTO tenant_jobs (tenant_id, kind, subject_id) SELECT p_tenant, 'channel_event', asked.id FROM asked ON CONFLICT DO NOTHING;
  END LOOP;
END $$;

-- contact_alias: let the contact be found by an id from now on, whoever had it; true if another contact is called by it, which keeps it.
CREATE FUNCTION contact_alias(p_tenant uuid, p_account uuid, p_contact uuid, p_alias text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_other uuid;
BEGIN
  SELECT c.id INTO v_other FROM contacts c WHERE c.tenant_id = p_tenant AND c.account_id = p_account AND c.external_id = p_alias;
  IF v_other IS NULL THEN
    INSERT INTO contact_aliases (tenant_id, account_id, alias, contact_id) VALUES (p_tenant, p_account, p_alias, p_contact)
    ON CONFLICT (tenant_id, account_id, alias) DO UPDATE SET contact_id = excluded.contact_id, ended_at = NULL, created_at = now();
  END IF;
  RETURN v_other IS NOT NULL AND v_other <> p_contact;
END $$;

-- contact_call: call the contact by another id. What it was called stays one of its names, of before if p_ended. All that names it
-- by its id follows. No other contact may be called so.
CREATE FUNCTION contact_call(p_tenant uuid, p_contact uuid, p_id text, p_ended boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_account uuid;
  v_before text;
BEGIN
  SELECT c.account_id, c.external_id INTO v_account, v_before FROM contacts c
  WHERE c.tenant_id = p_tenant AND c.id = p_contact FOR NO KEY UPDATE;
  IF v_before = p_id THEN
    RETURN;
  END IF;
  UPDATE conversations SET channel_id = p_id, audience_key = p_id WHERE tenant_id = p_tenant AND contact_id = p_contact;
  UPDATE deliveries d SET channel_id = p_id FROM conversations c
  WHERE c.tenant_id = p_tenant AND c.contact_id = p_contact AND d.tenant_id = p_tenant AND d.conversation_id = c.id
    AND d.state = 'pending';
  DELETE FROM contact_aliases WHERE tenant_id = p_tenant AND account_id = v_account AND alias = p_id;
  UPDATE contacts SET external_id = p_id WHERE tenant_id = p_tenant AND id = p_contact;
  INSERT INTO contact_aliases (tenant_id, account_id, alias, contact_id, ended_at)
  VALUES (p_tenant, v_account, v_before, p_contact, CASE WHEN p_ended THEN now() END)
  ON CONFLICT (tenant_id, account_id, alias) DO UPDATE SET contact_id = excluded.contact_id, ended_at = excluded.ended_at;
  UPDATE chunks SET audience_key = p_id WHERE tenant_id = p_tenant AND audience = 'person' AND audience_key = v_before;
  UPDATE actions SET person = p_id WHERE tenant_id = p_tenant AND account_id = v_account AND person = v_before;
  DELETE FROM member_identities o WHERE o.tenant_id = p_tenant AND o.account_id = v_account AND o.external_id = p_id
    AND EXISTS (SELECT 1 FROM member_identities i WHERE i.tenant_id = p_tenant AND i.account_id = v_account AND i.external_id = v_before);
  UPDATE member_identities SET external_id = p_id WHERE tenant_id = p_tenant AND account_id = v_account AND external_id = v_before;
END $$;

-- contact_conversation: the contact's conversation, made if there is none yet.
CREATE FUNCTION contact_conversation(p_tenant uuid, p_contact uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v_conversation uuid;
BEGIN
  INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key, contact_id)
  SELECT p_tenant, uuidv7(), c.account_id, a.agent_id, c.id::text, 'contact', c.external_id, 'person', c.external_id, c.id
  FROM contacts c JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
  WHERE c.tenant_id = p_tenant AND c.id = p_contact
  ON CONFLICT (tenant_id, account_id, external_key) DO NOTHING RETURNING id INTO v_conversation;
  IF v_conversation IS NULL THEN
    SELECT v.id INTO v_conversation FROM contacts c
    JOIN conversations v ON v.tenant_id = c.tenant_id AND v.account_id = c.account_id AND v.external_key = c.id::text
    WHERE c.tenant_id = p_tenant AND c.id = p_contact;
  END IF;
  RETURN v_conversation;
END $$;

-- contact_heard: the contact wrote, or called: a free text may be sent to them until p_until. NULL: there is no such window.
CREATE FUNCTION contact_heard(p_tenant uuid, p_contact uuid, p_until timestamptz) RETURNS void LANGUAGE sql
BEGIN ATOMIC
  UPDATE contacts SET window_expires_at = p_until
  WHERE tenant_id = p_tenant AND id = p_contact AND p_until > coalesce(window_expires_at, '-infinity');
END;

-- contact_opts: the words of a message mean that they want to be written to no more ('out'), or again ('in').
CREATE FUNCTION contact_opts(p_tenant uuid, p_contact uuid, p_opt text, p_message uuid, p_sent timestamptz) RETURNS void LANGUAGE sql
BEGIN ATOMIC
  UPDATE contacts SET opted_out_at = CASE p_opt WHEN 'out' THEN p_sent END
  WHERE tenant_id = p_tenant AND id = p_contact
    AND CASE p_opt WHEN 'out' THEN opted_out_at IS NULL ELSE opted_out_at <= p_sent END;
END;

-- ingest_messages, ingest_message: as before, and of contacts at a number: whom the message is from, until when they may be
-- answered, and whether they ask for something that concerns all messages to them. See 0020 for the plans.
DROP FUNCTION ingest_messages(uuid[], uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[],
  text[], text[], text[], boolean[], timestamptz[], text[], timestamptz[], boolean[], interval);
DROP FUNCTION ingest_message(uuid, uuid, text, bytea, text, text, text, text, text, text, text, text, text, text, text, boolean, timestamptz,
  text, timestamptz, boolean, interval);

CREATE FUNCTION ingest_messages(
  p_tenants uuid[], p_accounts uuid[], p_events text[], p_bodies bytea[], p_posts text[], p_clients text[],
  p_conversations text[], p_kinds text[], p_channels text[], p_senders text[], p_names text[], p_texts text[],
  p_attachments text[], p_externals text[], p_threads text[], p_addressed boolean[], p_sent timestamptz[],
  p_contexts text[], p_edited timestamptz[], p_strangers boolean[], p_aliases text[], p_opts text[],
  p_windows interval[], p_burst interval
) RETURNS text[] LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  v_outcomes text[] := '{}';
  v_held uuid;
BEGIN
  FOR i IN 1 .. cardinality(p_tenants) LOOP
    PERFORM set_config('app.tenant_id', p_tenants[i]::text, true);
    IF p_kinds[i] = 'contact' AND v_held IS DISTINCT FROM p_accounts[i] THEN
      v_held := p_accounts[i];
      PERFORM contacts_hold(v_held);
    END IF;
    v_outcomes := v_outcomes || ingest_message(
      p_tenants[i], p_accounts[i], p_events[i], p_bodies[i], p_posts[i], p_clients[i], p_conversations[i], p_kinds[i],
      p_channels[i], p_senders[i], p_names[i], p_texts[i], p_attachments[i], p_externals[i], p_threads[i],
      p_addressed[i], p_sent[i], p_contexts[i], p_edited[i], p_strangers[i], p_aliases[i],
      p_opts[i], p_windows[i], p_burst);
  END LOOP;
  RETURN v_outcomes;
END $$;

CREATE FUNCTION ingest_message(
  p_tenant uuid, p_account uuid, p_event text, p_body bytea, p_post text, p_client text, p_key text, p_kind text,
  p_channel text, p_sender text, p_name text, p_text text, p_attachments text, p_external text, p_thread text,
  p_addressed boolean, p_sent timestamptz, p_context text, p_edited timestamptz, p_stranger boolean, p_aliases text, p_opt text,
  p_window interval, p_burst interval
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_message uuid := uuidv7();
  v_conversation uuid;
  v_seq bigint;
  v_owner text;
  v_engaged boolean;
  v_contact uuid;
  v_owner_id uuid;
  v_key text := p_key;
  v_channel text := p_channel;
  v_sent timestamptz := p_sent;
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

  IF p_kind = 'contact' THEN
    -- Whatever the provider calls them today, it is one contact, with one conversation.
    SELECT f.contact, f.called INTO v_contact, v_channel
    FROM contact_at(p_tenant, p_account, array_prepend(p_sender, string_to_array(p_aliases, E'\x1f')), p_name) f;
    v_owner_id := v_contact;
    v_key := v_contact::text;
    -- A time that is still to come is none of the provider's: the message is as old as its arrival.
    IF p_sent > now() + interval '1 hour' THEN
      v_sent := now();
    END IF;
  ELSE
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
  END IF;

  -- The upsert locks the conversation's row: its messages are numbered one after the other. (An UPDATE tried first is a
  -- little cheaper, but its plan, made while the table was empty, went through all conversations of the tenant.)
  INSERT INTO conversations AS c (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key, engaged, next_seq,
    contact_id)
  SELECT p_tenant, v_message, p_account, a.agent_id, v_key, p_kind, v_channel,
    CASE WHEN p_kind = 'thread' THEN 'channel' ELSE 'person' END,
    CASE p_kind WHEN 'thread' THEN p_channel WHEN 'contact' THEN v_channel ELSE p_sender END, p_addressed, 2, v_owner_id
  FROM channel_accounts a WHERE a.tenant_id = p_tenant AND a.id = p_account
  ON CONFLICT (tenant_id, account_id, external_key) DO UPDATE SET
    next_seq = c.next_seq + 1, last_message_at = now(), engaged = c.engaged OR excluded.engaged
  RETURNING id, next_seq - 1, owner, engaged INTO v_conversation, v_seq, v_owner, v_engaged;
  v_addressed := p_addressed OR v_engaged;

  INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, contact_id, author, text, attachments, external_id,
    thread_id, addressed, state, sent_at, context, edited_at)
  VALUES (p_tenant, v_message, v_conversation, v_seq, 'in', v_contact, 'contact', p_text,
    p_attachments::jsonb, p_external, p_thread, v_addressed,
    CASE WHEN NOT v_addressed THEN 'held' WHEN v_owner = 'human' THEN 'human' ELSE 'pending' END, v_sent,
    v_context, p_edited)
  -- Its keys were pruned, the message stands: a provider that delivers again after 14 days.
  ON CONFLICT (tenant_id, conversation_id, external_id) WHERE direction = 'in' DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'duplicate';
  END IF;
  -- All bodies of a post bear the message's id: whoever forgets the message finds them.
  INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body) VALUES (p_tenant, v_message, p_account, p_event, p_body);
  IF v_owner_id IS NOT NULL THEN
    PERFORM contact_heard(p_tenant, v_owner_id, least(v_sent, now()) + p_window);
    IF p_opt IS NOT NULL THEN
      PERFORM contact_opts(p_tenant, v_owner_id, p_opt, v_message, v_sent);
    END IF;
  END IF;
  IF NOT v_addressed THEN
    RETURN 'held';
  ELSIF v_owner = 'human' THEN
    RETURN 'human';
  END IF;
  PERFORM ingest_overtaken(p_tenant, v_conversation, v_sent);
  PERFORM queue_bump(p_tenant, v_conversation, 'turn', p_burst);
  RETURN 'ready';
END $$;

REVOKE ALL ON FUNCTION
  ingest_messages(uuid[], uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[],
  text[], text[], text[], boolean[], timestamptz[], text[], timestamptz[], boolean[], text[], text[], interval[], interval),
  ingest_message(uuid, uuid, text, bytea, text, text, text, text, text, text, text, text, text, text, text, boolean, timestamptz,
  text, timestamptz, boolean, text, text, interval, interval),
  contacts_hold(uuid), contact_at(uuid, uuid, text[], text), contact_call(uuid, uuid, text, boolean), contact_alias(uuid, uuid, uuid, text),
  contact_conversation(uuid, uuid), contact_heard(uuid, uuid, timestamptz), contact_opts(uuid, uuid, text, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  ingest_messages(uuid[], uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[],
  text[], text[], text[], boolean[], timestamptz[], text[], timestamptz[], boolean[], text[], text[], interval[], interval),
  ingest_message(uuid, uuid, text, bytea, text, text, text, text, text, text, text, text, text, text, text, boolean, timestamptz,
  text, timestamptz, boolean, text, text, interval, interval),
  contacts_hold(uuid), contact_at(uuid, uuid, text[], text), contact_call(uuid, uuid, text, boolean), contact_alias(uuid, uuid, uuid, text),
  contact_conversation(uuid, uuid), contact_heard(uuid, uuid, timestamptz), contact_opts(uuid, uuid, text, uuid, timestamptz) TO konstruct_app;
