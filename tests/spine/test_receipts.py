"""Receipts and what a provider says about an account, handled on a real database."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from konstruct.channels.events_handling import Received
from konstruct.channels.port import Failed
from konstruct.channels.port_events import AccountChanged, Receipt
from konstruct.channels.receipts import Receipts
from konstruct.channels.standing import Standing
from tests.support.hand import rows, send, take_turn
from tests.support.house import House
from tests.support.slack_events import message

_WAS = "SELECT state, receipt, receipt_reason, external_id FROM deliveries WHERE tenant_id = $1"


class _Judge:
    """Of an adapter, what reads the reason of a late refusal."""

    def judge(self, reason: str) -> Failed:
        return Failed(f"meta_{reason}", account_broken=reason == "190", payment=reason == "131042")


async def _come(house: House, event: Any, number: int = 0, adapters: Any = MappingProxyType({})) -> None:
    (account,) = await rows(house, house.scopes[number], "SELECT id FROM channel_accounts WHERE tenant_id = $1")
    handle = Receipts(house.db, adapters) if isinstance(event, Receipt) else Standing(house.db)
    await handle(Received(house.scopes[number], account["id"], event, 1, 0.0))


def _receipt(state: Any, external_id: str, delivery: str | None = None, reason: str | None = None) -> Receipt:
    return Receipt(
        account_key="x", app_id=None, event_key="x", channel_id="D1", external_id=external_id, state=state, delivery=delivery,
        reason=reason,
    )  # fmt: skip


async def _shown(house: House) -> tuple[str, str]:
    for team in house.teams:
        await house.deliver(message(team, "D1", "U1", "hello"))
        await take_turn(house)
        await send(house)
    (row,) = await rows(house, house.scopes[0], "SELECT id, external_id FROM deliveries WHERE tenant_id = $1")
    return str(row["id"]), row["external_id"]


async def test_a_delivery_only_climbs(still: House) -> None:
    delivery, shown_as = await _shown(still)
    told = [("delivered", "delivered"), ("sent", "delivered"), ("failed", "delivered"), ("read", "read"), ("delivered", "read")]
    for state, expected in told:
        await _come(still, _receipt(state, shown_as))
        ((_, receipt, _, _),) = await rows(still, still.scopes[0], _WAS)
        assert receipt == expected, state
    await _come(still, _receipt("read", shown_as, delivery), 1)
    assert [row["receipt"] for row in await rows(still, still.scopes[1], _WAS)] == [None], "another business's delivery"
    await _come(still, _receipt("failed", "nobody's", "no id"))


async def test_what_a_late_refusal_means_is_acted_upon(still: House) -> None:
    _, shown_as = await _shown(still)
    judging = {"slack": _Judge()}
    for _ in range(2):
        await _come(still, _receipt("failed", shown_as, reason="131042"), adapters=judging)
    for number, expected in ((0, ["delivery_failed", "payment_wanted"]), (1, [])):
        notices = await rows(still, still.scopes[number], "SELECT kind FROM notices WHERE tenant_id = $1 ORDER BY kind")
        assert [row["kind"] for row in notices] == expected
    (row,) = await rows(still, still.scopes[1], "SELECT external_id FROM deliveries WHERE tenant_id = $1")
    await _come(still, _receipt("failed", row["external_id"], reason="190"), 1, adapters=judging)
    for number, status in ((0, ("active", None)), (1, ("broken", "meta_190"))):
        (account,) = await rows(
            still, still.scopes[number], "SELECT status, status_reason FROM channel_accounts WHERE tenant_id = $1"
        )
        assert tuple(account) == status


async def test_what_failed_after_all_is_told(still: House) -> None:
    _, shown_as = await _shown(still)
    for _ in range(2):
        await _come(still, _receipt("failed", shown_as, reason="131026"))
    assert [tuple(row) for row in await rows(still, still.scopes[0], _WAS)] == [("sent", "failed", "131026", shown_as)]
    for number, expected in ((0, ["delivery_failed"]), (1, [])):
        notices = await rows(still, still.scopes[number], "SELECT kind FROM notices WHERE tenant_id = $1")
        assert [row["kind"] for row in notices] == expected


async def test_a_receipt_proves_a_send(still: House) -> None:
    delivery, _ = await _shown(still)
    unknown = "state = 'unknown', external_id = NULL, sent_at = NULL, unknown_since = now()"
    await rows(still, still.scopes[0], f"UPDATE deliveries SET {unknown} WHERE tenant_id = $1 RETURNING 1")
    await _come(still, _receipt("delivered", "wamid.9", delivery))
    assert [tuple(row) for row in await rows(still, still.scopes[0], _WAS)] == [("sent", "delivered", None, "wamid.9")]


@pytest.mark.parametrize(("standing", "status"), [("good", "active"), ("limited", "active"), ("stopped", "broken")])
async def test_an_account_changes(still: House, standing: Any, status: str) -> None:
    await _come(still, AccountChanged(account_key="x", app_id=None, event_key="x", change="QUALITY_RED", standing=standing))
    for number, expected in ((0, status), (1, "active")):
        last = "SELECT status, reason FROM channel_health WHERE tenant_id = $1 ORDER BY at DESC LIMIT 1"
        (row,) = await rows(still, still.scopes[number], last)
        assert (row["status"], row["reason"] == "QUALITY_RED") == (expected, number == 0)
