"""One broken adapter for each rule: the test adapter with one thing wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from konstruct.channels.port import (
    Absent,
    ConversationKind,
    Credential,
    Echo,
    Failed,
    FindOutcome,
    Handshake,
    Inbound,
    InboundMessage,
    Post,
    Retry,
    SendOutcome,
    Sent,
    Target,
    Unknown,
)
from konstruct.channels.port_events import Pressed, Receipt
from konstruct.conversations.part import Part
from konstruct.kit.ids import uuid7
from tests.channels.contract.plain_adapter import PlainAdapter

BROKEN: dict[str, Callable[[str], PlainAdapter]] = {}
"""By the rule that must notice."""


def breaks(rule: str) -> Callable[[type[PlainAdapter]], type[PlainAdapter]]:
    """Enter the class under the rule it breaks."""

    def enter(broken: type[PlainAdapter]) -> type[PlainAdapter]:
        assert rule not in BROKEN
        BROKEN[rule] = broken
        return broken

    return enter


def _changed(rule: str, **methods: Any) -> None:
    breaks(rule)(type(f"Broken{len(BROKEN)}", (PlainAdapter,), methods))


def _caps(rule: str, **changes: Any) -> None:
    _changed(rule, caps=replace(PlainAdapter.caps, **changes))


def _parsed(change: Callable[[Inbound], Inbound]) -> Any:
    def parse(self: PlainAdapter, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        return [change(each) for each in PlainAdapter.parse(self, body, headers)]

    return parse


def _message(**changes: Any) -> Any:
    return _parsed(lambda each: replace(each, **changes) if isinstance(each, InboundMessage) else each)


def _after(change: Callable[[SendOutcome], SendOutcome]) -> Any:
    async def send(self: PlainAdapter, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        return change(await PlainAdapter.send(self, post, credential, timeout_s))

    return send


_changed("the_providers_own_request_is_taken", verify=lambda self, body, headers, now: "never")
_changed("any_other_request_is_refused", verify=lambda self, body, headers, now: None)
_changed(
    "a_verification_request_is_answered",
    handshake=lambda self, body, headers: Handshake(200, b"") if b"text" in body else None,
)
_changed(
    "a_challenge_is_answered_to_who_knows_the_secret",
    challenge=lambda self, query: Handshake(200, query.get("echo", "").encode()),
)
_changed("a_message_is_read", parse=_message(addressed=False))
_changed("an_answer_goes_where_the_capabilities_say", parse=_message(thread_id="t1", conversation_kind=ConversationKind.THREAD))
_changed("what_is_new_is_ignored", parse=_parsed(lambda each: each if isinstance(each, InboundMessage | Receipt | Pressed) else Echo("shop", None, "k", None, "p1", None, "1", "")))  # fmt: skip  # noqa: E501
_changed(
    "the_events_of_the_capabilities_come",
    parse=_parsed(lambda each: replace(each, event_key="") if isinstance(each, Pressed) else each),
)
_changed(
    "a_receipt_goes_as_far_as_read",
    parse=_parsed(lambda each: replace(each, state="delivered") if isinstance(each, Receipt) else each),
)


@breaks("the_same_post_has_the_same_keys_and_another_has_others")
class _RandomKeys(PlainAdapter):
    def parse(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        found = super().parse(body, headers)
        return [replace(each, event_key=str(uuid7())) if isinstance(each, InboundMessage) else each for each in found]


@breaks("our_own_words_are_no_message")
class _TalksToItself(PlainAdapter):
    def parse(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        return super().parse(body.replace(b'"from": "shop"', b'"from": "p9"'), headers)


@breaks("nonsense_is_refused_without_a_word_of_it")
class _TellsAll(PlainAdapter):
    def parse(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        try:
            return super().parse(body, headers)
        except ValueError:
            raise ValueError(f"cannot read {body[:40]!r}") from None


def _rendered(change: Callable[[list[Part]], list[Part]]) -> Any:
    return lambda self, text, target: change(PlainAdapter.render(self, text, target))


_changed("parts_keep_to_the_limits", render=_rendered(lambda parts: [replace(p, text=p.text + " ☎" * 3) if len(p.text.encode()) > 455 else p for p in parts]))  # fmt: skip  # noqa: E501
_changed(
    "what_shows_nothing_is_no_part", render=lambda self, text, target: PlainAdapter.render(self, text, target) or [Part("…")]
)
_changed(
    "nothing_is_lost_on_the_way", render=_rendered(lambda parts: [replace(p, text=p.text.replace("nine", "ten")) for p in parts])
)
_changed("a_shortened_answer_says_so", render=_rendered(lambda parts: [replace(p, text=p.text.removesuffix(" (There is more: ask me for the rest.)")) for p in parts]))  # fmt: skip  # noqa: E501
_changed("no_signs_of_markup_are_shown", render=lambda self, text, target: PlainAdapter.render(self, text.replace("**", "* *"), target) if "# " not in text else [Part(text)])  # fmt: skip  # noqa: E501
_caps("abilities_are_what_the_capabilities_say", revoke=True)

_changed("only_a_dead_token_breaks_the_account", send=_after(lambda found: replace(found, account_broken=True) if isinstance(found, Failed) and found.content else found))  # fmt: skip  # noqa: E501
_changed("refused_words_are_told_from_a_refused_place", send=_after(lambda found: replace(found, content=False) if isinstance(found, Failed) else found))  # fmt: skip  # noqa: E501
_changed(
    "a_wait_is_as_long_as_the_provider_says",
    send=_after(lambda found: replace(found, after_s=1.0) if isinstance(found, Retry) else found),
)
_changed(
    "a_closed_window_is_a_refusal",
    send=_after(lambda found: Retry(60.0, "window_closed") if found == Failed("window_closed") else found),
)


@breaks("only_forms_that_the_channel_has")
class _SendsFiles(PlainAdapter):
    def render(self, text: str, target: Target) -> list[Part]:
        parts = super().render(text, target)
        return [*parts, Part(text, "file")] if len(parts) == self.caps.parts_max and "word" in text else parts


@breaks("without_a_connection_it_is_tried_again")
class _KnowsNothing(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        found = await super().send(post, credential, timeout_s)
        return Unknown("no_connection") if found == Retry(2.0, "no_connection") and timeout_s > 0 else found


@breaks("every_outcome_is_honest")
class _Hopes(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        found = await super().send(post, credential, timeout_s)
        return Retry(1.0, found.reason) if isinstance(found, Unknown) and found.reason == "unreadable_answer" else found


@breaks("a_send_is_one_call")
class _TriesAgain(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        found = await super().send(post, credential, timeout_s)
        if isinstance(found, Retry) and found.reason == "slow_down":
            return await super().send(post, credential, timeout_s)
        return found


@breaks("a_kept_connection_repeats_nothing")
class _RepeatsOnAKeptConnection(PlainAdapter):
    used = 0

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        self.used += 1
        found = await super().send(post, credential, timeout_s)
        if found == Unknown("connection_lost") and self.used == 2:
            return await super().send(post, credential, timeout_s)
        return found


@breaks("each_send_reaches_its_own_account")
class _KeepsTheFirstToken(PlainAdapter):
    _first: str | None = None

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        if credential.account_key == "cafe":
            credential = replace(credential, token="token-canary-one")
        return await super().send(post, credential, timeout_s)


@breaks("nothing_is_written_when_the_time_is_over")
class _IsPatient(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        return await super().send(post, credential, max(timeout_s, 1.0))


@breaks("a_call_without_an_answer_ends_in_time")
class _GivesUpTooEasily(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        began = time.monotonic()
        found = await super().send(post, credential, timeout_s)
        return Retry(1.0, "timeout") if time.monotonic() - began >= timeout_s > 0 else found


@breaks("a_send_leaves_a_trace")
class _LeavesNoTrace(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        return await super().send(replace(post, delivery_id=uuid7()), credential, timeout_s)


@breaks("a_send_is_found_where_there_is_a_history")
class _SaysThatThereIsNothing(PlainAdapter):
    async def find(self, post: Post, since: datetime, credential: Credential) -> FindOutcome:
        return Absent() if await self.health(credential) is None else Failed("no_history")


@breaks("reads_never_raise")
class _Raises(PlainAdapter):
    async def health(self, credential: Credential) -> str | None:
        if (found := await super().health(credential)) == "http_429":
            raise RuntimeError
        return found


@breaks("health_tells_a_good_token_from_others")
class _TakesAnyAccount(PlainAdapter):
    async def health(self, credential: Credential) -> str | None:
        found = await super().health(credential)
        return None if found == "wrong_account" else found


@breaks("a_token_that_is_none_is_never_sent")
class _SendsAnyToken(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        found = await super().send(post, credential, timeout_s)
        return found if credential.token else Failed("no_token")


@breaks("the_sign_of_work_is_as_the_capabilities_say")
class _ShowsItsWork(PlainAdapter):
    async def working(self, target: Target, credential: Credential, active: bool) -> None:
        await self.send(Post(uuid7(), target, "…"), credential, 5.0)


@breaks("buttons_are_shown_with_their_labels")
class _HidesButtons(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        return await super().send(replace(post, buttons=()), credential, timeout_s)


_caps("choices_that_find_no_room_stand_in_the_text", button_label_max=5)


@breaks("nothing_of_a_message_is_logged_or_kept")
class _Logs(PlainAdapter):
    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        found = await super().send(post, credential, timeout_s)
        if isinstance(found, Sent):
            logging.getLogger("pigeon").debug("sent %s", post.text)
        await asyncio.sleep(0)
        return found
