"""`konstruct channel`: connecting channels without OAuth, for self-hosters."""

from __future__ import annotations

import json as jsonlib
import os
import re
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from konstruct.channels import accounts
from konstruct.channels.missed import Missed, find_missed, refused_in
from konstruct.channels.port_abilities import Grant
from konstruct.channels.quality import replacing
from konstruct.cli.context import DataDir, running_settings, with_database
from konstruct.cli.tenant import tenant_id
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.kit.ids import parse_id
from konstruct.kit.settings import PREFIX, load_settings
from konstruct.tenants import service
from konstruct.tenants.vault import Vault

app = typer.Typer(help="Channels of a business.", no_args_is_help=True)
connect_app = typer.Typer(help="Connect a channel account.", no_args_is_help=True)
app.add_typer(connect_app, name="connect")
_META_ID = re.compile(r"[0-9]{1,30}", re.ASCII)
_PHONE_NUMBER = re.compile(r"[0-9]{5,15}", re.ASCII)
manifest_app = typer.Typer(help="What a channel's provider is to be told about this house.", no_args_is_help=True)
app.add_typer(manifest_app, name="manifest")


@connect_app.command()
def slack(
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    team: Annotated[str, typer.Option(help="The workspace's id, T…, or the organisation's, E….")],
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
        # An organisation's id begins with E: all of it is connected then, and claimed.
        org = team if team.startswith("E") else None
        grant = Grant(team, bot_token, app_id, bot_user, enterprise_id=org, org_wide=org is not None)
        account_id = await accounts.connect_grant(db, vault, scope, kind="slack", grant=grant)
        return str(account_id)

    typer.echo(f"connected: account {with_database(running_settings(data_dir), work)}")


@connect_app.command()
def whatsapp(
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    waba: Annotated[str, typer.Option(help="The id of the WhatsApp Business Account (WABA).")],
    phone_number_id: Annotated[str, typer.Option(help="Meta's id of the number, not the number itself.")],
    number: Annotated[str, typer.Option(help="The number with its country code, +49 30 1234567.")],
    token: Annotated[
        str, typer.Option(help="The access token; safer in KONSTRUCT_WHATSAPP_TOKEN.", envvar="KONSTRUCT_WHATSAPP_TOKEN")
    ],
    portfolio: Annotated[str | None, typer.Option(help="The id of the business portfolio, where you know it.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Connect a WhatsApp number with a token that you made at Meta yourself. Meta is not asked here: `konstruct doctor` asks."""
    for option, value in {"--waba": waba, "--phone-number-id": phone_number_id, "--portfolio": portfolio}.items():
        if value is not None and not _META_ID.fullmatch(value):
            raise KonstructError(f"{option} is wrong: Meta's ids are digits, such as 106540352242922")
    digits = re.sub(r"[ ().\-]", "", number).removeprefix("+")
    if not _PHONE_NUMBER.fullmatch(digits):
        raise KonstructError("--number is wrong: it is the number with its country code, such as +49 30 1234567")
    if not accounts.TOKEN.fullmatch(token):
        raise KonstructError("--token is wrong: it is empty, or holds characters that no token has")

    async def work(db: Database, vault: Vault) -> str:
        scope = await service.require_tenant(db, tenant_id(tenant))
        grant = Grant(phone_number_id, token, business_account_id=waba, portfolio_id=portfolio, phone_number=digits)
        return str(await accounts.connect_grant(db, vault, scope, kind="whatsapp", grant=grant))

    typer.echo(f"connected: account {with_database(running_settings(data_dir), work)}")
    typer.echo("Meta was not asked whether the token is right, nor whether it delivers here: `konstruct doctor` asks")


@manifest_app.command(name="slack")
def slack_manifest(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of YAML; Slack takes both.")] = False,
    name: Annotated[str, typer.Option(help="What the app is called in Slack.")] = "Konstruct",
    own_token: Annotated[
        bool, typer.Option("--own-token", help="For an app of one workspace, whose token is entered by hand: it does not expire.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Print the manifest of the Slack app: api.slack.com/apps, Create New App, From a manifest."""
    # With it comes all of Slack's client, which no other command needs.
    from konstruct.channels.slack import manifest

    if not 1 <= len(name.strip()) <= manifest.NAME_MAX:
        raise KonstructError(f"--name is wrong: Slack takes 1 to {manifest.NAME_MAX} characters")
    named = data_dir is None and PREFIX + "PUBLIC_URL" in os.environ
    settings = load_settings() if named else running_settings(data_dir)
    if not settings.public_url.startswith("https://"):
        typer.echo(f"Slack takes HTTPS addresses only, and KONSTRUCT_PUBLIC_URL is {settings.public_url}", err=True)
    document = manifest.manifest(settings.public_url, name=name.strip(), by_click=not own_token)
    typer.echo(manifest.as_json(document) if json else manifest.as_yaml(document))


@app.command()
def replace(
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    old: Annotated[str, typer.Option(help="The account whose contacts move.")],
    new: Annotated[str, typer.Option(help="The account of the number that takes its place.")],
    by: Annotated[str, typer.Option(help="Who decided it: it is kept.")],
    template: Annotated[str, typer.Option(help="The approved template that tells people; without it nobody is told.")] = "",
    language: Annotated[str, typer.Option(help="The template's language.")] = "en",
    text: Annotated[str, typer.Option(help="What is filled in, if the template has a place.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Move the contacts of a number that is gone to another number of the business, and tell them as the limits allow."""
    if not by.strip():
        raise KonstructError("--by is wrong: say who decided it")
    use = TemplateUse(template, language, (text,) if text else ()) if template else None

    async def work(db: Database, vault: Vault) -> str:
        scope = await service.require_tenant(db, tenant_id(tenant))
        found = await replacing.begin(
            db, scope, old_account_id=parse_id(old), new_account_id=parse_id(new), by=by.strip()[:200], use=use
        )
        return str(found)

    typer.echo(f"begun: replacement {with_database(running_settings(data_dir), work)}; a worker moves the contacts")


@app.command()
def missed(
    logs: Annotated[
        list[Path], typer.Argument(help="Log files of `web`, of the time of the outage.", exists=True, dir_okay=False)
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """List the posts that were refused while the database was away, and never came again."""
    with ExitStack() as stack:
        files = [stack.enter_context(path.open(encoding="utf-8", errors="replace")) for path in logs]
        posts = refused_in(chain.from_iterable(files))
    found = with_database(running_settings(data_dir), lambda db, _: find_missed(db, posts))
    if json:
        typer.echo(jsonlib.dumps([_missed_json(one) for one in found]))
        return
    for one in found:
        typer.echo(f"{one.tenant_id or 'nobody connected this account'}: {len(one.lost)} of {one.refused} refused posts are lost")
        for post in one.lost:
            typer.echo(f"  {post.at:%Y-%m-%d %H:%M:%S} UTC  channel {post.channel_id}{'' if post.addressed else ', not to us'}")
    if not found:
        typer.echo("these logs know of no refused post")


def _missed_json(one: Missed) -> dict[str, object]:
    lost = [{"at": post.at.isoformat(), "channel_id": post.channel_id, "addressed": post.addressed} for post in one.lost]
    return {"tenant_id": str(one.tenant_id) if one.tenant_id else None, "refused": one.refused, "lost": lost}
