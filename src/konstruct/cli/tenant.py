"""`konstruct tenant`: businesses on this installation."""

from __future__ import annotations

import json as jsonlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from konstruct.channels import accounts
from konstruct.cli.context import DataDir, running_settings, with_database
from konstruct.cli.files import new_file
from konstruct.conversations import restored
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError
from konstruct.kit.text import storable
from konstruct.tenants import service
from konstruct.tenants.accesses import Trace, list_traces
from konstruct.tenants.erase import Erasing, begin
from konstruct.tenants.export import tables_of, write_export
from konstruct.tenants.revocation import Revoked, revoke_all
from konstruct.tenants.sign_in import create_link
from konstruct.tenants.tenants_repository import directory
from konstruct.tenants.vault import Vault

app = typer.Typer(help="Businesses on this installation.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ERASE_GRACE_S = 300.0
TenantId = Annotated[str, typer.Argument(help="The tenant's id, as `tenant list` shows it.")]


def tenant_id(text: str) -> UUID:
    """Return the id that an operator typed. Raises KonstructError."""
    try:
        return UUID(text)
    except ValueError:
        raise KonstructError(f"{text!r} is no tenant id: `konstruct tenant list` shows them") from None


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The business's name.")],
    employee: Annotated[str, typer.Option(help="The employee's name.")] = "Alex",
    persona: Annotated[str, typer.Option(help="Who the employee is and how it works.")] = service.DEFAULT_PERSONA,
    email: Annotated[str | None, typer.Option(help="The owner's e-mail address, for signing in without a printed link.")] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Make a business with one AI employee, and a one-time link for its owner."""
    settings = running_settings(data_dir)
    _check_length("the employee's name", employee.strip(), 100)
    _check_length("the persona", persona.strip(), 100_000)
    for text in (name, employee, persona):
        if storable(text) != text:
            raise KonstructError("names and personas are text in UTF-8: an argument holds something else")

    async def work(db: Database, vault: Vault) -> tuple[service.CreatedTenant, str]:
        from konstruct.tenants.sign_in import create_link

        created = await service.create_tenant(db, vault, name=name, employee=employee, persona=persona, email=email)
        return created, await create_link(db, created.scope, settings.public_url)

    created, link = with_database(settings, work)
    if json:
        ids = {"tenant_id": str(created.tenant_id), "agent_id": str(created.agent_id), "sign_in_url": link}
        typer.echo(jsonlib.dumps(ids))
    else:
        typer.echo(f"tenant   {created.tenant_id}\nemployee {created.agent_id}\nsign in  {link}")


def _check_length(what: str, text: str, most: int) -> None:
    """`most` is the column's own limit."""
    if not 1 <= len(text) <= most:
        raise KonstructError(f"{what} has 1 to {most} characters")


@app.command()
def link(tenant: TenantId, data_dir: DataDir = None) -> None:
    """Print a new one-time sign-in link for a business's owner."""
    settings = running_settings(data_dir)

    async def work(db: Database, _: Vault) -> str:
        return await create_link(db, await service.require_tenant(db, tenant_id(tenant)), settings.public_url)

    typer.echo(with_database(settings, work))


@app.command(name="list")
def list_all(json: Json = False, data_dir: DataDir = None) -> None:
    """List the businesses, the oldest first."""
    listed = with_database(running_settings(data_dir), lambda db, _: service.list_tenants(db))
    if json:
        rows = [
            {"tenant_id": str(t.tenant_id), "name": t.name, "status": t.status, "created_at": t.created_at.isoformat()}
            for t in listed
        ]
        typer.echo(jsonlib.dumps(rows))
    for tenant in listed if not json else ():
        typer.echo(f"{tenant.tenant_id}  {tenant.status:<9}  {tenant.created_at:%Y-%m-%d}  {tenant.name}")


@app.command()
def export(
    tenant: TenantId,
    out: Annotated[Path, typer.Option("--out", help="The ZIP file to make; it must not be there yet.")],
    data_dir: DataDir = None,
) -> None:
    """Write everything of a business into one file: a table a file, a row a line, secrets left out."""
    settings = running_settings(data_dir)

    async def work(db: Database, _: Vault) -> int:
        scope = await service.require_tenant(db, tenant_id(tenant))
        with new_file(out) as file:
            tables, total = await tables_of(db, scope)

            async def keep(data: bytes, written: int) -> None:
                # A file of one's own, between two reads: nothing else waits on this loop.
                file.write(data)
                typer.echo(f"{written} of about {total} rows", err=True)

            await write_export(db, scope, tables, keep)
        return out.stat().st_size

    typer.echo(f"wrote {out}: {with_database(settings, work)} bytes")


@app.command()
def erase(
    tenant: TenantId,
    confirm: Annotated[str, typer.Option("--confirm", help="The business's exact name.")],
    data_dir: DataDir = None,
) -> None:
    """Delete a business for good: its rows, its keys in Valkey or Redis, and the key of its secrets."""
    # With them come the providers' clients, which no other command of a business needs.
    from konstruct.channels.channel import open_adapters
    from konstruct.channels.registry import CHANNELS

    settings = running_settings(data_dir)

    async def work(db: Database, vault: Vault) -> None:
        scope = TenantScope(tenant_id(tenant))
        # A worker takes over if this command is ended before it is done.
        await begin(db, scope, confirm, grace_s=ERASE_GRACE_S)
        redis, adapters = Redis.open(settings), open_adapters(CHANNELS, settings)
        try:
            erasing = Erasing(db, redis, vault, lambda scope: accounts.revoke_all(db, vault, scope, adapters))
            await erasing.erase(scope, lambda line: typer.echo(line, err=True))
        finally:
            for adapter in adapters.values():
                await adapter.close()
            await redis.close()

    with_database(settings, work)
    typer.echo(f"{tenant} is erased. Older copies of the key ring still hold its key: rotate the root key, destroy the copies")


@app.command()
def suspend(tenant: TenantId, data_dir: DataDir = None) -> None:
    """Stop ingest, turns and sends of a business at once; nothing is deleted."""
    with_database(running_settings(data_dir), lambda db, _: service.set_status(db, tenant_id(tenant), "suspended"))
    typer.echo(f"{tenant} is suspended")


@app.command()
def resume(tenant: TenantId, data_dir: DataDir = None) -> None:
    """Let a suspended business go on."""
    with_database(running_settings(data_dir), lambda db, _: service.set_status(db, tenant_id(tenant), "active"))
    typer.echo(f"{tenant} is active")


@app.command(name="revoke-sessions")
def revoke_sessions(tenant: TenantId, data_dir: DataDir = None) -> None:
    """Sign everybody of a business out, end its links and codes, and revoke its API keys."""

    async def work(db: Database, _: Vault) -> Revoked:
        return await revoke_all(db, await service.require_tenant(db, tenant_id(tenant)))

    revoked = with_database(running_settings(data_dir), work)
    typer.echo(f"ended: {revoked.sessions} sessions, {revoked.links} links; revoked: {revoked.api_keys} API keys")


@app.command()
def accesses(
    tenant: TenantId,
    days: Annotated[int, typer.Option(help="How far to look back.", min=1, max=3650)] = 30,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """List who could read a business's data: operators, exports, sessions, links and API keys."""

    async def work(db: Database, _: Vault) -> list[Trace]:
        scope = await service.require_tenant(db, tenant_id(tenant))
        return await list_traces(db, scope, datetime.now(UTC) - timedelta(days=days))

    traces = with_database(running_settings(data_dir), work)
    if json:
        typer.echo(jsonlib.dumps([trace.to_json() for trace in traces]))
        return
    for trace in traces:
        until = f", until {trace.until:%Y-%m-%d %H:%M}" if trace.until else ""
        typer.echo(f"{trace.at:%Y-%m-%d %H:%M}  {trace.kind:<15}  {trace.who}: {trace.what}{until}")


@app.command(name="cancel-pending")
def cancel_pending(
    tenant: Annotated[str | None, typer.Argument(help="The tenant's id.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every tenant.")] = False,
    data_dir: DataDir = None,
) -> None:
    """After a restore, before a worker starts: send no old answer again, and answer no old question."""
    if (tenant is None) is not everyone:
        raise KonstructError("name one tenant, or say --all")

    async def work(db: Database, _: Vault) -> tuple[int, int]:
        if tenant:
            scopes = [await service.require_tenant(db, tenant_id(tenant))]
        else:
            scopes = [TenantScope(entry.tenant_id) for entry in await directory(db) if entry.status != "erasing"]
        done = [await restored.cancel_pending(db, scope) for scope in scopes]
        return sum(one.deliveries for one in done), sum(one.messages for one in done)

    deliveries, messages = with_database(running_settings(data_dir), work)
    typer.echo(f"{deliveries} deliveries are cancelled, {messages} messages are left to people")
