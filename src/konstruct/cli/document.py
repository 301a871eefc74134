"""`konstruct document`: what a business's employee knows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import typer

from konstruct.cli.context import DataDir, running_settings, with_database
from konstruct.cli.tenant import tenant_id
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError
from konstruct.memory.documents import DocumentError, Documents
from konstruct.memory.documents_repository import DocumentInfo
from konstruct.memory.extraction.kinds import ACCEPTED
from konstruct.memory.reading import Reading
from konstruct.memory.uploads import Uploads
from konstruct.tenants import service
from konstruct.tenants.vault import Vault

app = typer.Typer(help="Documents that a business's employee answers from.", no_args_is_help=True)
TenantOption = Annotated[str, typer.Option(help="The tenant's id.")]
_LOOK_EVERY_S = 0.2


@app.command()
def add(
    tenant: TenantOption,
    file: Annotated[Path, typer.Argument(help=f"A file: {ACCEPTED}.")],
    title: Annotated[str, typer.Option(help="Its title; by default the file's name.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Add a file that everybody of the business may be answered from, and read it at once."""
    try:
        opened = file.open("rb")
    except OSError as error:
        raise KonstructError(f"cannot read {file}: {type(error).__name__}") from None

    async def work(db: Database, _: Vault) -> UUID:
        return await _add(db, await service.require_tenant(db, tenant_id(tenant)), file.name, opened, title)

    with opened:
        typer.echo(with_database(running_settings(data_dir), work))


async def _add(db: Database, scope: TenantScope, name: str, opened: BinaryIO, title: str) -> UUID:
    """Return the id of the file's document once it can be found. What cannot be read leaves nothing behind."""
    documents = Documents(db)
    stored = await Uploads(db).take(scope, opened, name, title=title)
    if not await Reading(db).read_now(scope, stored.id):
        # A worker was quicker, or it was read long ago.
        while (await documents.detail(scope, stored.id)).info.status == "processing":
            await asyncio.sleep(_LOOK_EVERY_S)
    info = (await documents.detail(scope, stored.id)).info
    if info.status == "failed":
        await documents.remove(scope, stored.id)
        raise DocumentError(str(info.reason))
    return stored.id


@app.command(name="list")
def list_all(tenant: TenantOption, data_dir: DataDir = None) -> None:
    """List a business's documents."""

    async def work(db: Database, _: Vault) -> list[DocumentInfo]:
        return await Documents(db).list(await service.require_tenant(db, tenant_id(tenant)))

    for document in with_database(running_settings(data_dir), work):
        typer.echo(f"{document.id}  {document.title}")


@app.command()
def remove(
    tenant: TenantOption, document: Annotated[str, typer.Argument(help="The document's id.")], data_dir: DataDir = None
) -> None:
    """Delete a document: the employee no longer answers from it."""
    try:
        document_id = UUID(document)
    except ValueError:
        raise KonstructError(f"{document!r} is no document id: `konstruct document list` shows them") from None

    async def work(db: Database, _: Vault) -> None:
        await Documents(db).remove(await service.require_tenant(db, tenant_id(tenant)), document_id)

    with_database(running_settings(data_dir), work)
    typer.echo("removed")
