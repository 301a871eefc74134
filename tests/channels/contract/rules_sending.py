"""Rules about what goes out: one call, an honest outcome, the right account, and nothing of it anywhere else."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime

from konstruct.channels.port import WRONG_ACCOUNT, Absent, Failed, Post, Retry, SendOutcome, Sent, Unknown
from konstruct.channels.port_abilities import Judging
from konstruct.channels.surface import rendered
from konstruct.conversations.part import Button
from konstruct.kit.ids import uuid7
from tests.channels.contract.harness import HANG_S, SEND_S, Harness
from tests.channels.contract.rule import rule

FAULTS: dict[str, tuple[type[SendOutcome], bool]] = {
    # what goes wrong: the outcome, and whether the provider showed the message all the same
    "rate limit": (Retry, False),
    "refused for good": (Failed, False),
    "refused words": (Failed, False),
    "error 500, not shown": (Unknown, False),
    "error 500, shown": (Unknown, True),
    "page of HTML": (Unknown, True),
    "garbage": (Unknown, True),
    "a list": (Unknown, True),
    "empty body": (Unknown, True),
    "reset, not shown": (Unknown, False),
    "reset, shown": (Unknown, True),
    "redirect": (Unknown, False),
    "dead token": (Failed, False),
}
RATE_LIMIT_S = 7.0
"""What the provider asks for at a rate limit."""


@rule()
async def each_send_reaches_its_own_account(harness: Harness) -> None:
    first, second = harness.credentials
    assert isinstance(await harness.send(harness.post("for one", 0), 0), Sent)
    assert isinstance(await harness.send(harness.post("for two", 1), 1), Sent)
    assert (list(harness.provider.seen(first)), list(harness.provider.seen(second))) == (["for one"], ["for two"])
    crossed = await harness.adapter.send(harness.post("astray", 1), first, SEND_S)
    assert isinstance(crossed, Failed) and harness.provider.shown() == 2


@rule()
async def every_outcome_is_honest(harness: Harness) -> None:
    for fault, (outcome, shown) in FAULTS.items():
        before = harness.provider.shown()
        harness.provider.fault(fault)
        found = await harness.send()
        harness.provider.mend()
        assert isinstance(found, outcome), f"{fault}: {found}"
        assert harness.provider.shown() - before == int(shown), fault


@rule()
async def a_send_is_one_call(harness: Harness) -> None:
    for fault in FAULTS:
        before = harness.provider.asked()
        harness.provider.fault(fault)
        await harness.send()
        harness.provider.mend()
        assert harness.provider.asked() - before == 1, fault


@rule()
async def only_a_dead_token_breaks_the_account(harness: Harness) -> None:
    for fault, (outcome, _) in FAULTS.items():
        if outcome is Failed:
            harness.provider.fault(fault)
            found = await harness.send()
            assert isinstance(found, Failed) and found.account_broken is (fault == "dead token"), fault
            harness.provider.mend()


@rule()
async def refused_words_are_told_from_a_refused_place(harness: Harness) -> None:
    for fault, content in (("refused words", True), ("refused for good", False)):
        harness.provider.fault(fault)
        found = await harness.send()
        assert isinstance(found, Failed) and found.content is content, fault


@rule()
async def a_wait_is_as_long_as_the_provider_says(harness: Harness) -> None:
    harness.provider.fault("rate limit")
    found = await harness.send()
    assert isinstance(found, Retry) and found.after_s == RATE_LIMIT_S


@rule()
async def a_kept_connection_repeats_nothing(harness: Harness) -> None:
    await harness.send()
    harness.provider.fault("reset, shown")
    assert isinstance(await harness.send(), Unknown)
    assert (harness.provider.asked(), harness.provider.shown()) == (2, 2)


@rule()
async def without_a_connection_it_is_tried_again(harness: Harness) -> None:
    await harness.provider.down()
    assert isinstance(await harness.send(), Retry)


@rule()
async def nothing_is_written_when_the_time_is_over(harness: Harness) -> None:
    assert isinstance(await harness.send(), Sent)
    assert isinstance(await harness.send(timeout_s=-1.0), Retry)
    assert harness.provider.asked() == 1


@rule(slow=True)
async def a_call_without_an_answer_ends_in_time(harness: Harness) -> None:
    harness.provider.fault("hangs, shown")
    assert isinstance(await harness.send(timeout_s=HANG_S), Unknown)
    assert (harness.provider.asked(), harness.provider.shown()) == (1, 1)


@rule()
async def a_send_leaves_a_trace(harness: Harness) -> None:
    """Without our id at the provider's, nobody could ever say what became of an unknown send."""
    post = harness.post()
    assert isinstance(await harness.send(post), Sent)
    assert list(harness.provider.trace(harness.credentials[0])) == [post.delivery_id]


@rule()
async def a_send_is_found_where_there_is_a_history(harness: Harness) -> None:
    sent, other, before = harness.post(), harness.post(), datetime.now(UTC)
    outcome = await harness.send(sent)
    found = await harness.adapter.find(sent, before, harness.credentials[0])
    if harness.caps.history:
        assert found == outcome
        assert isinstance(await harness.adapter.find(other, before, harness.credentials[0]), Absent)
    else:
        assert isinstance(found, Failed), "who cannot look must not say that there is nothing"


@rule()
async def reads_never_raise(harness: Harness) -> None:
    for fault in FAULTS:
        harness.provider.fault(fault)
        await harness.adapter.working(harness.targets[0], harness.credentials[0], active=True)
        assert await harness.adapter.health(harness.credentials[0]), fault
        found = await harness.adapter.find(harness.post(), datetime.now(UTC), harness.credentials[0])
        assert isinstance(found, Retry | Failed), fault
        harness.provider.mend()


