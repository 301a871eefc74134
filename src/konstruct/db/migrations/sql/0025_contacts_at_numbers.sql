-- What channels need where a person is a contact at a number, and may be written to only under the provider's rules.

-- Under FORCE the owner would need a tenant to look whether the rows satisfy what is added.
ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_accounts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_routes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE deliveries NO FORCE ROW LEVEL SECURITY;

-- window_expires_at: until when a free text may be sent to them, by the provider's clock; null where there is no such window, or
-- they never wrote. opted_out_at: since when they want replies only.
ALTER TABLE contacts
  ADD COLUMN window_expires_at timestamptz,
  ADD COLUMN opted_out_at timestamptz;

-- The other names under which the provider may speak of a contact: a phone number, or ids of before.
CREATE TABLE contact_aliases (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  alias text NOT NULL CHECK (length(alias) BETWEEN 1 AND 200),
  contact_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id, alias),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_aliases_contact ON contact_aliases (tenant_id, contact_id);
SELECT konstruct_protect('contact_aliases');

-- Whose conversation it is, where it is one contact's.
ALTER TABLE conversations
  ADD COLUMN contact_id uuid,
  ADD CONSTRAINT conversations_contact_fkey FOREIGN KEY (tenant_id, contact_id)
    REFERENCES contacts (tenant_id, id) ON DELETE SET NULL (contact_id);
CREATE INDEX conversations_contact ON conversations (tenant_id, contact_id) WHERE contact_id IS NOT NULL;

-- business_account_id: what the provider calls the account that has the number; portfolio_id: the company that has that.
ALTER TABLE channel_accounts
  ADD COLUMN business_account_id text CHECK (length(business_account_id) BETWEEN 1 AND 200),
  ADD COLUMN portfolio_id text CHECK (length(portfolio_id) BETWEEN 1 AND 200),
  ADD COLUMN phone_number text CHECK (phone_number ~ '^[0-9]{3,20}$');
CREATE INDEX channel_accounts_business ON channel_accounts (tenant_id, kind, business_account_id)
  WHERE business_account_id IS NOT NULL;

-- A business account and a portfolio belong to one tenant: limits and bans strike all their numbers together. Kept while the
-- tenant has an account of it that is connected.
CREATE TABLE channel_holdings (
  tenant_id uuid NOT NULL REFERENCES tenant_directory (tenant_id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,30}$'),
  level text NOT NULL CHECK (level IN ('business_account', 'portfolio')),
  holding text NOT NULL CHECK (length(holding) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, kind, level, holding)
);
CREATE UNIQUE INDEX channel_holdings_of_one_tenant ON channel_holdings (kind, level, holding);
SELECT konstruct_protect('channel_holdings');
SELECT konstruct_share('channel_holdings', 'SELECT');

-- Which work there is is the program's to say (jobs/tenant_jobs.py): a new kind is no change of the tables.
ALTER TABLE tenant_jobs DROP CONSTRAINT tenant_jobs_kind_check;
ALTER TABLE tenant_jobs ADD CONSTRAINT tenant_jobs_kind_check CHECK (kind ~ '^[a-z_]{1,40}$');

-- template: words that the provider approved before, with what is filled in. outreach: the business begins.
ALTER TABLE deliveries DROP CONSTRAINT deliveries_kind_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_kind_check CHECK (kind IN ('reply', 'fallback', 'human', 'notice', 'outreach'));
ALTER TABLE deliveries DROP CONSTRAINT deliveries_form_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_form_check CHECK (form IN ('text', 'file', 'template'));
ALTER TABLE deliveries DROP CONSTRAINT deliveries_extras;
ALTER TABLE deliveries
  ADD CONSTRAINT deliveries_extras CHECK (
    jsonb_typeof(extras) = 'object'
    AND extras - '{buttons,feedback,template}'::text[] = '{}'
    AND coalesce(jsonb_typeof(extras -> 'feedback'), 'boolean') = 'boolean'
    AND coalesce(jsonb_typeof(extras -> 'buttons'), 'array') = 'array'
    AND NOT extras @? 'strict $.buttons[25]'
    AND NOT extras @? '$.buttons[*] ? (@.type() != "object" || @.id.type() != "string" || @.label.type() != "string"
          || (@.style != "plain" && @.style != "primary" && @.style != "danger"))'
    AND NOT extras @? '$.buttons[*] ? (!exists(@.id) || !exists(@.label) || !exists(@.style))'),
  ADD CONSTRAINT deliveries_template CHECK (
    (form = 'template') = (extras ? 'template')
    AND (form <> 'template' OR coalesce(jsonb_typeof(extras -> 'template'), '') = 'object'
      AND coalesce(jsonb_typeof(extras #> '{template,name}'), '') = 'string'
      AND coalesce(jsonb_typeof(extras #> '{template,language}'), '') = 'string')),
  -- Nobody is written to first in words that the provider has not approved.
  ADD CONSTRAINT deliveries_outreach CHECK (kind <> 'outreach' OR form = 'template');
-- Its partitions were made like it, and each has this check as its own.
DO $$
DECLARE
  v_table regclass;
BEGIN
  ALTER TABLE delivery_archive DROP CONSTRAINT deliveries_kind_check;
  FOR v_table IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'delivery_archive'::regclass LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS deliveries_kind_check', v_table);
  END LOOP;
END $$;
ALTER TABLE delivery_archive ADD CONSTRAINT deliveries_kind_check
  CHECK (kind IN ('reply', 'fallback', 'human', 'notice', 'outreach'));
ALTER TABLE delivery_archive DROP CONSTRAINT delivery_archive_form_check;
ALTER TABLE delivery_archive ADD CONSTRAINT delivery_archive_form_check CHECK (form IN ('text', 'file', 'template'));

ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_routes FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
