"""Business numbers of the tests' businesses: unlike each other in their ids, and alike in everything else."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels import accounts
from konstruct.channels.port_abilities import Grant
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.tenants.vault import Vault
from tests.support.meta_events import Number


def number_of(scope: TenantScope, which: int = 1) -> Number:
    """Return a number of a tenant's own: ids are unique over the whole database. `which`: of several."""
    mark = str(scope.tenant_id.int % 10**11)
    return Number(
        waba=f"90{mark}", phone_number_id=f"10{which}{mark}", display=f"1555{which}{mark[-6:]}", portfolio=f"80{mark}",
        token=f"EAAG-{mark}-canary",
    )  # fmt: skip


def granted(number: Number) -> Grant:
    """Return what connecting the number carries."""
    return Grant(
        number.phone_number_id, number.token, account_name=number.display, business_account_id=number.waba,
        portfolio_id=number.portfolio, phone_number=number.display,
    )  # fmt: skip


async def connect(db: Database, vault: Vault, scope: TenantScope, number: Number) -> UUID:
    """Connect a number to a tenant; return the account's id."""
    return await accounts.connect_grant(db, vault, scope, kind="whatsapp", grant=granted(number))
