"""Makes the sandbox's two businesses real: a tenant each, with persona, documents and Slack account."""

from __future__ import annotations

import structlog

from konstruct.channels import accounts
from konstruct.channels.routes_repository import find_routes
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError
from konstruct.kit.settings import Settings
from konstruct.local.sandbox.businesses import BUSINESSES, Business
from konstruct.local.sandbox.store import SandboxStore
from konstruct.memory.documents import Documents
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.service import create_tenant, require_tenant
from konstruct.tenants.vault import Vault

log = structlog.get_logger()


async def seed(settings: Settings) -> None:
    """Make the tenants of both sample businesses, unless they are there already.

    What was interrupted is finished by the next call; what is finished is left alone, so that an owner's changes stay.
    """
    settings.need("data_dir")
    assert settings.data_dir is not None
    store = SandboxStore.in_folder(settings.data_dir)
    try:
        db = await Database.open(settings, pool=2)
        try:
            vault = Vault(open_key_provider(settings))
            for business in BUSINESSES:
                await _seed_one(db, vault, store, business)
        finally:
            await db.close()
    finally:
        store.close()


async def _seed_one(db: Database, vault: Vault, store: SandboxStore, business: Business) -> None:
    workspace = business.workspace
    seeded = store.records.tenant_of(workspace.team_id)
    scope = await _existing(db, seeded.scope) if seeded else None
    if seeded and scope and seeded.finished:
        return
    if scope is None and (route := (await find_routes(db, "slack", [workspace.team_id])).get(workspace.team_id)):
        # The sandbox's own file was deleted, the database was not: its tenant is the one that has the workspace.
        scope = route.scope
        store.records.remember_tenant(workspace.team_id, scope)
    if scope is None:
        created = await create_tenant(
            db,
            vault,
            name=workspace.name,
            employee=workspace.employee,
            persona=business.persona,
            email=business.owner_email,
        )
        store.records.remember_tenant(workspace.team_id, created.scope)
        scope = created.scope
    documents = Documents(db)
    for document in business.documents:
        await documents.add(scope, document.title, document.text, document.source)
    await accounts.connect(
        db,
        vault,
        scope,
        kind="slack",
        external_id=workspace.team_id,
        app_id=workspace.app_id,
        bot_user_id=workspace.bot_user_id,
        token=workspace.bot_token,
    )
    store.records.finish_tenant(workspace.team_id)
    log.info("sandbox_seeded", tenant_id=str(scope.tenant_id), documents=len(business.documents))


async def _existing(db: Database, scope: TenantScope) -> TenantScope | None:
    """Return the scope of a tenant that an earlier run made, or None if the database no longer has it."""
    try:
        return await require_tenant(db, scope.tenant_id)
    except NotFoundError:
        return None
