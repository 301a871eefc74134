"""What `up` does with the product: seeds the sandbox's businesses, and makes the owner's sign-in link."""

from __future__ import annotations

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError
from konstruct.kit.settings import Settings
from konstruct.tenants import sign_in, tenants_repository
from konstruct.tenants.keyring import open_key_provider


async def seed_sandbox(settings: Settings) -> None:
    """Make the key ring and the sample businesses where they are missing."""
    from konstruct.local.sandbox.seed import seed

    await open_key_provider(settings).init()
    await seed(settings)


async def connect_numbers(settings: Settings) -> None:
    """Connect the sample businesses' numbers with the sandbox's Meta, which the web process serves by now."""
    from konstruct.local.sandbox import numbers

    await numbers.connect_numbers(settings)


async def make_link(settings: Settings) -> str:
    """Return a one-time sign-in link for the owner of the oldest active business. Raises NotFoundError without one."""
    db = await Database.open(settings, pool=1)
    try:
        active = [entry for entry in await tenants_repository.directory(db) if entry.status == "active"]
        if not active:
            raise NotFoundError("no business is active: make one with `konstruct tenant create NAME`, or resume one")
        return await sign_in.create_link(db, TenantScope(active[0].tenant_id), settings.public_url)
    finally:
        await db.close()
