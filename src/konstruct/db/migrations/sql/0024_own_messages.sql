-- Who we are in an account stands beside its route: what we said ourselves is known as such without the provider's help.
ALTER TABLE channel_routes ADD COLUMN bot_user_id text CHECK (length(bot_user_id) BETWEEN 1 AND 200);

-- Filling reads and changes rows, and under FORCE the owner would need a tenant for that.
ALTER TABLE channel_routes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_accounts NO FORCE ROW LEVEL SECURITY;
UPDATE channel_routes r SET bot_user_id = nullif(a.bot_user_id, '') FROM channel_accounts a
WHERE a.tenant_id = r.tenant_id AND a.id = r.account_id;
ALTER TABLE channel_routes FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_accounts FORCE ROW LEVEL SECURITY;
