"""Every payload of a day made wrong: the parser raises one error without content, the webhook never fails, no bot is heard."""

from __future__ import annotations

import random
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.channels.port import Echo, Ignored, Inbound, InboundMessage
from konstruct.channels.port_events import restored, stored
from konstruct.channels.slack import payload
from konstruct.channels.slack.events import handshake, parse
from tests.bad_input.support import all_answered, one_answer_to, post, rows
from tests.channels.properties import CALM
from tests.support.happened import handle
from tests.support.house import House
from tests.support.mutations import mutated
from tests.support.slack_corpus import a_day, body_of
from tests.support.slack_events import Team

FILES: list[dict[str, Any]] = [
    {"id": "F1", "name": "a.txt", "mimetype": "text/plain", "size": 3, "mode": "hosted", "url_private_download": "https://x/"},
    {"id": "F2", "file_access": "check_file_info"},
]
TEAM, ORGANISATION = Team("T1", "A1", "UBOT1", "xoxb-1"), Team("E1", "A1", "WBOT1", "xoxb-2")
DAY = a_day(TEAM, ORGANISATION, FILES).deliveries


def check(body: bytes, found: Inbound) -> None:
    """Check what may be made of a body, whatever it says."""
    data = payload.load(body)
    event = payload.mapping(data, "event")
    if isinstance(found, InboundMessage):
        assert not event.get("bot_id") and not event.get("bot_profile") and not event.get("hidden")
        assert event.get("subtype") in (None, "file_share", "thread_broadcast", "me_message")
        bots = [each.get("user_id") for each in payload.items(data, "authorizations") if each.get("is_bot") is True]
        assert found.sender_id not in (*bots[:1], "USLACK", "USLACKBOT")
        _storable([found.text, found.sender_name or "", found.attachments, found.context])
    elif not isinstance(found, Echo | Ignored):
        kind, values = stored(found)
        kept = orjson.loads(orjson.dumps(values, default=dict))
        assert type(restored(kind, kept)) is type(found) and found.event_key and found.account_key
        _storable(kept)


def _storable(value: Any) -> None:
    """PostgreSQL refuses NUL characters and lone surrogates, in a text and in JSON alike."""
    assert b"\\u0000" not in orjson.dumps(value, default=dict)


@settings(CALM, max_examples=600)
@given(st.integers(0, len(DAY) - 1), st.integers(0, 2**32))
def test_the_parser_raises_one_error_only_and_hears_no_bot(which: int, seed: int) -> None:
    body = mutated(DAY[which], random.Random(seed))
    handshake(body)
    try:
        (found,) = parse(body)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 80
        assert not any(word in str(error) for word in ("ask", "hush")), "an error quotes nobody"
    else:
        check(body, found)


async def test_the_webhook_never_fails_and_nobody_is_answered_twice(house: House) -> None:
    """Two of each kind of payload, twice each, in one mixed order; then everybody who asks is still heard."""
    team, organisation = house.teams
    pick = random.Random("payloads")
    whole = a_day(team, organisation, FILES).deliveries
    bodies = [mutated(delivery, pick) for delivery in whole for _ in range(2)]
    bodies = [*bodies, *bodies, b"", b"null", b"[]", b"{" * 1000, b"\xff\xfe", b'{"type":' * 5000]
    pick.shuffle(bodies)
    for body in bodies:
        status, _ = await post(house, body)
        assert status in (200, 400), body[:2000]
    await handle(house)
    await all_answered(house)
    assert await one_answer_to(house, team, "D1")
    for number in range(2):
        turns = [row["turn_id"] for row in await rows(house, "deliveries", number) if row["turn_id"] and row["part"] == 0]
        assert len(turns) == len(set(turns))
    assert (await post(house, b'{"type":"event_callback","x":"' + b"x" * (1 << 20) + b'"}'))[0] == 413


def test_the_day_holds_what_slack_sends() -> None:
    """A payload that is not read as it is meant proves nothing when it is made wrong."""
    seen = {type(found).__name__ for delivery in DAY for found in parse(body_of(delivery))}
    assert seen == {"InboundMessage", "Echo", "Ignored", "Edited", "Deleted", "Opened", "Looked", "Joined"}
