"""Accounts whose tokens run out, and time that passes for them."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels import accounts
from konstruct.channels.port_abilities import Grant
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.tenants.vault import Vault
from tests.support.fake_slack import FakeSlack
from tests.support.slack_events import Team


async def install(db: Database, vault: Vault, slack: FakeSlack, scope: TenantScope, team: Team) -> UUID:
    """Install the app in a workspace whose tokens run out (again, perhaps); return the account's id."""
    workspace = next(item for item in slack.workspaces if item.team_id == team.team_id)
    # The token that never ends was made by hand; this workspace has no such thing.
    workspace.token = ""
    slack.rotation.end(workspace)
    token, refresh = slack.rotation.grant(workspace)
    grant = Grant(
        account_key=team.team_id,
        token=token,
        app_id=team.app_id,
        bot_user_id=team.bot_user_id,
        refresh_token=refresh,
        expires_in_s=slack.rotation.lifetime_s,
    )
    return await accounts.connect_grant(db, vault, scope, kind="slack", grant=grant)


async def pass_time(db: Database, slack: FakeSlack, scope: TenantScope, seconds: float) -> None:
    """Let everything about the tenant's tokens be so much older: at Slack, in the account's row, and in its job's."""
    slack.rotation.now += seconds
    async with db.tenant(scope) as session:
        await session.execute(
            "UPDATE channel_accounts SET token_expires_at = token_expires_at - make_interval(secs => $2),"
            " renewal_wait_until = renewal_wait_until - make_interval(secs => $2),"
            " status_changed_at = status_changed_at - make_interval(secs => $2) WHERE tenant_id = $1",
            scope.tenant_id,
            seconds,
        )
        await session.execute(
            "UPDATE secrets SET updated_at = updated_at - make_interval(secs => $2) WHERE tenant_id = $1",
            scope.tenant_id,
            seconds,
        )
    await db.fleet_fetch(
        "test",
        "UPDATE tenant_jobs SET due_at = due_at - make_interval(secs => $2) WHERE tenant_id = $1 AND kind = 'token_renewal'",
        scope.tenant_id,
        seconds,
    )


async def account(db: Database, scope: TenantScope) -> Record:
    """Return the tenant's one account's row, with `left_s`: how long its token still holds."""
    async with db.tenant(scope) as session:
        (row,) = await session.fetch(
            "SELECT *, extract(epoch FROM token_expires_at - now())::float8 AS left_s,"
            " extract(epoch FROM renewal_wait_until - now())::float8 AS waits_s FROM channel_accounts WHERE tenant_id = $1",
            scope.tenant_id,
        )
    return row


async def tokens(db: Database, vault: Vault, scope: TenantScope) -> tuple[str, str]:
    """Return the token and the refresh token that the tenant's one account holds."""
    row = await account(db, scope)
    return await vault.reveal(db, scope, row["secret_id"]), await vault.reveal(db, scope, row["refresh_secret_id"])
