-- What a person decides on once, by a button. A button carries the id, which is random and not of the order of time, and the
-- name of an option: nothing that it says is believed but that it was pressed. Words here are the house's own.
CREATE TABLE actions (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
  -- What it is about: an id, as the kind reads it.
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
  -- Who may decide: whoever has written in the conversation, one person of the channel, or members of the business from a role on.
  who text NOT NULL CHECK (who IN ('conversation', 'person', 'member')),
  conversation_id uuid,
  person text CHECK (length(person) BETWEEN 1 AND 200),
  least_role text CHECK (least_role IN ('owner', 'admin', 'operator', 'viewer')),
  -- The message that shows it to all; null where one person alone sees it.
  message_id uuid,
  options jsonb NOT NULL CHECK (jsonb_typeof(options) = 'array' AND jsonb_array_length(options) BETWEEN 1 AND 5),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'decided', 'expired')),
  decision text CHECK (length(decision) BETWEEN 1 AND 40),
  decided_by text CHECK (length(decided_by) BETWEEN 1 AND 200),
  decided_member uuid,
  decided_at timestamptz,
  -- What came of it, in the words that take the buttons' place.
  outcome text CHECK (length(outcome) BETWEEN 1 AND 2000),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, decided_member) REFERENCES members (tenant_id, id) ON DELETE SET NULL (decided_member),
  CHECK ((who = 'conversation') <= (conversation_id IS NOT NULL)),
  CHECK ((who = 'person') = (person IS NOT NULL)),
  CHECK ((who = 'member') = (least_role IS NOT NULL)),
  CHECK ((state = 'decided') = (decision IS NOT NULL AND decided_by IS NOT NULL AND decided_at IS NOT NULL)),
  CHECK (state = 'decided' OR outcome IS NULL)
);
CREATE INDEX actions_account ON actions (tenant_id, account_id, kind, subject) WHERE state = 'open';
CREATE INDEX actions_accounts ON actions (tenant_id, account_id);
CREATE INDEX actions_conversation ON actions (tenant_id, conversation_id);
CREATE INDEX actions_message ON actions (tenant_id, message_id);
CREATE INDEX actions_member ON actions (tenant_id, decided_member);
CREATE INDEX actions_expires ON actions (tenant_id, expires_at);
SELECT konstruct_protect('actions');

