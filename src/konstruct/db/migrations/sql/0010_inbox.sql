-- Notes, events and search of conversations.

-- A takeover and a hand-back are told to the end user: neither an answer nor a person's reply. Deliveries exist per answer,
-- not per inbound message, so the check costs ingest nothing.
ALTER TABLE deliveries DROP CONSTRAINT deliveries_kind_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_kind_check CHECK (kind IN ('reply', 'fallback', 'human', 'notice'));

-- Who changed the owner, and the message in which the end user was told: its place in the thread is the event's. One event per
-- epoch: a second click meets the key.
CREATE TABLE conversation_events (
  tenant_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  owner_epoch bigint NOT NULL CHECK (owner_epoch >= 1),
  kind text NOT NULL CHECK (kind IN ('taken_over', 'handed_back')),
  member_id uuid,
  member_name text NOT NULL CHECK (length(member_name) BETWEEN 1 AND 100),
  message_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, conversation_id, owner_epoch),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE SET NULL (member_id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX conversation_events_member ON conversation_events (tenant_id, member_id);
CREATE UNIQUE INDEX conversation_events_message_once ON conversation_events (tenant_id, message_id);
SELECT konstruct_protect('conversation_events', 'SELECT, INSERT, UPDATE, DELETE');

-- Which person of the business wrote a message. The form's token makes a reply that is sent twice one reply.
CREATE TABLE human_messages (
  tenant_id uuid NOT NULL,
  message_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  token uuid NOT NULL,
  member_id uuid,
  member_name text NOT NULL CHECK (length(member_name) BETWEEN 1 AND 100),
  PRIMARY KEY (tenant_id, message_id),
  CONSTRAINT human_messages_token_once UNIQUE (tenant_id, token),
  UNIQUE (tenant_id, conversation_id, seq),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE SET NULL (member_id)
);
CREATE INDEX human_messages_member ON human_messages (tenant_id, member_id);
SELECT konstruct_protect('human_messages');

-- What people of the business note about a conversation, for each other only. The id is the form's: twice is once.
CREATE TABLE conversation_notes (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  member_id uuid,
  member_name text NOT NULL CHECK (length(member_name) BETWEEN 1 AND 100),
  text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE SET NULL (member_id)
);
CREATE INDEX conversation_notes_conversation ON conversation_notes (tenant_id, conversation_id, created_at);
CREATE INDEX conversation_notes_member ON conversation_notes (tenant_id, member_id);
SELECT konstruct_protect('conversation_notes', 'SELECT, INSERT, UPDATE, DELETE');

-- What waits for a person: the few conversations and messages of theirs. What the AI answers enters neither index.
CREATE INDEX conversations_human ON conversations (tenant_id, last_message_at DESC, id DESC) WHERE owner = 'human';
CREATE INDEX messages_human ON messages (tenant_id, conversation_id, seq) WHERE state = 'human';

-- Postings: which messages hold a term. GIN's operators are not leakproof and so not used under row-level security; text's
-- `=` and `<` are. Collation C: a prefix is a range. A message without a word has one posting, the empty term.
CREATE TABLE message_terms (
  tenant_id uuid NOT NULL,
  term text COLLATE "C" NOT NULL CHECK (length(term) <= 64),
  message_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, term, message_id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX message_terms_message ON message_terms (tenant_id, message_id);
SELECT konstruct_protect('message_terms', 'SELECT, INSERT, DELETE');

-- How far each tenant's messages are indexed, and when to look again. Ids and times only: the fleet hands out the work.
CREATE TABLE search_progress (
  tenant_id uuid PRIMARY KEY REFERENCES tenant_directory (tenant_id) ON DELETE CASCADE,
  -- Messages up to this id have their postings, save those that came in late.
  indexed_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  due_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX search_progress_due ON search_progress (due_at);
SELECT konstruct_protect('search_progress', 'SELECT, UPDATE');
SELECT konstruct_share('search_progress', 'SELECT, INSERT, UPDATE');
