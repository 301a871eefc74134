"""A house with a Meta app of its own, two businesses that have numbers at Meta, and what an admin's browser does there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants.vault import Vault
from tests.support.fake_meta import FakeMeta, Number
from tests.support.hand import rows
from tests.support.house import House, open_house
from tests.support.portal import Answer, Person

START = "/oauth/whatsapp/start"
CALLBACK = "/oauth/whatsapp/callback"
VERIFY_TOKEN = "verify-token-canary"
ACCOUNTS = (
    "SELECT id, external_id, status, account_name, business_account_id, portfolio_id, phone_number, scopes, secret_id,"
    " extract(epoch FROM token_expires_at - now())::float8 AS left_s FROM channel_accounts"
    " WHERE tenant_id = $1 AND kind = 'whatsapp' ORDER BY connected_at, id"
)
SECRETS = "SELECT purpose FROM secrets WHERE tenant_id = $1 AND purpose LIKE 'whatsapp%' ORDER BY purpose"


@dataclass
class Shop:
    """What a business has at Meta."""

    waba: str
    company: str
    number: Number


@dataclass
class SignupHouse:
    """The house, and Meta."""

    house: House
    meta: FakeMeta

    @property
    def scopes(self) -> tuple[TenantScope, TenantScope]:
        return self.house.scopes

    def shop(self, *, numbers: int = 1, company: str | None = None) -> Shop:
        """Let somebody have a WhatsApp account at Meta that nobody has connected: its ids are unique over the database."""
        mark = f"{uuid7().int % 10**12:012d}"
        made = [Number(f"7{mark}{n}", f"8{mark}", f"49{mark}{n}", f"unused-{mark}-{n}", f"Shop {n}") for n in range(numbers)]
        self.meta.numbers += made
        owner = company or f"9{mark}"
        self.meta.signup.waba(f"8{mark}", [each.phone_id for each in made], owner)
        return Shop(f"8{mark}", owner, made[0] if made else Number("", f"8{mark}", "", ""))

    async def accounts(self, number: int = 0) -> list[dict[str, Any]]:
        """Return a business's WhatsApp accounts."""
        return [dict(row) for row in await rows(self.house, self.scopes[number], ACCOUNTS)]

    async def secrets(self, number: int = 0) -> list[str]:
        """Return what is sealed for a business that has to do with WhatsApp."""
        return [row["purpose"] for row in await rows(self.house, self.scopes[number], SECRETS)]

    async def signups(self, number: int = 0) -> list[dict[str, Any]]:
        """Return the numbers that a business began to connect."""
        sql = "SELECT * FROM channel_signups WHERE tenant_id = $1 ORDER BY created_at, id"
        return [dict(row) for row in await rows(self.house, self.scopes[number], sql)]


async def state_of(person: Person) -> str:
    """Open the page of the dialog; return its state."""
    answer = await person.get(START, follow=False)
    assert answer.status == 200, answer.status
    found = re.search(r'name="state" value="([^"]+)"', answer.text)
    assert found
    return found[1]


async def give(person: Person, code: str, shop: Shop | None = None, **fields: str) -> Answer:
    """Post what the dialog gave, as the page's script does."""
    said = {"waba_id": shop.waba, "phone_number_id": shop.number.phone_id, "business_id": shop.company} if shop else {}
    state = fields.pop("state", None) or await state_of(person)
    return await person.send(CALLBACK, {"state": state, "code": code} | said | fields, follow=False)


@asynccontextmanager
async def open_signup_house(
    settings: Settings, db: Database, vault: Vault, tenants: tuple[TenantScope, TenantScope], *, app: bool = True
) -> AsyncIterator[SignupHouse]:
    """Run the house; `app` says whether it has a Meta app."""
    meta = FakeMeta()
    await meta.start()
    booth = meta.signup
    own = {"whatsapp_app_id": booth.app_id, "whatsapp_config_id": booth.config_id, "whatsapp_app_secret": SecretStr(booth.secret)}
    changed = settings.model_copy(
        update={
            "burst_s": 0.0,
            "whatsapp_api_url": meta.url,
            "whatsapp_verify_token": SecretStr(VERIFY_TOKEN),
            **(own if app else dict.fromkeys(own)),
        }
    )
    try:
        async with open_house(changed, db, vault, tenants, ScriptedBackend(), run_engine=False) as house:
            yield SignupHouse(house, meta)
    finally:
        await meta.stop()
