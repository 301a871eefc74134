"""Gives each sample business its WhatsApp number, once the sandbox's Meta can be asked about it."""

from __future__ import annotations

import structlog

from konstruct.channels import accounts
from konstruct.channels.port_abilities import Grant
from konstruct.channels.routes_repository import find_routes
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.kit.settings import Settings
from konstruct.local.sandbox.agreeing import let_people_agree
from konstruct.local.sandbox.businesses import BUSINESSES
from konstruct.local.sandbox.meta.application import APP_ID, APP_PATH, SCOPES
from konstruct.local.sandbox.meta.samples import META_BUSINESSES, MetaBusiness
from konstruct.local.sandbox.store import SandboxStore
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.service import require_tenant
from konstruct.tenants.vault import Vault

log = structlog.get_logger()


async def connect_numbers(settings: Settings) -> None:
    """Connect the numbers of the sample businesses whose tenants were seeded, each once: an owner's changes stay.

    What follows a connection (its templates, its verification, its standing) is asked at once: the web process serves Meta
    by then. An instance with the real Meta in its settings gets none.
    """
    settings.need("data_dir")
    assert settings.data_dir is not None
    if APP_PATH not in settings.whatsapp_api_url:
        return
    store = SandboxStore.in_folder(settings.data_dir)
    try:
        waiting = [each for each in META_BUSINESSES if each.token and not _finished(store, each)]
        if not waiting:
            return
        db = await Database.open(settings, pool=2)
        try:
            vault = Vault(open_key_provider(settings))
            for business in waiting:
                await _connect(db, vault, store, business)
        finally:
            await db.close()
    finally:
        store.close()


def _finished(store: SandboxStore, business: MetaBusiness) -> bool:
    known = store.records.tenant_of(business.number.phone_number_id)
    return known is not None and known.finished


async def _connect(db: Database, vault: Vault, store: SandboxStore, business: MetaBusiness) -> None:
    number = business.number.phone_number_id
    scope = await _scope(db, store, business.slug)
    if scope is None:
        return
    store.records.remember_tenant(number, scope)
    # The sandbox's own file was deleted, the database was not: the number is where it was.
    if not await find_routes(db, "whatsapp", [number]):
        grant = Grant(
            account_key=number,
            token=business.token,
            app_id=APP_ID,
            account_name=business.number.verified_name,
            business_account_id=business.account.waba_id,
            portfolio_id=business.portfolio.business_id,
            phone_number=business.number.digits,
            scopes=frozenset(SCOPES.split(",")),
        )
        try:
            account_id = await accounts.connect_grant(db, vault, scope, kind="whatsapp", grant=grant)
            await let_people_agree(db, scope, account_id)
        except ConflictError:
            log.warning("sandbox_number_taken", tenant_id=str(scope.tenant_id))
            return
    store.records.finish_tenant(number)
    log.info("sandbox_number_connected", tenant_id=str(scope.tenant_id))


async def _scope(db: Database, store: SandboxStore, slug: str) -> TenantScope | None:
    team_id = next(each.workspace.team_id for each in BUSINESSES if each.workspace.slug == slug)
    seeded = store.records.tenant_of(team_id)
    if seeded is None or not seeded.finished:
        return None
    try:
        return await require_tenant(db, seeded.scope.tenant_id)
    except NotFoundError:
        return None
