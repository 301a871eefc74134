"""What a new instance is given before people come: keys, two sample businesses, and a way into the portal."""

from __future__ import annotations

from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.kit.settings import Settings
from konstruct.local.sandbox.seed import seed
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.service import list_tenants, require_tenant
from konstruct.tenants.sign_in import create_link


async def make_keys(settings: Settings) -> None:
    """Make the vault's key ring unless there is one."""
    await open_key_provider(settings).init()


async def seed_sandbox(settings: Settings) -> None:
    """Make the sample businesses of the sandbox unless they are there. Raises KonstructError."""
    await seed(settings)


async def make_sign_in_link(settings: Settings) -> str:
    """Return a new one-time link into the portal of the oldest active business. Raises KonstructError if there is none."""
    db = await Database.open(settings, pool=1)
    try:
        active = [tenant.tenant_id for tenant in await list_tenants(db) if tenant.status == "active"]
        if not active:
            raise KonstructError("no business is active: `konstruct tenant resume ID` lets one go on")
        return await create_link(db, await require_tenant(db, active[0]), settings.public_url)
    finally:
        await db.close()
