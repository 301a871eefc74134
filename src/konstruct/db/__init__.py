"""The only place that opens a connection: scopes, sessions, roles, migrations, TenantRedis."""
