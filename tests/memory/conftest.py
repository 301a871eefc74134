"""What the tests of uploads share."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.memory.documents import Documents
from konstruct.memory.documents_repository import DocumentInfo
from konstruct.memory.reading import Reading
from konstruct.memory.uploads import Uploads

Take = Callable[..., Awaitable[UUID]]
TABLES = ("documents", "document_files", "document_jobs", "chunks", "notices")


@pytest.fixture
async def no_earlier_files(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    """What earlier tests of this process left waiting is nobody's: a claim looks at all tenants."""
    await db.fleet_fetch("test", "UPDATE document_jobs SET claimed_until = now() + interval '1 day'")


@pytest.fixture
def reading(db: Database, no_earlier_files: None) -> Reading:
    return Reading(db)


@pytest.fixture
def take(db: Database) -> Take:
    """Take a file; return its document's id."""

    async def taken(scope: TenantScope, name: str, data: bytes, declared: str = "", uploaded_by: UUID | None = None) -> UUID:
        return (await Uploads(db).take(scope, io.BytesIO(data), name, declared, uploaded_by=uploaded_by)).id

    return taken


async def info_of(db: Database, scope: TenantScope, document_id: UUID) -> DocumentInfo:
    return (await Documents(db).detail(scope, document_id)).info


async def rows_of(db: Database, scope: TenantScope) -> dict[str, int]:
    """Return how many rows the tenant has in each table that knows of documents."""
    async with db.tenant(scope) as session:
        return {
            table: int(await session.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", scope.tenant_id))
            for table in TABLES
        }
