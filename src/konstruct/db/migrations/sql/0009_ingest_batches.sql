-- ingest_messages: as before, but neighbours in the batch that are direct messages to one tenant go to ingest_direct
-- together. What a statement costs beside its rows (its start, the checks of its table) was most of a message's time.
CREATE OR REPLACE FUNCTION ingest_messages(
  p_tenants uuid[], p_accounts uuid[], p_events text[], p_bodies bytea[], p_posts text[], p_clients text[],
  p_conversations text[], p_kinds text[], p_channels text[], p_senders text[], p_names text[], p_texts text[],
  p_attachments text[], p_externals text[], p_threads text[], p_addressed boolean[], p_sent timestamptz[], p_burst interval
) RETURNS text[] LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  v_outcomes text[] := '{}';
  v_some text[];
  v_count integer := cardinality(p_tenants);
  i integer := 1;
  j integer;
BEGIN
  WHILE i <= v_count LOOP
    PERFORM set_config('app.tenant_id', p_tenants[i]::text, true);
    j := i;
    IF p_addressed[i] AND p_kinds[i] <> 'thread' THEN
      WHILE j < v_count AND p_tenants[j + 1] = p_tenants[i] AND p_addressed[j + 1] AND p_kinds[j + 1] <> 'thread' LOOP
        j := j + 1;
      END LOOP;
      v_some := ingest_direct(
        p_tenants[i], p_accounts[i:j], p_events[i:j], p_bodies[i:j], p_posts[i:j], p_clients[i:j], p_conversations[i:j],
        p_kinds[i:j], p_channels[i:j], p_senders[i:j], p_names[i:j], p_texts[i:j], p_attachments[i:j], p_externals[i:j],
        p_threads[i:j], p_sent[i:j], p_burst);
    ELSE
      v_some := NULL;
    END IF;
    IF v_some IS NOT NULL THEN
      v_outcomes := v_outcomes || v_some;
    ELSE
      FOR n IN i .. j LOOP
        v_outcomes := v_outcomes || ingest_message(
          p_tenants[n], p_accounts[n], p_events[n], p_bodies[n], p_posts[n], p_clients[n], p_conversations[n], p_kinds[n],
          p_channels[n], p_senders[n], p_names[n], p_texts[n], p_attachments[n], p_externals[n], p_threads[n],
          p_addressed[n], p_sent[n], p_burst);
      END LOOP;
    END IF;
    i := j + 1;
  END LOOP;
  RETURN v_outcomes;
END $$;

