"""What Meta bills counts once for each message, whatever the order and number of its statuses; who is taken for an AI is told."""

from __future__ import annotations

import csv
import itertools
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.channels import charges
from konstruct.channels.charges import Charges, charge_of
from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import Receipt
from tests.quality.numbers import Numbers, sent
from tests.support.house import House
from tests.support.portal import open_portal

_AT = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
_TODAY = date(2026, 11, 25)


def _receipt(state: Any, external_id: str, channel_id: str, priced: tuple[Any, ...] | None = None, at: float = _AT) -> Receipt:
    category, billable, kind = priced or (None, None, None)
    return Receipt(
        account_key="x", app_id=None, event_key="x", channel_id=channel_id, external_id=external_id, state=state, at=at,
        charged_as=category, billable=billable, charge_type=kind, charge_model="PMP" if priced else None,
    )  # fmt: skip


def test_what_holds_does_not_depend_on_the_order() -> None:
    told = [("sent", ("service", True, "regular")), ("delivered", ("utility", True, "regular")), ("read", None), ("failed", None)]

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.sampled_from(told), max_size=8))
    def holds(statuses: list[tuple[str, Any]]) -> None:
        held = None
        for state, priced in statuses:
            new = charge_of(_receipt(state, "x", "y", priced))
            if new is not None and (held is None or new.rank > held.rank):
                held = new
        said = {state for state, priced in statuses if priced is not None or state == "failed"}
        furthest = next((state for state in ("delivered", "failed", "sent") if state in said), None)
        expected = {"delivered": "utility", "sent": "service", "failed": None, None: None}[furthest]
        assert (held.category if held else None) == expected, statuses

    holds()
    odd = charge_of(_receipt("sent", "x", "y", ("Some New\x00Kind!", None, "")))
    assert odd is not None and (odd.category, odd.billable, odd.charge_type) == ("some_new_kind", True, "")


async def _come(numbers: Numbers, *receipts: Receipt, business: int = 0) -> None:
    handle = Charges(numbers.db)
    for receipt in receipts:
        await handle(Received(numbers.scopes[business], numbers.accounts[business], receipt, 1, 0.0))


async def _counted(numbers: Numbers, business: int = 0) -> list[tuple[Any, ...]]:
    rows = await numbers.rows(
        "SELECT day, category, billable, charge_type, pricing_model, sum(messages) AS n FROM charge_days"
        " WHERE tenant_id = $1 AND messages > 0 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4",
        business=business,
    )
    return [tuple(row) for row in rows]


async def _messages(numbers: Numbers, business: int = 0) -> list[tuple[str, str, UUID]]:
    rows = await numbers.rows(
        "SELECT external_id, channel_id, conversation_id FROM deliveries WHERE tenant_id = $1 ORDER BY id", business=business
    )
    return [tuple(row) for row in rows]


async def test_each_message_counts_once(numbers: Numbers) -> None:
    for business in (0, 1):
        await sent(numbers, 3, business=business)
    (one, two, three), [other, *_] = await _messages(numbers), await _messages(numbers, 1)
    service, free, marketing = ("service", True, "regular"), ("service", False, "free_customer_service"), ("marketing", True, "x")
    steps = [_receipt(state, *one[:2], service) for state in ("sent", "delivered", "read")]
    for order in itertools.permutations(steps):
        await _come(numbers, *order, *order)
    assert await _counted(numbers) == [(_TODAY, "service", True, "regular", "pmp", 1)]
    # What was sent and not delivered costs nothing; a later status that says otherwise holds.
    await _come(numbers, _receipt("sent", *two[:2], marketing), _receipt("failed", *two[:2]))
    await _come(numbers, _receipt("sent", *three[:2], service, at=_AT - 86400), _receipt("delivered", *three[:2], free))
    expected = [(_TODAY, "service", False, "free_customer_service", "pmp", 1), (_TODAY, "service", True, "regular", "pmp", 1)]
    assert await _counted(numbers) == expected
    await _come(numbers, _receipt("sent", *three[:2], service), _receipt("sent", *two[:2], marketing))
    assert await _counted(numbers) == expected, "what comes late says nothing new"
    # Another business's message, a message of nobody, and one that says no price.
    await _come(numbers, _receipt("delivered", *other[:2], service), _receipt("read", "nobody's", "x", service))
    await _come(numbers, _receipt("read", *one[:2]))
    assert (await _counted(numbers), await _counted(numbers, 1)) == (expected, [])
    kept = await numbers.rows("SELECT DISTINCT conversation_id FROM charge_days WHERE tenant_id = $1 AND messages > 0")
    assert {row["conversation_id"] for row in kept} == {one[2], three[2]}


async def test_a_general_ai_is_told_at_once(numbers: Numbers) -> None:
    await sent(numbers, 2)
    one, two = await _messages(numbers)
    for message in (one, one, two):
        await _come(numbers, _receipt("sent", *message[:2], (charges.GENERAL_AI, True, "regular")))
    [notice] = await numbers.rows("SELECT kind, severity, count, title FROM notices WHERE tenant_id = $1")
    assert (notice["kind"], notice["severity"], notice["count"]) == ("number_priced_as_ai", "critical", 1)
    row = await numbers.standing()
    assert row["ai_priced"] == 3 and row["ai_priced_at"] is not None and row["level"] == "open", "it is told, and stops nothing"
    assert await numbers.notices(1) == []


async def test_usage_shows_them(numbers: Numbers, web: House) -> None:
    await sent(numbers, 3)
    one, two, three = await _messages(numbers)
    await _come(
        numbers,
        _receipt("delivered", *one[:2], ("service", True, "regular")),
        _receipt("delivered", *two[:2], ("service", False, "free_customer_service")),
        _receipt("delivered", *three[:2], ("marketing", True, "regular")),
    )
    days = "from=2026-11-01&to=2026-11-30"
    async with open_portal(web, numbers.scopes[0], "viewer") as person:
        page = (await person.get(f"/usage?{days}")).text
        assert "Answers to people who wrote" in page and "Marketing" in page and "As WhatsApp" not in page
        file = await person.get(f"/usage.csv?{days}&by=messages")
        rows = [(row["category"], row["billed"], row["messages"]) for row in csv.DictReader(file.text.splitlines())]
        assert rows == [("marketing", "yes", "1"), ("service", "no", "1"), ("service", "yes", "1")]
        assert (await person.get("/usage?from=2026-10-01&to=2026-10-31")).text.count("Answers to people who wrote") == 0
    async with open_portal(web, numbers.scopes[1], "viewer") as stranger:
        assert "Answers to people who wrote" not in (await stranger.get(f"/usage?{days}")).text