@rule()
async def health_tells_a_good_token_from_others(harness: Harness) -> None:
    good, foreign = harness.credentials
    assert await harness.adapter.health(good) is None
    assert await harness.adapter.health(replace(good, token="stale")) not in (None, WRONG_ACCOUNT)
    assert await harness.adapter.health(replace(good, token=foreign.token)) == WRONG_ACCOUNT, "another business's token"


@rule()
async def a_token_that_is_none_is_never_sent(harness: Harness) -> None:
    for token in ("", "two words", "line\nX-Other: 1", "ключ", "\x00"):
        found = await harness.adapter.send(harness.post(), replace(harness.credentials[0], token=token), SEND_S)
        assert isinstance(found, Failed) and found.account_broken, repr(token)
    assert harness.provider.asked() == 0


@rule(only=lambda caps: caps.typing == "indicator")
async def without_a_message_heard_there_is_no_sign(harness: Harness) -> None:
    """Nothing is marked as read that nobody was heard to say."""
    for active in (True, False):
        await harness.adapter.working(replace(harness.targets[0], heard_id=None), harness.credentials[0], active=active)
    assert (harness.provider.asked(), harness.provider.signs()) == (0, 0)
    await harness.adapter.working(harness.targets[0], harness.credentials[0], active=False)
    assert harness.provider.signs() == 0, "what was heard is marked as read, and nobody is at work"


@rule()
async def the_sign_of_work_is_as_the_capabilities_say(harness: Harness) -> None:
    await harness.adapter.working(harness.targets[0], harness.credentials[0], active=True)
    assert harness.provider.signs() == int(harness.caps.typing != "none")
    assert harness.provider.shown() == 0


@rule(only=lambda caps: caps.buttons_max > 0)
async def buttons_are_shown_with_their_labels(harness: Harness) -> None:
    buttons = (Button("a.yes", "Yes", "primary"), Button("a.no", "No"))
    assert isinstance(await harness.send(harness.post("Shall I?", buttons=buttons)), Sent)
    assert [list(labels) for labels in harness.provider.buttons(harness.credentials[0])] == [["Yes", "No"]]


@rule(only=lambda caps: caps.files_out)
async def a_file_is_shown_whole(harness: Harness) -> None:
    post = Post(uuid7(), harness.targets[0], "# Everything\n\n👋", "file")
    assert isinstance(await harness.send(post), Sent)
    assert list(harness.provider.files(harness.credentials[0])) == [post.text.encode()]
    assert list(harness.provider.trace(harness.credentials[0])) == [post.delivery_id]


@rule(only=lambda caps: caps.reply_window_s is not None)
async def a_closed_window_is_a_refusal(harness: Harness) -> None:
    """The sender never asks then; a provider that says so all the same is not asked again and again."""
    assert harness.close_window is not None
    harness.close_window()
    found = await harness.send()
    assert found == Failed("window_closed", window=harness.caps.outside_window == "template")
    assert harness.provider.shown() == 0


@rule(only=lambda caps: caps.outside_window == "template")
async def a_template_goes_where_the_window_is_closed(harness: Harness) -> None:
    assert harness.close_window is not None and harness.template is not None
    harness.close_window()
    post = Post(uuid7(), harness.targets[0], "as it reads", "template", template=harness.template)
    assert isinstance(await harness.send(post), Sent)
    assert list(harness.provider.trace(harness.credentials[0])) == [post.delivery_id]


@rule(only=lambda caps: caps.outside_window == "template")
async def what_is_refused_late_means_the_same(harness: Harness) -> None:
    assert harness.late is not None and isinstance(harness.adapter, Judging)
    reason, means = harness.late
    assert harness.adapter.judge(reason) == means
    assert all(isinstance(harness.adapter.judge(each), Failed) for each in ("", "no number", "9" * 400, "\x00"))


@rule(only=lambda caps: caps.list_max > 0)
async def choices_that_buttons_have_no_room_for_become_a_list(harness: Harness) -> None:
    caps = harness.caps
    for number in (caps.buttons_max + 1, caps.list_max):
        buttons = tuple(Button(f"a.{each}", f"Choice {each}") for each in range(number))
        assert isinstance(await harness.send(harness.post("Which one?", buttons=buttons)), Sent)
        assert list(harness.provider.lists(harness.credentials[0])[-1]) == [button.label for button in buttons]
    long = "A choice with more words than a button has room for"
    assert isinstance(await harness.send(harness.post("Which one?", buttons=(Button("a.1", long), Button("a.2", "No")))), Sent)
    assert any(long in row for row in harness.provider.lists(harness.credentials[0])[-1])


@rule(only=lambda caps: caps.buttons_max > 0)
async def choices_that_find_no_room_stand_in_the_text(harness: Harness) -> None:
    most = max(harness.caps.buttons_max, harness.caps.list_max)
    buttons = tuple(Button(f"a.{each}", f"Choice {each}") for each in range(most + 1))
    (part,) = rendered(harness.adapter, harness.targets[0], "Which one?", buttons)
    assert not part.buttons and all(button.label in part.text for button in buttons)
    fits = rendered(harness.adapter, harness.targets[0], "Which one?", buttons[:-1])
    assert [len(each.buttons) for each in fits] == [most]


@rule()
async def nothing_of_a_message_is_logged_or_kept(harness: Harness) -> None:
    used, text = harness.credentials[0], "canary in the text"
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        for fault in ("", "error 500, shown", "garbage", "dead token"):
            if fault:
                harness.provider.fault(fault)
            await harness.send(harness.post(text))
            await harness.adapter.health(used)
            harness.provider.mend()
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    sys.stdout.flush()
    kept = "\n".join(lines) + repr(used) + repr(harness.post(text)) + repr(vars(harness.adapter))
    assert used.token not in kept and text not in kept
