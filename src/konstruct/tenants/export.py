"""A business's whole data as one file: every table of the catalogue but secrets and sessions, read in its own scope.

The rows of a page are those of one moment, the pages are not: who wants a file of one moment lets nothing happen meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.tenant_tables import TenantTable, tenant_tables
from konstruct.tenants import export_repository as repository
from konstruct.tenants.export_archive import Archive, TableFile
from konstruct.tenants.tenants_repository import tenant_name

Out = Callable[[bytes, int], Awaitable[None]]
"""Takes the next bytes of the file, and how many rows are in it by now."""

FORMAT = 1
PIECE_BYTES = 1024 * 1024
EXCLUDED = {
    "secrets": "sealed access tokens, of no use without this installation's keys",
    "sessions": "who is signed in",
    "sign_in_links": "ways to sign in",
    "member_emails": "hashes of addresses that are in `members`",
    "member_link_codes": "ways to be taken for a member",
    "api_keys": "ways to sign in",
    "api_requests": "answers of the API, of rows that are in other files",
    "exports": "this file's own state",
    "export_pieces": "this file itself",
    "consent_uploads": "lists that nobody has confirmed yet",
    "tenant_jobs": "this installation's own work",
    "channel_events": "what its channels brought a moment ago; the bodies that are kept are in `inbound_events`",
}
"""Tables that are left out, and why. All others are in, those that are made after this was written as well."""
_FIRST_PAGE = 20
_PAGE_MAX = 1000
_PAGE_BYTES = 2 * 1024 * 1024


async def tables_of(db: Database, scope: TenantScope) -> tuple[list[TenantTable], int]:
    """Return the tables of an export, and how many rows they have now."""
    async with db.tenant(scope) as session:
        tables = [table for table in await tenant_tables(session) if table.name not in EXCLUDED]
        return tables, await repository.count_rows(session, tables)


async def write_export(db: Database, scope: TenantScope, tables: list[TenantTable], out: Out) -> None:
    """Write the file to `out`, piece by piece."""
    archive, written = Archive(), 0
    begun_at = datetime.now(UTC)
    async with db.tenant(scope) as session:
        business = await tenant_name(session)
    for table in tables:
        file = archive.table(table.name)
        written = await _write_table(db, scope, table, file, archive, written, out)
        file.close()
    archive.add("manifest.json", _manifest(scope, business, begun_at, archive))
    archive.close()
    await out(archive.take(), written)


async def _write_table(
    db: Database, scope: TenantScope, table: TenantTable, file: TableFile, archive: Archive, written: int, out: Out
) -> int:
    after: tuple[object, ...] | None = None
    limit = _FIRST_PAGE
    while True:
        async with db.tenant(scope) as session:
            page = await repository.read_page(session, table, after, limit)
        lines = [line for line, _ in page]
        await asyncio.to_thread(file.add, lines)
        written += len(lines)
        if ready := archive.take(PIECE_BYTES):
            await out(ready, written)
        if len(page) < limit:
            return written
        after = page[-1][1]
        # As many rows as make a page of a bounded size: a table's rows may be a line or a whole book.
        limit = max(1, min(_PAGE_MAX, _PAGE_BYTES * len(lines) // max(1, sum(map(len, lines)))))


def _manifest(scope: TenantScope, business: str | None, begun_at: datetime, archive: Archive) -> str:
    manifest = {
        "format": FORMAT,
        "tenant_id": str(scope.tenant_id),
        "business": business,
        "begun_at": begun_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "about": "Each file of tables/ has a row a line, as JSON. Binary values are hexadecimal after \\x, times carry their"
        " offset. sha256 is of the file as it is unpacked.",
        "tables": {
            name: {"rows": member.rows, "bytes": member.bytes, "sha256": member.sha256}
            for name, member in archive.members.items()
        },
        "excluded": EXCLUDED,
    }
    return json.dumps(manifest, ensure_ascii=False, indent=2)
