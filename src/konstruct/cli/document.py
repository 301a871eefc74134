"""`konstruct document`: what a business's employee knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from konstruct.cli.context import DataDir, running_settings, with_database
from konstruct.cli.tenant import tenant_id
from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.memory.documents import Documents
from konstruct.memory.documents_repository import DocumentInfo
from konstruct.tenants import service
from konstruct.tenants.vault import Vault

app = typer.Typer(help="Documents that a business's employee answers from.", no_args_is_help=True)
TenantOption = Annotated[str, typer.Option(help="The tenant's id.")]


@app.command()
def add(
    tenant: TenantOption,
    file: Annotated[Path, typer.Argument(help="A text or Markdown file in UTF-8.")],
    title: Annotated[str, typer.Option(help="Its title; by default the file's name.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Add a text that everybody of the business may be answered from."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KonstructError(f"cannot read {file} as UTF-8 text: {type(error).__name__}") from None

    async def work(db: Database, _: Vault) -> UUID:
        scope = await service.require_tenant(db, tenant_id(tenant))
        return await Documents(db).add(scope, title or file.stem, text, file.name)

    typer.echo(with_database(running_settings(data_dir), work))


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
