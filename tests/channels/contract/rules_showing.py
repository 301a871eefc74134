"""Rules about how an answer will look: within the limits, nothing lost, nobody pinged, in forms that the channel has."""

from __future__ import annotations

import re

from konstruct.channels.port_abilities import (
    Dialogs,
    FetchesMedia,
    Filing,
    Homes,
    Installing,
    Renewing,
    RepliesPrivately,
    Revoking,
    Suggesting,
    Titling,
)
from konstruct.channels.port_signup import SigningUp
from konstruct.channels.port_streams import Edits, Streams
from konstruct.conversations.part import Part
from tests.channels.contract.harness import Harness
from tests.channels.contract.rule import rule

SENTENCE = "Grüße 👋 from the shop: it opens at nine."
TEXTS = [SENTENCE, f"{SENTENCE} " * 40, "é" * 5_000, "😀" * 5_000, "a\n\n" * 3_000, "x" * 20_000, "👨‍👩‍👧‍👦" * 900]
MARKED = "# Title\n\n**bold** and `code`\n\n- [a link](https://example.com)\n\n```sh\nls\n```"


def units(text: str, unit: str) -> int:
    """Return the length of `text` as the channel counts it."""
    sizes = {"chars": len(text), "utf16": len(text.encode("utf-16-le")) // 2, "bytes": len(text.encode())}
    return sizes[unit]


def _texts(parts: list[Part]) -> list[str]:
    return [part.text for part in parts if part.form == "text"]


@rule()
async def parts_keep_to_the_limits(harness: Harness) -> None:
    caps = harness.caps
    for text in TEXTS:
        parts = harness.adapter.render(text, harness.targets[0])
        assert 1 <= len(_texts(parts)) <= caps.parts_max, text[:20]
        for part in _texts(parts):
            assert part.strip() and units(part, caps.text_unit) <= caps.text_max, text[:20]


@rule()
async def what_shows_nothing_is_no_part(harness: Harness) -> None:
    for text in ("", " \n\t", "\u200b"):
        assert harness.adapter.render(text, harness.targets[0]) == [], repr(text)


@rule()
async def nothing_is_lost_on_the_way(harness: Harness) -> None:
    for times in (1, 9):
        text = " ".join(f"{number}. {SENTENCE}" for number in range(times))
        shown = "".join("".join(_texts(harness.adapter.render(text, harness.targets[0]))).split())
        assert shown == "".join(text.split())


@rule()
async def a_shortened_answer_says_so(harness: Harness) -> None:
    """Whoever reads a beginning must know that it is one."""
    text = " ".join(f"word{number}" for number in range(harness.caps.text_max))
    parts = harness.adapter.render(text, harness.targets[0])
    if any(part.form == "file" for part in parts):
        assert parts[-1].text.split() == text.split(), "the file holds all of it"
    last = _texts(parts)[-1].split()
    assert last[-1] not in text.split(), "it ends with words about it"


@rule(only=lambda caps: caps.mentions)
async def nobody_is_mentioned_but_the_participants(harness: Harness) -> None:
    for text in ("<!channel> hi", "hello @here", "<@USTRANGER> see", "<!subteam^S1>", "`<!everyone>`"):
        shown = "".join(_texts(harness.adapter.render(text, harness.targets[0])))
        assert not re.search(r"<!(channel|here|everyone|subteam)|<@USTRANGER>|(?<!\w)@(here|channel|everyone)\b", shown), text


@rule(only=lambda caps: caps.markup == "plain")
async def no_signs_of_markup_are_shown(harness: Harness) -> None:
    shown = "\n".join(_texts(harness.adapter.render(MARKED, harness.targets[0])))
    assert not re.search(r"\*\*|```|`|^#|\]\(", shown, re.MULTILINE)
    assert all(word in shown for word in ("Title", "bold", "code", "a link", "https://example.com", "ls"))


@rule(only=lambda caps: caps.markup == "whatsapp")
async def no_signs_of_markdown_are_shown(harness: Harness) -> None:
    shown = "\n".join(_texts(harness.adapter.render(MARKED, harness.targets[0])))
    assert not re.search(r"\*\*|~~|^#|\]\(|```sh", shown, re.MULTILINE)
    assert all(words in shown for words in ("*Title*", "*bold*", "`code`", "a link", "https://example.com", "```ls```"))


@rule()
async def only_forms_that_the_channel_has(harness: Harness) -> None:
    very_long = " ".join(f"word{number}" for number in range(harness.caps.text_max))
    forms = {part.form for part in harness.adapter.render(very_long, harness.targets[0])}
    assert ("file" in forms) == harness.caps.files_out


@rule()
async def abilities_are_what_the_capabilities_say(harness: Harness) -> None:
    caps, adapter = harness.caps, harness.adapter
    said: dict[type, bool] = {
        Filing: caps.files_out,
        FetchesMedia: caps.files_in,
        Edits: caps.stream != "none",
        Streams: caps.stream == "native",
        Dialogs: caps.modals,
        Homes: caps.home,
        RepliesPrivately: caps.ephemeral,
        Suggesting: caps.suggestions,
        Titling: caps.titles,
        Installing: caps.install,
        SigningUp: caps.signup,
        Renewing: caps.renew,
        Revoking: caps.revoke,
    }
    for ability, has in said.items():
        assert isinstance(adapter, ability) == has, ability.__name__
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,30}", adapter.kind)
    assert caps.text_max > 0 and caps.parts_max > 0 and caps.buttons_max >= 0 and caps.list_max >= 0
    assert caps.outside_window == "free" or caps.reply_window_s is not None, "a window has a length"
    assert not caps.read_receipts or caps.delivery_receipts


@rule(only=lambda caps: caps.files_out)
async def a_file_can_be_said_in_words(harness: Harness) -> None:
    adapter = harness.adapter
    assert isinstance(adapter, Filing)
    text = " ".join(f"word{number}" for number in range(harness.caps.text_max))
    parts = adapter.instead_of_file(text, harness.targets[0])
    assert parts and all(part.form == "text" for part in parts)
    assert all(units(part.text, harness.caps.text_unit) <= harness.caps.text_max for part in parts)
    assert parts[-1].text.endswith(text.split()[-1]), "to its end"
