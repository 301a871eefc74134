"""Rules about what comes in: it is the provider's own, it is understood, and what is not understood does no harm."""

from __future__ import annotations

from datetime import timedelta

from konstruct.channels.port import ConversationKind, Echo, Ignored, InboundMessage
from konstruct.channels.port_abilities import Challenged, ReadsForms
from konstruct.channels.port_events import KINDS, stored
from konstruct.kit.ids import uuid7
from tests.channels.contract.harness import NOW, Harness
from tests.channels.contract.rule import rule

NONSENSE = [b"", b"secret", b"[]", b"null", b'{"secret":1}', b"\xff\xfe", b"[" * 100_000]


@rule()
async def the_providers_own_request_is_taken(harness: Harness) -> None:
    body = harness.bodies.message("hi")
    assert harness.adapter.verify(body, harness.sign(body, NOW), NOW) is None


@rule()
async def any_other_request_is_refused(harness: Harness) -> None:
    body = harness.bodies.message("hi")
    headers = harness.sign(body, NOW)
    verify = harness.adapter.verify
    assert verify(body + b" ", headers, NOW), "a changed body"
    assert verify(body, {}, NOW), "no headers"
    for name in headers:
        assert verify(body, {**headers, name: "é" + headers[name]}, NOW), f"{name} that is not ASCII"
        assert verify(body, {**headers, name: ""}, NOW), f"{name} that is empty"


@rule()
async def a_verification_request_is_answered(harness: Harness) -> None:
    if harness.bodies.handshake is not None:
        asked, answer = harness.bodies.handshake
        found = harness.adapter.handshake(asked, {})
        assert found is not None and (found.status, found.body) == (200, answer)
    assert harness.adapter.handshake(harness.bodies.message("hi"), {}) is None, "a message is no handshake"


@rule()
async def a_challenge_is_answered_to_who_knows_the_secret(harness: Harness) -> None:
    assert isinstance(harness.adapter, Challenged) == (harness.bodies.challenge is not None)
    if isinstance(harness.adapter, Challenged) and harness.bodies.challenge is not None:
        right, wrong, answer = harness.bodies.challenge
        found = harness.adapter.challenge(right)
        assert (found.status, found.body) == (200, answer)
        for query in (wrong, {}):
            refused = harness.adapter.challenge(query)
            assert refused.status == 403 and answer not in refused.body


@rule()
async def a_message_is_read(harness: Harness) -> None:
    (found,) = harness.adapter.parse(harness.bodies.message("Grüße 👋"), {})
    assert isinstance(found, InboundMessage)
    assert (found.text, found.addressed, found.sent_at.utcoffset()) == ("Grüße 👋", True, timedelta(0))
    assert found.post_keys and found.event_key and found.external_id and found.sender_id and found.channel_id
    assert found.account_key == harness.credentials[0].account_key, "it routes to the account"


@rule()
async def the_same_post_has_the_same_keys_and_another_has_others(harness: Harness) -> None:
    keys = []
    for text in ("one", "one", "two"):
        (found,) = harness.adapter.parse(harness.bodies.message(text), {})
        assert isinstance(found, InboundMessage)
        keys.append((found.event_key, found.post_keys))
    assert keys[0][0] not in keys[0][1], "a post whose key is its delivery's would be its own duplicate"
    assert keys[0] == keys[1] and keys[0][0] != keys[2][0] and not set(keys[0][1]) & set(keys[2][1])


@rule()
async def an_answer_goes_where_the_capabilities_say(harness: Harness) -> None:
    (found,) = harness.adapter.parse(harness.bodies.message("hi"), {})
    assert isinstance(found, InboundMessage)
    assert (found.thread_id is not None) == harness.caps.threads
    if not harness.caps.threads:
        assert found.conversation_kind is not ConversationKind.THREAD


@rule()
async def our_own_words_are_no_message(harness: Harness) -> None:
    for found in harness.adapter.parse(harness.bodies.own("what we said"), {}):
        assert not isinstance(found, InboundMessage), "the employee would answer itself"


@rule(only=lambda caps: caps.echoes)
async def an_echo_names_its_delivery(harness: Harness) -> None:
    assert harness.bodies.echo is not None
    delivery = uuid7()
    (found,) = harness.adapter.parse(harness.bodies.echo(delivery), {})
    assert isinstance(found, Echo) and found.delivery_id == delivery and found.external_id


@rule()
async def what_is_new_is_ignored(harness: Harness) -> None:
    found = harness.adapter.parse(harness.bodies.unknown, {})
    assert all(isinstance(each, Ignored) for each in found)


@rule()
async def nonsense_is_refused_without_a_word_of_it(harness: Harness) -> None:
    for body in NONSENSE:
        try:
            harness.adapter.parse(body, {})
        except ValueError as error:
            assert "secret" not in str(error) and str(error), body[:20]
        except Exception as error:
            raise AssertionError(f"{body[:20]!r} raises {type(error).__name__}") from error
        else:
            raise AssertionError(f"{body[:20]!r} is taken")


@rule()
async def the_events_of_the_capabilities_come(harness: Harness) -> None:
    caps = harness.caps
    wanted = {"receipt": caps.delivery_receipts, "reacted": caps.reactions, "commanded": caps.commands}
    wanted["pressed"] = caps.buttons_max > 0
    posted, forms = harness.bodies.events, harness.bodies.forms
    for name, has in wanted.items():
        assert (name in posted or name in forms) or not has, f"no sample of {name}"
    assert isinstance(harness.adapter, ReadsForms) == bool(forms)
    for name, body in (*posted.items(), *forms.items()):
        adapter = harness.adapter
        (found,) = (
            adapter.parse_form(body).inbound if name in forms and isinstance(adapter, ReadsForms) else adapter.parse(body, {})
        )
        assert type(found) is KINDS[name], name
        kind, values = stored(found)
        assert kind == name and values["event_key"] and values["account_key"] == harness.credentials[0].account_key


@rule(only=lambda caps: caps.read_receipts)
async def a_receipt_goes_as_far_as_read(harness: Harness) -> None:
    (found,) = harness.adapter.parse(harness.bodies.events["receipt"], {})
    assert getattr(found, "state", None) == "read" and getattr(found, "delivery", None)


@rule(only=lambda caps: caps.files_in)
async def a_file_is_named(harness: Harness) -> None:
    assert harness.bodies.attachment is not None
    (found,) = harness.adapter.parse(harness.bodies.attachment, {})
    assert isinstance(found, InboundMessage) and [file.get("name") for file in found.attachments] == ["notes.txt"]
