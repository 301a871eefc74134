-- How many people a business may write to first, counted where a crash and a flushed cache change nothing.

-- What is counted together: a portfolio, whose numbers share a limit, or a number that is being warmed up.
-- portfolio: the provider's id of it, '' while no number of the tenant has told one; null for a number, which names its account.
-- part_of: the portfolio in which a number's people count. used: its rows in volume_places, kept up under the row's lock.
-- daily_limit: as the provider says, -1 without an end, null while it is not known. lowered_to holds until lowered_until.
-- promised_until: the place that was promised last to somebody who waits. step, grown_at, written: how far a number is warmed up,
-- since when, and how many people it has written to since. held: it does not grow, people do not like what they get.
CREATE TABLE volume_pools (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT uuidv7(),
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,30}$'),
  portfolio text CHECK (length(portfolio) <= 200),
  account_id uuid,
  part_of uuid,
  used integer NOT NULL DEFAULT 0 CHECK (used >= 0),
  daily_limit integer CHECK (daily_limit >= -1),
  lowered_to integer CHECK (lowered_to >= 0),
  lowered_until timestamptz,
  promised_until timestamptz,
  step integer NOT NULL DEFAULT 0 CHECK (step BETWEEN 0 AND 30),
  grown_at timestamptz NOT NULL DEFAULT now(),
  written integer NOT NULL DEFAULT 0 CHECK (written >= 0),
  held boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE NULLS NOT DISTINCT (tenant_id, kind, portfolio, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, part_of) REFERENCES volume_pools (tenant_id, id),
  CHECK ((portfolio IS NULL) <> (account_id IS NULL)),
  CHECK (part_of IS NULL OR account_id IS NOT NULL),
  CHECK ((lowered_to IS NULL) = (lowered_until IS NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX volume_pools_number ON volume_pools (tenant_id, account_id) WHERE account_id IS NOT NULL;
SELECT konstruct_protect('volume_pools');

-- A person who counts, until when. person is a contact's id, and no foreign key: who is forgotten has been written to all the same.
-- delivery_id, before: which message made it last so, and until when it was before, for a message that was not sent after all.
CREATE TABLE volume_places (
  tenant_id uuid NOT NULL,
  pool_id uuid NOT NULL,
  person uuid NOT NULL,
  until timestamptz NOT NULL,
  delivery_id uuid NOT NULL,
  before timestamptz,
  PRIMARY KEY (tenant_id, pool_id, person),
  FOREIGN KEY (tenant_id, pool_id) REFERENCES volume_pools (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX volume_places_until ON volume_places (tenant_id, pool_id, until);
CREATE INDEX volume_places_delivery ON volume_places (tenant_id, delivery_id);
SELECT konstruct_protect('volume_places');

-- Who waits for a place, and when one is free for them.
CREATE TABLE volume_line (
  tenant_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  pool_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, delivery_id, pool_id),
  FOREIGN KEY (tenant_id, pool_id) REFERENCES volume_pools (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX volume_line_conversation ON volume_line (tenant_id, conversation_id);
CREATE INDEX volume_line_due ON volume_line (tenant_id, pool_id, due_at, delivery_id);
SELECT konstruct_protect('volume_line');

-- What the limit was, and who said so.
CREATE TABLE volume_limits (
  tenant_id uuid NOT NULL,
  pool_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT uuidv7(),
  daily_limit integer NOT NULL CHECK (daily_limit >= -1),
  source text NOT NULL CHECK (source IN ('webhook', 'poll', 'refusal', 'operator')),
  noted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, pool_id, id),
  FOREIGN KEY (tenant_id, pool_id) REFERENCES volume_pools (tenant_id, id) ON DELETE CASCADE
);
SELECT konstruct_protect('volume_limits');

-- The floor under the rates that Valkey keeps: when a number has sent how much, and when a person may be sent the next message.
CREATE TABLE send_paces (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  next_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);
SELECT konstruct_protect('send_paces');
ALTER TABLE ready_queue ADD COLUMN paced_until timestamptz;
