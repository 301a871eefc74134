"""`konstruct channel`: connecting channels without OAuth, for self-hosters."""

from __future__ import annotations

from typing import Annotated

import typer

from konstruct.channels import accounts
from konstruct.cli.context import DataDir, running_settings, with_database
from konstruct.cli.tenant import tenant_id
from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.tenants import service
from konstruct.tenants.vault import Vault

app = typer.Typer(help="Channels of a business.", no_args_is_help=True)
connect_app = typer.Typer(help="Connect a channel account.", no_args_is_help=True)
app.add_typer(connect_app, name="connect")


@connect_app.command()
def slack(
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    team: Annotated[str, typer.Option(help="The workspace's id, T….")],
    app_id: Annotated[str, typer.Option("--app", help="The Slack app's id, A….")],
    bot_user: Annotated[str, typer.Option(help="The bot's user id, U….")],
    bot_token: Annotated[
        str, typer.Option(help="The bot token, xoxb-…; safer in KONSTRUCT_BOT_TOKEN.", envvar="KONSTRUCT_BOT_TOKEN")
    ],
    data_dir: DataDir = None,
) -> None:
    """Connect a Slack workspace with the bot token of an app that you installed yourself."""
    for option, value in {"--team": team, "--app": app_id, "--bot-user": bot_user}.items():
        if not accounts.ID.fullmatch(value):
            raise KonstructError(f"{option} is wrong: Slack's ids are letters and digits, such as T0123ABCD")
    if not accounts.TOKEN.fullmatch(bot_token):
        raise KonstructError("--bot-token is wrong: it is empty, or holds characters that no token has")

    async def work(db: Database, vault: Vault) -> str:
        scope = await service.require_tenant(db, tenant_id(tenant))
        account_id = await accounts.connect(
            db, vault, scope, kind="slack", external_id=team, app_id=app_id, bot_user_id=bot_user, token=bot_token
        )
        return str(account_id)

    typer.echo(f"connected: account {with_database(running_settings(data_dir), work)}")
