-- An answer that people see grow: a row from just before it is begun until it has come to its end. What it says stands in no
-- column: while it grows nowhere, and at its end in the delivery of the same id.
-- opening: being begun, or nobody knows whether it was. growing: a stream of the provider's. still: a message that is none (any
-- more). epoch: the claim of the turn lane that shows it. shown: how many characters of the delivery's text people see for
-- certain; null if nobody knows. asked_at: the provider's time of the last message it answers, which is older than it.
CREATE TABLE streams (
  tenant_id uuid NOT NULL,
  turn_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  account_id uuid NOT NULL,
  channel_id text NOT NULL,
  thread_id text,
  state text NOT NULL DEFAULT 'opening' CHECK (state IN ('opening', 'growing', 'still')),
  external_id text,
  epoch bigint NOT NULL,
  shown integer CHECK (shown >= 0),
  asked_at timestamptz NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, turn_id),
  UNIQUE (tenant_id, delivery_id),
  -- One at a time: the next answer's message must not stand above this one's end.
  UNIQUE (tenant_id, conversation_id),
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  CHECK ((state = 'opening') = (external_id IS NULL)),
  CHECK (shown IS NULL OR state <> 'opening')
);
CREATE INDEX streams_account ON streams (tenant_id, account_id, channel_id);
SELECT konstruct_protect('streams');
