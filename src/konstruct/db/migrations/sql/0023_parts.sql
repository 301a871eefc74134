-- A part of an answer may be a file, and a message may have buttons and ask for feedback (conversations/part.py).
ALTER TABLE deliveries
  ADD COLUMN form text NOT NULL DEFAULT 'text' CHECK (form IN ('text', 'file')),
  ADD COLUMN extras jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT deliveries_extras CHECK (
      jsonb_typeof(extras) = 'object'
      AND extras - '{buttons,feedback}'::text[] = '{}'
      AND coalesce(jsonb_typeof(extras -> 'feedback'), 'boolean') = 'boolean'
      AND coalesce(jsonb_typeof(extras -> 'buttons'), 'array') = 'array'
      AND NOT extras @? 'strict $.buttons[25]'
      AND NOT extras @? '$.buttons[*] ? (@.type() != "object" || @.id.type() != "string" || @.label.type() != "string"
            || (@.style != "plain" && @.style != "primary" && @.style != "danger"))'
      AND NOT extras @? '$.buttons[*] ? (!exists(@.id) || !exists(@.label) || !exists(@.style))');

-- How far a message has come after the provider took it (channels/receipts.py).
ALTER TABLE deliveries
  ADD COLUMN receipt text CHECK (receipt IN ('sent', 'delivered', 'read', 'failed')),
  ADD COLUMN receipt_at timestamptz,
  ADD COLUMN receipt_reason text CHECK (length(receipt_reason) <= 200),
  ADD CONSTRAINT deliveries_receipt CHECK ((receipt IS NULL) = (receipt_at IS NULL) AND (receipt IS NULL OR state = 'sent'));
ALTER TABLE delivery_archive
  ADD COLUMN receipt text,
  ADD COLUMN receipt_at timestamptz,
  ADD COLUMN receipt_reason text;

-- Which channels there are is the program's to say (channels/registry.py): a new one is no change of the tables.
ALTER TABLE channel_accounts DROP CONSTRAINT channel_accounts_kind_check,
  ADD CONSTRAINT channel_accounts_kind_check CHECK (kind ~ '^[a-z][a-z0-9_]{0,30}$');
ALTER TABLE channel_routes DROP CONSTRAINT channel_routes_kind_check,
  ADD CONSTRAINT channel_routes_kind_check CHECK (kind ~ '^[a-z][a-z0-9_]{0,30}$');

-- What was shown long ago keeps its form.
ALTER TABLE delivery_archive
  ADD COLUMN form text NOT NULL DEFAULT 'text' CHECK (form IN ('text', 'file')),
  ADD COLUMN extras jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(extras) = 'object');
