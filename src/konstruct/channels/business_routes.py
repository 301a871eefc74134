"""Where events about a whole business account go: to the tenant that holds it, under one of its accounts there."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from uuid import UUID

from konstruct.channels import accounts_repository, routes_repository
from konstruct.channels.accounts_repository import OfBusiness
from konstruct.channels.routes_repository import Holder
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant, and one of its accounts."""

    scope: TenantScope
    account_id: UUID


class BusinessRoutes:
    """What is known of some business accounts: whose they are, and which accounts of theirs are connected."""

    def __init__(self, holders: Mapping[str, Holder], accounts: Mapping[str, list[OfBusiness]]) -> None:
        self._holders = holders
        self._accounts = accounts

    @classmethod
    async def find(cls, db: Database, kind: str, business_accounts: Set[str]) -> BusinessRoutes:
        """Look the business accounts up: once for all, and once more for each tenant that has some of them."""
        holders = await routes_repository.find_holders(db, kind, business_accounts)
        of_tenants: dict[TenantScope, list[str]] = {}
        for holding, holder in holders.items():
            if holder.active:
                of_tenants.setdefault(holder.scope, []).append(holding)
        accounts: dict[str, list[OfBusiness]] = {}
        for scope, holdings in of_tenants.items():
            async with db.tenant(scope) as session:
                for account in await accounts_repository.of_businesses(session, kind, holdings):
                    accounts.setdefault(account.business_account_id, []).append(account)
        return cls(holders, accounts)

    def place(self, business_account: str, phone_number: str | None) -> Place | str:
        """Return the place of an event, under the number that it names, if that is connected, or why it has none."""
        holder = self._holders.get(business_account)
        if holder is None:
            return "unknown_account"
        if not holder.active:
            return "suspended"
        known = self._accounts.get(business_account, [])
        named = [account for account in known if phone_number is not None and account.phone_number == phone_number]
        chosen = (named or known)[:1]
        return Place(holder.scope, chosen[0].id) if chosen else "unknown_account"
