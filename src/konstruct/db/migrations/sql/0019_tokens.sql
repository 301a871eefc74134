-- Renewing tokens that run out. A refresh token works once: who begins a renewal writes that down before the call.
ALTER TABLE channel_accounts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_accounts
  -- Raised by each beginning and by each installation: what an earlier one brings is no longer wanted.
  ADD COLUMN renewal_epoch bigint NOT NULL DEFAULT 0,
  -- Until then nobody else begins: a call is under way, or the provider asked for patience.
  ADD COLUMN renewal_wait_until timestamptz,
  -- Whether a call was begun of which nobody knows what became: the refresh token may be used up.
  ADD COLUMN renewal_doubt boolean NOT NULL DEFAULT false;
ALTER TABLE channel_accounts FORCE ROW LEVEL SECURITY;

ALTER TABLE tenant_jobs DROP CONSTRAINT tenant_jobs_kind_check;
ALTER TABLE tenant_jobs ADD CONSTRAINT tenant_jobs_kind_check
  CHECK (kind IN ('notice_mail', 'retention', 'export', 'erase', 'channel_event', 'token_renewal'));