-- ingest_direct: store messages that all ask for an answer (in a direct conversation every one does, so none is held).
-- One outcome for each, in order; NULL, and nothing stored, if one of them is known already: those go one by one.
CREATE FUNCTION ingest_direct(
  p_tenant uuid, p_accounts uuid[], p_events text[], p_bodies bytea[], p_posts text[], p_clients text[], p_conversations text[],
  p_kinds text[], p_channels text[], p_senders text[], p_names text[], p_texts text[], p_attachments text[],
  p_externals text[], p_threads text[], p_sent timestamptz[], p_burst interval
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  v_messages uuid[];
  v_keys text[] := array_remove(p_events || p_posts || p_clients, NULL);
  v_fresh integer;
  v_ready uuid[];
  v_outcomes text[];
BEGIN
  SELECT array_agg(uuidv7()) INTO v_messages FROM generate_subscripts(p_events, 1);

  INSERT INTO dedupe_keys (tenant_id, key, message_id)
  SELECT p_tenant, k.key, k.message FROM (
    SELECT * FROM unnest(p_events, v_messages) UNION ALL SELECT * FROM unnest(p_posts, v_messages)
    UNION ALL SELECT * FROM unnest(p_clients, v_messages)) AS k (key, message)
  WHERE k.key IS NOT NULL ORDER BY k.key
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS v_fresh = ROW_COUNT;
  IF v_fresh < cardinality(v_keys) THEN
    DELETE FROM dedupe_keys WHERE tenant_id = p_tenant AND key = ANY (v_keys) AND message_id = ANY (v_messages);
    RETURN NULL;
  END IF;

  INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body)
  SELECT p_tenant, e.id, e.account, e.event, e.body FROM unnest(v_messages, p_accounts, p_events, p_bodies) AS e (id, account, event, body);

  INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)
  SELECT p_tenant, uuidv7(), u.account, u.sender, max(u.name) FROM unnest(p_accounts, p_senders, p_names) AS u (account, sender, name)
  WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.tenant_id = p_tenant AND c.account_id = u.account AND c.external_id = u.sender)
  GROUP BY u.account, u.sender ORDER BY u.account, u.sender
  ON CONFLICT (tenant_id, account_id, external_id) DO NOTHING;

  INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key, engaged)
  SELECT p_tenant, uuidv7(), u.account, a.agent_id, u.key, min(u.kind), min(u.channel), 'person', min(u.sender), true
  FROM unnest(p_accounts, p_conversations, p_kinds, p_channels, p_senders) AS u (account, key, kind, channel, sender)
  JOIN channel_accounts a ON a.tenant_id = p_tenant AND a.id = u.account
  WHERE NOT EXISTS (SELECT FROM conversations c WHERE c.tenant_id = p_tenant AND c.account_id = u.account AND c.external_key = u.key)
  GROUP BY u.account, a.agent_id, u.key ORDER BY u.account, u.key
  ON CONFLICT (tenant_id, account_id, external_key) DO NOTHING;

  -- The conversations are locked in one order, so that two batches never wait for each other.
  WITH asked AS (
    SELECT u.account, u.key, count(*) AS messages FROM unnest(p_accounts, p_conversations) AS u (account, key) GROUP BY 1, 2
  ), locked AS MATERIALIZED (
    SELECT c.id, a.messages FROM asked a
    JOIN conversations c ON c.tenant_id = p_tenant AND c.account_id = a.account AND c.external_key = a.key
    ORDER BY a.account, a.key FOR UPDATE OF c
  ), grown AS (
    UPDATE conversations c SET next_seq = c.next_seq + l.messages, last_message_at = now(), engaged = true
    FROM locked l WHERE c.tenant_id = p_tenant AND c.id = l.id
    RETURNING c.id, c.account_id, c.external_key, c.owner, c.next_seq - l.messages AS first_seq
  ), stored AS (
    INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, contact_id, author, text, attachments, external_id,
      thread_id, addressed, state, sent_at)
    SELECT p_tenant, u.id, g.id, g.first_seq + row_number() OVER (PARTITION BY g.id ORDER BY u.place) - 1, 'in', k.id, 'contact', u.text,
      u.attachments::jsonb, u.external, u.thread, true, CASE g.owner WHEN 'human' THEN 'human' ELSE 'pending' END, u.sent
    FROM unnest(v_messages, p_accounts, p_conversations, p_senders, p_texts, p_attachments, p_externals, p_threads, p_sent)
      WITH ORDINALITY AS u (id, account, key, sender, text, attachments, external, thread, sent, place)
    JOIN grown g ON g.account_id = u.account AND g.external_key = u.key
    JOIN contacts k ON k.tenant_id = p_tenant AND k.account_id = u.account AND k.external_id = u.sender
    -- Its keys were pruned, the message stands: a provider that delivers again after 14 days.
    ON CONFLICT (tenant_id, conversation_id, external_id) WHERE direction = 'in' DO NOTHING
    RETURNING id, conversation_id, state
  )
  SELECT array_agg(CASE s.state WHEN 'pending' THEN 'ready' WHEN 'human' THEN 'human' ELSE 'duplicate' END ORDER BY u.place),
    array_agg(DISTINCT s.conversation_id) FILTER (WHERE s.state = 'pending')
  INTO v_outcomes, v_ready
  FROM unnest(v_messages) WITH ORDINALITY AS u (id, place) LEFT JOIN stored s ON s.id = u.id;

  PERFORM queue_bump(p_tenant, conversation, 'turn', p_burst) FROM unnest(v_ready) AS conversation;
  RETURN v_outcomes;
END $$;

REVOKE ALL ON FUNCTION
  ingest_direct(uuid, uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], timestamptz[], interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  ingest_direct(uuid, uuid[], text[], bytea[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], timestamptz[], interval) TO konstruct_app;
