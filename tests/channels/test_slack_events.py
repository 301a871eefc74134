from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.channels.port import ConversationKind, Echo, Ignored, InboundMessage
from konstruct.channels.slack.events import handshake, parse
from tests.channels.properties import CALM
from tests.channels.slack_bodies import BOT, envelope, event, posted

DELIVERY = UUID("01990000-0000-7000-8000-000000000001")
METADATA = {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": str(DELIVERY)}}
OWN = {"user": "UBOT1", "bot_id": "B1", "app_id": "A1"}


def one(body: bytes) -> Any:
    (found,) = parse(body)
    return found


def test_channel_message() -> None:
    assert one(event(posted(client_msg_id="c-1", team="T9"))) == InboundMessage(
        account_key="T1",
        app_id="A1",
        event_key="slack:A1:Ev1",
        post_keys=("slack:T1:C1:1790000000.000200", "slack:T1:cm:c-1"),
        conversation_key="C1:1790000000.000200",
        conversation_kind=ConversationKind.THREAD,
        sender_id="U1",
        sender_name=None,
        text="hello",
        attachments=(),
        external_id="1790000000.000200",
        channel_id="C1",
        thread_id="1790000000.000200",
        addressed=False,
        sent_at=datetime.fromtimestamp(1790000000, UTC).replace(microsecond=200),
    )


@pytest.mark.parametrize(
    ("changes", "key", "kind", "thread", "addressed"),
    [
        ({}, "C1:1790000000.000200", "thread", "1790000000.000200", False),
        ({"thread_ts": "1780000000.000100"}, "C1:1780000000.000100", "thread", "1780000000.000100", False),
        ({"channel": "D1", "channel_type": "im"}, "D1", "direct", "1790000000.000200", True),
        ({"channel": "D1", "channel_type": None}, "D1", "direct", "1790000000.000200", True),
        ({"channel": "D1", "channel_type": "im", "thread_ts": "1780000000.000100"}, "D1", "direct", "1780000000.000100", True),
        ({"channel": "G1", "channel_type": "mpim"}, "G1:1790000000.000200", "thread", "1790000000.000200", False),
        ({"channel": "G1", "channel_type": "group"}, "G1:1790000000.000200", "thread", "1790000000.000200", False),
        ({"type": "app_mention"}, "C1:1790000000.000200", "thread", "1790000000.000200", True),
        ({"text": "hi <@UBOT1>, you?"}, "C1:1790000000.000200", "thread", "1790000000.000200", True),
        ({"text": "hi <@UBOT1|kay>"}, "C1:1790000000.000200", "thread", "1790000000.000200", True),
        ({"text": "hi <@UBOT12>"}, "C1:1790000000.000200", "thread", "1790000000.000200", False),
        ({"subtype": "file_share"}, "C1:1790000000.000200", "thread", "1790000000.000200", False),
        ({"subtype": "thread_broadcast"}, "C1:1790000000.000200", "thread", "1790000000.000200", False),
        ({"subtype": "me_message"}, "C1:1790000000.000200", "thread", "1790000000.000200", False),
        ({"user": "W9", "text": ""}, "C1:1790000000.000200", "thread", "1790000000.000200", False),
    ],
)
def test_accepted(changes: dict[str, Any], key: str, kind: str, thread: str, addressed: bool) -> None:
    found = one(event(posted(**changes)))
    assert isinstance(found, InboundMessage)
    assert (found.conversation_key, found.conversation_kind, found.thread_id, found.addressed) == (key, kind, thread, addressed)


def test_mention_and_message_share_a_post_key() -> None:
    message = one(event(posted(client_msg_id="c-1", team="T1", text="<@UBOT1>"), event_id="Ev1"))
    mention = one(event(posted(type="app_mention", text="<@UBOT1>"), event_id="Ev2"))
    assert set(message.post_keys) & set(mention.post_keys) and message.event_key != mention.event_key


@pytest.mark.parametrize(
    "changes",
    [
        {"bot_id": "B9"},
        {"bot_profile": {"app_id": "A9"}},
        {"subtype": "bot_message", "bot_id": "B9"},
        {"subtype": "bot_message"},
        {"bot_id": "B9", "app_id": "A9", "metadata": METADATA},
        {"user": "USLACK"},
        {"user": "USLACKBOT"},
        {"user": None},
        {"hidden": True},
        {"subtype": "message_changed", **OWN},
        {"subtype": "message_replied"},
        {"subtype": "channel_join"},
        {"subtype": "channel_topic"},
        {"subtype": "assistant_app_thread"},
        {"subtype": "never seen"},
        {"type": "reaction_added"},
        {"type": "app_home_opened"},
        {"type": "app_home_opened", "tab": "about"},
        {"type": "member_joined_channel"},
        {"type": "member_left_channel", "user": "UBOT1"},
        {"type": "channel_left"},
        {"type": "channel_archive"},
        {"type": 5},
        {"type": None},
        {"type": "message_metadata_posted", "app_id": "A9", "metadata": METADATA},
    ],
)
def test_ignored(changes: dict[str, Any]) -> None:
    assert isinstance(one(event(posted(**changes))), Ignored)


@pytest.mark.parametrize("body", [b'{"type":"app_rate_limited"}', b'{"type":"url_verification"}', b'{"type":"x"}'])
def test_other_deliveries_are_ignored(body: bytes) -> None:
    assert isinstance(one(body), Ignored)


@pytest.mark.parametrize(
    ("changes", "delivery"),
    [
        ({**OWN, "metadata": METADATA}, DELIVERY),
        ({**OWN, "metadata": METADATA, "subtype": "bot_message"}, DELIVERY),
        ({"user": "UBOT1", "bot_id": "B1", "bot_profile": {"app_id": "A1"}, "metadata": METADATA}, DELIVERY),
        ({"user": "UBOT1"}, None),
        (OWN, None),
        ({**OWN, "metadata": {**METADATA, "event_type": "other"}}, None),
        ({**OWN, "metadata": {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": "x" * 36}}}, None),
        ({**OWN, "metadata": {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": 7}}}, None),
        ({**OWN, "metadata": [1]}, None),
    ],
)
def test_own_posts_are_echoes(changes: dict[str, Any], delivery: UUID | None) -> None:
    found = one(event(posted(thread_ts="1780000000.000100", **changes)))
    assert isinstance(found, Echo)
    assert (found.delivery_id, found.external_id, found.thread_id) == (delivery, "1790000000.000200", "1780000000.000100")


def test_metadata_event_is_an_echo() -> None:
    body = {"type": "message_metadata_posted", "app_id": "A1", "channel_id": "C1", "message_ts": "1790000000.000200"}
    found = one(event({**body, "metadata": METADATA}))
    assert isinstance(found, Echo)
    assert (found.delivery_id, found.channel_id, found.external_id) == (DELIVERY, "C1", "1790000000.000200")


@pytest.mark.parametrize(
    ("changes", "account"),
    [
        ({}, "T1"),
        ({"team_id": "T9"}, "T1"),
        ({"authorizations": [{**BOT, "enterprise_id": "E1", "is_enterprise_install": True}]}, "E1"),
        ({"authorizations": [{**BOT, "enterprise_id": "E1"}]}, "T1"),
        ({"authorizations": [{**BOT, "is_enterprise_install": True}], "team_id": "T9"}, "T9"),
        ({"authorizations": [], "team_id": "T9"}, "T9"),
        ({"authorizations": None, "team_id": "T9"}, "T9"),
        ({"authorizations": [None, 5], "team_id": "T9"}, "T9"),
    ],
)
def test_account(changes: dict[str, Any], account: str) -> None:
    found = one(event(posted(), **changes))
    assert found.account_key == account and found.post_keys[0] == f"slack:{account}:C1:1790000000.000200"


@pytest.mark.parametrize(
    ("changes", "around"),
    [
        ({"channel": None}, {}),
        ({"channel": 5}, {}),
        ({"channel": "C 1"}, {}),
        ({"channel": "C" * 65}, {}),
        ({"channel": "C1:2"}, {}),
        ({"ts": None}, {}),
        ({"ts": 1790000000.0002}, {}),
        ({"ts": "now"}, {}),
        ({"ts": "1e9.0"}, {}),
        ({"ts": "99999999999999.000001"}, {}),
        ({"ts": "١.٢"}, {}),
        ({"thread_ts": 7}, {}),
        ({"thread_ts": {"x": None}}, {}),
        ({"text": 5}, {}),
        ({"text": ["a"]}, {}),
        ({"user": {"id": "U1"}}, {}),
        ({"user": ["U1"]}, {}),
        ({"user": 10**400}, {}),
        ({"user": ""}, {}),
        ({"subtype": ["x"]}, {}),
        ({**OWN, "ts": None}, {}),
        ({**OWN, "channel": None}, {}),
        ({}, {"event_id": None}),
        ({}, {"event_id": 5}),
        ({}, {"event_id": "E" * 1000}),
        ({}, {"api_app_id": ["A1"]}),
        ({}, {"api_app_id": ""}),
        ({}, {"event": None}),
        ({}, {"event": "x"}),
        ({}, {"event": []}),
        ({}, {"type": None}),
        ({}, {"type": ["event_callback"]}),
        ({}, {"authorizations": [], "team_id": None}),
    ],
)
def test_refused_without_content(changes: dict[str, Any], around: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^[a-zA-Z_, ]+$"):
        parse(event(posted(**changes), **around))


@pytest.mark.parametrize("body", [b"", b"{", b"nan", b"\xff", b"5", b'"x"', b"[" * 500_000, b'{"a":' * 100_000, b"9" * 100_000])
def test_refused_bodies(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[a-zA-Z ]+$"):
        parse(body)


def test_strange_text_is_kept_storable() -> None:
    body = json.dumps(envelope(posted(text="a\x00b\ud83dc👋"))).encode()
    assert b"\\ud83dc" in body
    assert one(body).text == "ab\ufffdc👋"


def test_enormous_text_is_kept() -> None:
    assert len(one(event(posted(text="x" * 1_000_000))).text) == 1_000_000


def test_files_only() -> None:
    file = {
        "id": "F1",
        "name": "a\x00.pdf",
        "mimetype": "application/pdf",
        "size": 12,
        "url_private_download": "https://files.slack.com/a",
        "title": "left out",
    }
    odd = {"id": 5, "size": -1, "name": None}
    found = one(event(posted(text=None, subtype="file_share", files=[file, odd, "x", None])))
    kept = {name: value for name, value in file.items() if name != "title"} | {"name": "a.pdf"}
    assert (found.text, found.attachments) == ("", (kept, {}))


@pytest.mark.parametrize(
    ("profile", "name"),
    [({"display_name": " ", "real_name": "Ann"}, "Ann"), ({"name": 5}, None), (None, None), ({"name": "x" * 900}, "x" * 200)],
)
def test_sender_name(profile: object, name: str | None) -> None:
    assert one(event(posted(user_profile=profile))).sender_name == name


@pytest.mark.parametrize("ts", ["0.000001", "1790000000.999999", "1790000000.1", "4294967296.123456"])
def test_time_is_exact(ts: str) -> None:
    seconds, _, micros = ts.partition(".")
    sent_at = one(event(posted(ts=ts))).sent_at
    assert sent_at == datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micros.ljust(6, "0")))


def test_handshake() -> None:
    found = handshake(b'{"type":"url_verification","challenge":"abc"}')
    assert found is not None and (found.status, found.body, found.content_type) == (200, b"abc", "text/plain; charset=utf-8")
    for body in (b"", b"[]", event(posted()), b'{"type":"url_verification"}', b'{"type":"url_verification","challenge":5}'):
        assert handshake(body) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    *("type", "subtype", "channel", "channel_type", "user", "bot_id", "app_id", "bot_profile", "ts", "thread_ts", "text"),
    *("client_msg_id", "files", "metadata", "hidden", "user_profile", "channel_id", "message_ts"),
]
USUAL = st.sampled_from(["message", "app_mention", "message_metadata_posted", "A1", "B1", "UBOT1", "1790000000.000200", "im"])


@settings(CALM, max_examples=400)
@given(
    st.dictionaries(st.sampled_from(FIELDS), USUAL | JSON), st.dictionaries(st.sampled_from(list(envelope({}))), JSON, max_size=2)
)
def test_parse_raises_only_value_errors(changes: dict[str, Any], around: dict[str, Any]) -> None:
    body = json.dumps({**envelope(posted(**changes)), **around}).encode()
    try:
        found = parse(body)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 80
    else:
        assert len(found) == 1


@settings(CALM, max_examples=200)
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(body: bytes) -> None:
    handshake(body)
    try:
        parse(body)
    except ValueError as error:
        assert len(str(error)) < 80