-- What a person thinks of an answer; the latest counts. pressed_at is the provider's time: two presses may arrive turned round.
CREATE TABLE ratings (
  tenant_id uuid NOT NULL,
  message_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  good boolean NOT NULL,
  comment text CHECK (length(comment) BETWEEN 1 AND 2000),
  pressed_at timestamptz NOT NULL,
  rated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, message_id, contact_id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ratings_contact ON ratings (tenant_id, contact_id);
CREATE INDEX ratings_conversation ON ratings (tenant_id, conversation_id);
CREATE INDEX ratings_recent ON ratings (tenant_id, rated_at);
SELECT konstruct_protect('ratings');

-- Who of a channel's people is which member of the business. Made by a code that the portal shows to the member and that the
-- person types in the channel: neither side alone can make it.
CREATE TABLE member_identities (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
  member_id uuid NOT NULL,
  linked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id, external_id),
  UNIQUE (tenant_id, account_id, member_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX member_identities_member ON member_identities (tenant_id, member_id);
SELECT konstruct_protect('member_identities');

-- One code a member at a time, single use, as its hash.
CREATE TABLE member_link_codes (
  tenant_id uuid NOT NULL,
  member_id uuid NOT NULL,
  code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, member_id),
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX member_link_codes_hash ON member_link_codes (tenant_id, code_hash);
SELECT konstruct_protect('member_link_codes');

-- A paused employee answers nobody of the account; what is asked waits in the inbox. paused_by is a name, as of a colleague.
ALTER TABLE channel_accounts
  ADD COLUMN paused_at timestamptz,
  ADD COLUMN paused_by text CHECK (length(paused_by) BETWEEN 1 AND 100),
  ADD CONSTRAINT channel_accounts_paused CHECK (paused_by IS NULL OR paused_at IS NOT NULL);
-- When the people of the conversation were told of a pause: once for each.
ALTER TABLE conversations ADD COLUMN paused_told_at timestamptz;

-- Somebody asked for a human: nobody of the business has taken over yet, so the event has no member and no name.
ALTER TABLE conversation_events DROP CONSTRAINT conversation_events_kind_check;
ALTER TABLE conversation_events ADD CONSTRAINT conversation_events_kind_check
  CHECK (kind IN ('taken_over', 'handed_back', 'asked_for_human'));
ALTER TABLE conversation_events ALTER COLUMN member_name DROP NOT NULL;
ALTER TABLE conversation_events ADD CONSTRAINT conversation_events_name
  CHECK ((kind = 'asked_for_human') = (member_name IS NULL));

-- Forgetting a person is a tenant's job.
ALTER TABLE tenant_jobs DROP CONSTRAINT tenant_jobs_kind_check;
ALTER TABLE tenant_jobs ADD CONSTRAINT tenant_jobs_kind_check
  CHECK (kind IN ('notice_mail', 'retention', 'export', 'erase', 'channel_event', 'token_renewal', 'forget_person'));

-- The operators' figures know of ratings: of the last seven days.
ALTER TABLE tenant_health
  ADD COLUMN ratings integer NOT NULL DEFAULT 0,
  ADD COLUMN ratings_good integer NOT NULL DEFAULT 0;
CREATE OR REPLACE FUNCTION tenant_health_refresh(p_tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_week uuid := uuidv7(- interval '7 days 1 hour');
  v_from uuid;
  v_signed_up timestamptz;
  v_first_answer timestamptz;
  v_weeks integer[];
BEGIN
  SELECT t.created_at, h.first_answer_at, coalesce(h.active_by_week, '{}') INTO v_signed_up, v_first_answer, v_weeks
  FROM tenants t LEFT JOIN tenant_health h ON h.tenant_id = t.tenant_id WHERE t.tenant_id = p_tenant;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF v_first_answer IS NULL THEN
    SELECT coalesce(
      (SELECT sent_at FROM delivery_archive WHERE tenant_id = p_tenant AND kind = 'reply' ORDER BY id LIMIT 1),
      (SELECT min(sent_at) FROM deliveries WHERE tenant_id = p_tenant AND kind = 'reply' AND state = 'sent')) INTO v_first_answer;
  END IF;
  -- A week that is over does not change: it is counted once, before retention may take its messages.
  FOR k IN cardinality(v_weeks) + 1 .. least(4, floor(extract(epoch FROM now() - v_signed_up) / 604800)::integer) LOOP
    v_from := uuidv7(v_signed_up + make_interval(weeks => k - 1) - clock_timestamp() - interval '1 hour');
    v_weeks := v_weeks || (
      SELECT count(DISTINCT contact_id)::integer FROM messages
      WHERE tenant_id = p_tenant AND id >= v_from AND direction = 'in' AND addressed
        AND created_at >= v_signed_up + make_interval(weeks => k - 1) AND created_at < v_signed_up + make_interval(weeks => k));
  END LOOP;
  INSERT INTO tenant_health AS h (tenant_id, computed_at, signed_up_at, first_answer_at, active_by_week, last_inbound_at,
    last_sent_at, oldest_unknown_at, broken_accounts, active_accounts, weekly_active, turns, turns_answered, conversations,
    conversations_handed_over, ratings, ratings_good)
  SELECT p_tenant, now(), v_signed_up, v_first_answer, v_weeks,
    (SELECT created_at FROM messages WHERE tenant_id = p_tenant AND direction = 'in' ORDER BY id DESC LIMIT 1),
    coalesce((SELECT sent_at FROM deliveries WHERE tenant_id = p_tenant AND state = 'sent' ORDER BY id DESC LIMIT 1),
      (SELECT sent_at FROM delivery_archive WHERE tenant_id = p_tenant ORDER BY id DESC LIMIT 1)),
    (SELECT min(unknown_since) FROM deliveries WHERE tenant_id = p_tenant AND state = 'unknown'),
    (SELECT count(*) FROM channel_accounts WHERE tenant_id = p_tenant AND status = 'broken'),
    (SELECT count(*) FROM channel_accounts WHERE tenant_id = p_tenant AND status = 'active'),
    (SELECT count(DISTINCT contact_id) FROM messages WHERE tenant_id = p_tenant AND id >= v_week AND direction = 'in'
       AND addressed AND created_at > now() - interval '7 days'),
    t.n, t.answered, c.n, c.handed_over, r.n, r.good
  FROM (SELECT count(*) AS n, count(*) FILTER (WHERE outcome = 'answered') AS answered FROM turns
        WHERE tenant_id = p_tenant AND id >= v_week AND state = 'done' AND finished_at > now() - interval '7 days') t,
       (SELECT count(*) AS n, count(*) FILTER (WHERE owner_epoch > 0) AS handed_over FROM conversations
        WHERE tenant_id = p_tenant AND engaged AND last_message_at > now() - interval '7 days') c,
       (SELECT count(*) AS n, count(*) FILTER (WHERE good) AS good FROM ratings
        WHERE tenant_id = p_tenant AND rated_at > now() - interval '7 days') r
  ON CONFLICT (tenant_id) DO UPDATE SET computed_at = excluded.computed_at, signed_up_at = excluded.signed_up_at,
    first_answer_at = excluded.first_answer_at, active_by_week = excluded.active_by_week,
    last_inbound_at = excluded.last_inbound_at, last_sent_at = excluded.last_sent_at,
    oldest_unknown_at = excluded.oldest_unknown_at, broken_accounts = excluded.broken_accounts,
    active_accounts = excluded.active_accounts, weekly_active = excluded.weekly_active, turns = excluded.turns,
    turns_answered = excluded.turns_answered, conversations = excluded.conversations,
    conversations_handed_over = excluded.conversations_handed_over, ratings = excluded.ratings,
    ratings_good = excluded.ratings_good;
END $$;
