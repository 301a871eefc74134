-- ingest_messages: store a batch of inbound messages, each in its own tenant's scope, in one round trip and one commit.
-- Called by the app role, which no policy lets past: each item sets the scope before it touches a row.
-- The answer has one word per item: duplicate, merged, held, human or ready.
--
-- Ingest finds nearly every row by its whole unique key, for which no tenant's size makes another plan better. So its plans
-- are made once a connection: planning anew, as the app role does elsewhere, was more than half of its time. A plan made
-- while the tables were empty must not scan them, hence the second setting. Both hold inside the call only; the rare merge
-- looks a message up by its id, in a table of many indexes, and is planned anew.
CREATE FUNCTION ingest_messages(
  p_tenants uuid[], p_accounts uuid[], p_events text[], p_bodies bytea[], p_posts text[], p_clients text[],
  p_conversations text[], p_kinds text[], p_channels text[], p_senders text[], p_names text[], p_texts text[],
  p_attachments text[], p_externals text[], p_threads text[], p_addressed boolean[], p_sent timestamptz[], p_burst interval
) RETURNS text[] LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  v_outcomes text[] := '{}';
BEGIN
  FOR i IN 1 .. cardinality(p_tenants) LOOP
    PERFORM set_config('app.tenant_id', p_tenants[i]::text, true);
    v_outcomes := v_outcomes || ingest_message(
      p_tenants[i], p_accounts[i], p_events[i], p_bodies[i], p_posts[i], p_clients[i], p_conversations[i], p_kinds[i],
      p_channels[i], p_senders[i], p_names[i], p_texts[i], p_attachments[i], p_externals[i], p_threads[i],
      p_addressed[i], p_sent[i], p_burst);
  END LOOP;
  RETURN v_outcomes;
END $$;

CREATE FUNCTION ingest_message(
  p_tenant uuid, p_account uuid, p_event text, p_body bytea, p_post text, p_client text, p_key text, p_kind text,
  p_channel text, p_sender text, p_name text, p_text text, p_attachments text, p_external text, p_thread text,
  p_addressed boolean, p_sent timestamptz, p_burst interval
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_message uuid := uuidv7();
  v_conversation uuid;
  v_seq bigint;
  v_owner text;
  v_engaged boolean;
  v_contact uuid;
  v_known uuid;
  v_fresh integer;
  v_addressed boolean;
BEGIN
  INSERT INTO dedupe_keys (tenant_id, key) VALUES (p_tenant, p_event) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'duplicate';
  END IF;
  INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body) VALUES (p_tenant, v_message, p_account, p_event, p_body);

  -- The post itself, under each name the provider gives it. A name that is taken means that the post is known.
  INSERT INTO dedupe_keys (tenant_id, key, message_id)
  SELECT p_tenant, k, v_message FROM unnest(ARRAY[p_post, p_client]) AS k WHERE k IS NOT NULL ORDER BY k
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS v_fresh = ROW_COUNT;
  IF v_fresh < num_nonnulls(p_post, p_client) THEN
    SELECT message_id INTO v_known FROM dedupe_keys
    WHERE tenant_id = p_tenant AND key IN (p_post, p_client) AND message_id <> v_message LIMIT 1;
    UPDATE dedupe_keys SET message_id = v_known WHERE tenant_id = p_tenant AND key IN (p_post, p_client) AND message_id = v_message;
    RETURN ingest_merge(p_tenant, v_known, p_addressed, p_burst);
  END IF;

  SELECT id INTO v_contact FROM contacts WHERE tenant_id = p_tenant AND account_id = p_account AND external_id = p_sender;
  IF NOT FOUND THEN
    INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)
    VALUES (p_tenant, uuidv7(), p_account, p_sender, p_name)
    ON CONFLICT (tenant_id, account_id, external_id) DO UPDATE SET display_name = coalesce(excluded.display_name, contacts.display_name)
    RETURNING id INTO v_contact;
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
    thread_id, addressed, state, sent_at)
  VALUES (p_tenant, v_message, v_conversation, v_seq, 'in', v_contact, 'contact', p_text,
    p_attachments::jsonb, p_external, p_thread, v_addressed,
    CASE WHEN NOT v_addressed THEN 'held' WHEN v_owner = 'human' THEN 'human' ELSE 'pending' END, p_sent)
  -- Its keys were pruned, the message stands: a provider that delivers again after 14 days.
  ON CONFLICT (tenant_id, conversation_id, external_id) WHERE direction = 'in' DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'duplicate';
  ELSIF NOT v_addressed THEN
    RETURN 'held';
  ELSIF v_owner = 'human' THEN
    RETURN 'human';
  END IF;
  PERFORM ingest_overtaken(p_tenant, v_conversation, p_sent);
  PERFORM queue_bump(p_tenant, v_conversation, 'turn', p_burst);
  RETURN 'ready';
END $$;

-- ingest_merge: the post is known. If this delivery is the one that addresses the employee, the message becomes ready.
CREATE FUNCTION ingest_merge(p_tenant uuid, p_message uuid, p_addressed boolean, p_burst interval) RETURNS text
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  v_conversation uuid;
  v_owner text;
  v_sent timestamptz;
BEGIN
  IF NOT p_addressed THEN
    RETURN 'merged';
  END IF;
  SELECT m.conversation_id, m.sent_at INTO v_conversation, v_sent FROM messages m
  WHERE m.tenant_id = p_tenant AND m.id = p_message AND m.state = 'held';
  IF NOT FOUND THEN
    RETURN 'merged';
  END IF;
  UPDATE conversations SET engaged = true WHERE tenant_id = p_tenant AND id = v_conversation RETURNING owner INTO v_owner;
  UPDATE messages SET addressed = true, state = CASE v_owner WHEN 'ai' THEN 'pending' ELSE 'human' END
  WHERE tenant_id = p_tenant AND id = p_message AND state = 'held';
  IF NOT FOUND OR v_owner <> 'ai' THEN
    RETURN 'merged';
  END IF;
  PERFORM ingest_overtaken(p_tenant, v_conversation, v_sent);
  PERFORM queue_bump(p_tenant, v_conversation, 'turn', p_burst);
  RETURN 'ready';
END $$;

-- ingest_overtaken: replies that came in before the mention that they follow belong to the thread it opened.
CREATE FUNCTION ingest_overtaken(p_tenant uuid, p_conversation uuid, p_sent timestamptz) RETURNS void LANGUAGE sql
BEGIN ATOMIC
  UPDATE messages SET addressed = true, state = 'pending'
  WHERE tenant_id = p_tenant AND conversation_id = p_conversation AND state = 'held' AND sent_at > p_sent;
END;

REVOKE ALL ON FUNCTION
  ingest_messages(uuid[], uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], boolean[], timestamptz[], interval),
  ingest_message(uuid, uuid, text, bytea, text, text, text, text, text, text, text, text, text, text, text, boolean, timestamptz, interval),
  ingest_merge(uuid, uuid, boolean, interval), ingest_overtaken(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  ingest_messages(uuid[], uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], boolean[], timestamptz[], interval),
  ingest_message(uuid, uuid, text, bytea, text, text, text, text, text, text, text, text, text, text, text, boolean, timestamptz, interval),
  ingest_merge(uuid, uuid, boolean, interval), ingest_overtaken(uuid, uuid, timestamptz) TO konstruct_app;
