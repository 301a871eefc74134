"""`konstruct keys`: rotating and destroying the keys that seal secrets."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from konstruct.cli.context import DataDir, running_settings, with_database
from konstruct.cli.tenant import tenant_id
from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.tenants import service
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.vault import Vault

app = typer.Typer(help="Keys that seal the tenants' secrets.", no_args_is_help=True)
TenantOption = Annotated[str, typer.Option(help="The tenant's id.")]


@app.command()
def init(data_dir: DataDir = None) -> None:
    """Make the key ring that KONSTRUCT_KEYRING names, once. Back it up apart from the database."""
    made = asyncio.run(open_key_provider(running_settings(data_dir)).init())
    typer.echo("made the key ring" if made else "the key ring is there already")


@app.command()
def rotate_root(data_dir: DataDir = None) -> None:
    """Make a new root key and wrap every tenant's key under it."""
    version = asyncio.run(open_key_provider(running_settings(data_dir)).rotate_root())
    typer.echo(f"root key version {version}")


@app.command()
def rotate_tenant(tenant: TenantOption, data_dir: DataDir = None) -> None:
    """Make a new key for a tenant and wrap its secrets under it."""

    async def work(db: Database, vault: Vault) -> int:
        return await vault.rotate_tenant_key(db, await service.require_tenant(db, tenant_id(tenant)))

    typer.echo(f"tenant key version {with_database(running_settings(data_dir), work)}")


@app.command()
def shred(
    tenant: TenantOption, yes: Annotated[bool, typer.Option("--yes", help="Really do it.")] = False, data_dir: DataDir = None
) -> None:
    """Destroy a tenant's keys: its secrets never open again, not even from a restored dump."""
    if not yes:
        raise KonstructError("shredding cannot be undone: say --yes")

    async def work(db: Database, vault: Vault) -> None:
        await vault.shred(await service.require_tenant(db, tenant_id(tenant)))

    with_database(running_settings(data_dir), work)
    typer.echo("shredded")
