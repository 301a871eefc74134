"""What is about a whole business account goes to the business that holds it; and nobody takes a number that somebody has."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from konstruct.channels import accounts, holdings_repository
from konstruct.channels.accounts import AccountTakenError
from konstruct.kit.errors import ConflictError
from konstruct.tenants.vault import Vault
from tests.identity.conftest import Desk
from tests.support import meta_events as meta
from tests.support.meta_numbers import connect, number_of

_WAITING = "SELECT kind, account_id, content FROM channel_events WHERE tenant_id = $1 ORDER BY kind, id"
_TEMPLATE: dict[str, Any] = {
    "message_template_id": 1, "message_template_name": "order_ready", "message_template_language": "en_US", "event": "PAUSED",
}  # fmt: skip


async def test_it_goes_to_the_business_that_holds_it(desk: Desk, house_vault: Vault) -> None:
    """Stored once, under the number it names or under any; twice is once; of an account that nobody has it is counted."""
    first, other = desk.numbers
    second = replace(number_of(desk.scopes[0], 2), waba=first.waba, portfolio=first.portfolio)
    second_id = await connect(desk.db, house_vault, desk.scopes[0], second)
    spoken = f"+{second.display[:4]} {second.display[4:]}"
    name = {"decision": "APPROVED", "requested_verified_name": "Shop"}
    deliveries = [
        meta.of_business(first, "message_template_status_update", at=1, **_TEMPLATE),
        meta.of_business(first, "phone_number_name_update", at=1, display_phone_number=spoken, **name),
        meta.of_business(first, "phone_number_name_update", at=1, display_phone_number="15559999999", **name),
        meta.of_business(first, "business_capability_update", at=1, max_daily_conversations_per_business=2000),
        meta.of_business(replace(first, waba="1"), "account_update", event="PARTNER_ADDED", at=1,
                         waba_info={"waba_id": first.waba, "owner_business_id": "9"}),
    ]  # fmt: skip
    assert await desk.deliver(*deliveries, *deliveries) == ["stored"] * 5 + ["duplicate"] * 5
    rows = await desk.rows(_WAITING)
    assert [row["kind"] for row in rows] == ["accountchanged"] * 3 + ["capacitychanged", "templatechanged"]
    assert [row["account_id"] == second_id for row in rows].count(True) == 1
    assert {row["account_id"] for row in rows} == {desk.accounts[0], second_id}
    assert await desk.rows(_WAITING, tenant=1) == []
    # The same again later is another event: a template may be paused twice.
    assert await desk.deliver(meta.of_business(first, "message_template_status_update", at=2, **_TEMPLATE)) == ["stored"]
    nobody = replace(other, waba=f"77{other.waba[2:]}")
    lost = meta.of_business(nobody, "account_update", event="ACCOUNT_DELETED")
    assert await desk.deliver(lost, lost) == ["unknown_account"] * 2
    counted = await desk.db.fleet_fetch("test", "SELECT deliveries FROM unrouted_events WHERE account_key = $1", nobody.waba)
    assert [row["deliveries"] for row in counted] == [2]


async def test_nothing_holds_any_more_where_we_may_not_act(desk: Desk, house_vault: Vault) -> None:
    """The business takes the app away: all its numbers wait for their owner, and no other business's."""
    second = replace(number_of(desk.scopes[0], 2), waba=desk.numbers[0].waba, portfolio=desk.numbers[0].portfolio)
    third = replace(number_of(desk.scopes[0], 3), waba=f"66{desk.numbers[0].waba[2:]}")
    for number in (second, third):
        await connect(desk.db, house_vault, desk.scopes[0], number)
    await desk.deliver(meta.of_business(desk.numbers[0], "account_update", at=4_000_000_000, event="PARTNER_APP_UNINSTALLED"))
    assert await desk.work() == 0
    sql = "SELECT status FROM channel_accounts WHERE tenant_id = $1 ORDER BY external_id"
    assert [[row["status"] for row in await desk.rows(sql, tenant=tenant)] for tenant in (0, 1)] == [
        ["broken", "broken", "active"], ["active"],
    ]  # fmt: skip
    # One that is older than the connection says nothing of it.
    await desk.deliver(meta.of_business(desk.numbers[1], "account_update", at=1_700_000_000, event="PARTNER_REMOVED"))
    assert await desk.work() == 0
    assert [row["status"] for row in await desk.rows(sql, tenant=1)] == ["active"]


async def test_what_is_taken_stays_taken(desk: Desk, house_vault: Vault) -> None:
    """The number, its business account, the company behind it: none may be another business's, until they are given up."""
    mine, scope = desk.numbers[0], desk.scopes[1]
    fresh = number_of(scope, 5)
    for claim in (
        replace(fresh, phone_number_id=mine.phone_number_id),
        replace(fresh, waba=mine.waba),
        replace(fresh, portfolio=mine.portfolio),
    ):
        with pytest.raises(AccountTakenError) as refused:
            await connect(desk.db, house_vault, scope, claim)
        assert isinstance(refused.value, ConflictError), "409"
        assert not any(each in str(refused.value) for each in (str(desk.scopes[0].tenant_id), "Alpha"))
    [count] = await desk.rows("SELECT count(*) FROM channel_accounts WHERE tenant_id = $1", tenant=1)
    assert count[0] == 1, "nothing of a refused claim stays"
    await connect(desk.db, house_vault, desk.scopes[0], mine)  # again is no claim
    taken = replace(fresh, phone_number_id=mine.phone_number_id, waba=mine.waba, portfolio=mine.portfolio)
    await accounts.disconnect(desk.db, house_vault, desk.scopes[0], desk.accounts[0])
    await connect(desk.db, house_vault, scope, taken)
    with pytest.raises(AccountTakenError):
        await connect(desk.db, house_vault, desk.scopes[0], mine)
    assert await desk.deliver(meta.text(taken, "hello")) == ["ready"]
    assert await desk.rows("SELECT 1 FROM messages WHERE tenant_id = $1") == []


async def test_of_two_claims_at_once_one_holds(desk: Desk, house_vault: Vault) -> None:
    """The same number, or two numbers of one business account, claimed by two businesses in one moment."""
    for which in range(3):
        base = number_of(desk.scopes[0], 6 + which)
        other = base if which == 0 else replace(number_of(desk.scopes[1], 6 + which), waba=base.waba)
        claims = [(desk.scopes[0], base), (desk.scopes[1], other)] * 2
        got = await asyncio.gather(*(connect(desk.db, house_vault, *claim) for claim in claims), return_exceptions=True)
        assert {type(each).__name__ for each in got} == {"UUID", "AccountTakenError"}, got
        holders = await desk.db.fleet_fetch(
            "test", "SELECT tenant_id FROM channel_holdings WHERE level = 'business_account' AND holding = $1", base.waba
        )
        assert len(holders) == 1
    async with desk.db.tenant(desk.scopes[0]) as session:
        await holdings_repository.let_go(session)
    held = await desk.rows("SELECT holding FROM channel_holdings WHERE tenant_id = $1 AND level = 'business_account'")
    assert desk.numbers[0].waba in [row["holding"] for row in held], "what is in use is not given up"
