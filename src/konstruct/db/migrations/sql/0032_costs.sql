-- What the provider bills for what we sent, in its own categories. What that is in money only its invoice says.

-- What holds for a delivery at this moment: from the furthest receipt that named a price. rank is that receipt's place; charge
-- is null where the message failed after all. Goes with its delivery; the sums below stay.
CREATE TABLE delivery_charges (
  tenant_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  rank smallint NOT NULL CHECK (rank BETWEEN 1 AND 4),
  day date NOT NULL,
  category text CHECK (category ~ '^[A-Za-z0-9_]{1,60}$'),
  billable boolean,
  charge_type text CHECK (charge_type ~ '^[A-Za-z0-9_]{1,60}$'),
  pricing_model text CHECK (pricing_model ~ '^[A-Za-z0-9_]{1,60}$'),
  PRIMARY KEY (tenant_id, delivery_id),
  FOREIGN KEY (tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id) ON DELETE CASCADE,
  CHECK ((category IS NULL) = (billable IS NULL))
);
SELECT konstruct_protect('delivery_charges');

-- Messages by day, conversation, category and whether they cost; account and conversation may be deleted meanwhile.
CREATE TABLE charge_days (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id) ON DELETE CASCADE,
  day date NOT NULL,
  conversation_id uuid NOT NULL,
  category text NOT NULL CHECK (category ~ '^[A-Za-z0-9_]{1,60}$'),
  charge_type text NOT NULL CHECK (charge_type ~ '^[A-Za-z0-9_]{0,60}$'),
  pricing_model text NOT NULL CHECK (pricing_model ~ '^[A-Za-z0-9_]{0,60}$'),
  billable boolean NOT NULL,
  account_id uuid NOT NULL,
  messages integer NOT NULL CHECK (messages >= 0),
  PRIMARY KEY (tenant_id, day, conversation_id, category, charge_type, pricing_model, billable, account_id)
);
CREATE INDEX charge_days_conversation ON charge_days (tenant_id, conversation_id, day);
SELECT konstruct_protect('charge_days');
