from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from konstruct.channels.slack.render import PART_MAX, texts
from konstruct.channels.slack.safety import BREAK, NOTIFICATION_MAX, neutralise, notification
from konstruct.channels.texts import visible
from tests.channels.properties import CALM
from tests.support.inert import PEOPLE, assert_inert

FORMS = "< ! @ > | channel here everyone subteam^S1 <! <@ <@U1> <@U9> <@U1|x> <!channel> &lt; &#64; \\ ``` ```` ~~~ `".split()
SHAPES = ["\n", "\n\n", "| a | b |\n|---|---|\n", " ", "\u200d", "\u0301", "👨\u200d👩\u200d👧", "\x00"]
LONG = ["x" * 3000, "word " * 700, "a\n" * 500, "é" * 2000, "😀" * 1500, "🇩🇪" * 900]
PIECES = st.sampled_from(FORMS + SHAPES + LONG)
TEXTS = st.lists(PIECES | st.text(max_size=10), max_size=30).map("".join)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def open_fence(text: str) -> str:
    """The fence that is left open at the end of `text`, read as CommonMark does."""
    marker = ""
    for line in text.split("\n"):
        found = re.fullmatch(r"[ \t]*(`{3,}|~{3,})(.*)", line)
        if marker:
            bare = line.strip()
            if bare and set(bare) == {marker[0]} and len(bare) >= len(marker):
                marker = ""
        elif found and not (found[1][0] == "`" and "`" in found[2]):
            marker = found[1]
    return marker


@settings(CALM, max_examples=300)
@example("a@here" * 4000)
@example("<@U1" + "x" * 11_460 + "<@U1>" * 300)
@example("``` " + "<!channel>" * 4000)
@given(TEXTS)
def test_no_part_can_ping_or_is_too_long(text: str) -> None:
    parts = texts(text, PEOPLE)
    for part in parts:
        assert units(part) <= PART_MAX and visible(part)
        assert_inert(part)
        assert open_fence(part) == ""
        assert_inert(notification(part, PEOPLE))
        assert texts(part, PEOPLE) == [part]


@pytest.mark.parametrize("tail", ["@here you", "@channel", "``` python", "~~~", "<@U1> you", "<!here>"])
def test_a_cut_makes_nothing_live(tail: str) -> None:
    for length in range(PART_MAX - 45, PART_MAX + 5):
        for part in texts("x" * length + tail + " and\nmore", PEOPLE):
            assert_inert(part)
            assert open_fence(part) == ""


def test_a_cut_closes_no_code() -> None:
    for length in range(PART_MAX - 60, PART_MAX):
        parts = texts(f"````\n{'x' * length}````\n````\n\nEnd", PEOPLE)
        assert parts[-1].endswith("End") and all(open_fence(part) == "" for part in parts)


def essence(text: str) -> str:
    """What must survive: no blanks, no marks of fences, nothing invisible."""
    return re.sub(rf"[\s`~{BREAK}]+|\|[ -]*(?=\|)", "", text)


@settings(CALM, max_examples=200)
@given(
    st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), min_size=1, max_size=400), max_size=200)
)
def test_nothing_is_lost(lines: list[str]) -> None:
    text = "\n".join(re.sub(r"[`~|<\[>]", "", line) for line in lines)
    assert essence("".join(texts(text, PEOPLE))) == essence(text)


@settings(CALM, max_examples=300)
@given(st.lists(PIECES | st.text(max_size=10), max_size=12).map("".join))
def test_neutralise_only_inserts_and_is_idempotent(text: str) -> None:
    safe = neutralise(text, PEOPLE)
    assert safe.replace(BREAK, "") == text.replace(BREAK, "")
    assert neutralise(safe, PEOPLE) == safe


@pytest.mark.parametrize(
    "text",
    [
        "<!channel>",
        "<!here|here>",
        "<!EVERYONE>",
        "<!subteam^S123>",
        "<!subteam^S1|@team>",
        "<@U9>",
        "<@U12>",
        "<@U1 >",
        "<@u1x> <@W9|name>",
        "@channel",
        "(@here)",
        "*@everyone*",
        "_@here_",
        "hey @Channel!",
        "<@channel>",
        "`<!channel>`",
        "```\n<!here>\n```",
        "<<!channel>!channel>",
        "<!<!here>here>",
        "<\x00!channel>",
        "@\x00here",
        "<@\x00U9>",
        "<\x01!chan\x1bnel>",
        "@\x08here",
    ],
)
def test_inert(text: str) -> None:
    (part,) = texts(text, PEOPLE)
    assert_inert(part)


@pytest.mark.parametrize(
    "text", ["&lt;!channel&gt;", "&#64;here", "<&#33;here>", "\\<!here>", "<\\!here>", "&#x3C;@U9>", "\\@channel"]
)
def test_spellings_that_a_markdown_reader_undoes(text: str) -> None:
    assert BREAK in neutralise(text, PEOPLE)


@pytest.mark.parametrize(
    "text",
    [
        "<@U1> and <@WABC2|Ann>",
        "write to me@here.com",
        "@channels are fine",
        "List<@NonNull String>",
        "<!DOCTYPE html>",
        "<!-- note -->",
        "a < b && c > d, 5 @ 3",
        "<#C123> <https://example.com|x>",
        "# Title\n\n- a\n  - b\n\n1. *x*\n\n> quote\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "1. run\n   ```sh\n   ls -l\n\n\n   pwd\n   ```\n2. look",
    ],
)
def test_left_alone(text: str) -> None:
    assert texts(text, PEOPLE) == [text]


@pytest.mark.parametrize("text", ["", " ", "\n\t\n", "\x00", "\u200b\u200d\ufeff", "\x07\x1b"])
def test_nothing_to_show(text: str) -> None:
    assert texts(text, PEOPLE) == []


def test_splits_between_paragraphs() -> None:
    paragraph = "Word " * 399 + "end."
    parts = texts("\n\n".join([paragraph] * 20), PEOPLE)
    assert len(parts) == 4 and all(set(part.split("\n\n")) == {paragraph} for part in parts)


def test_splits_a_paragraph_after_a_sentence() -> None:
    text = "This is a sentence of some length. " * 1000
    parts = texts(text, PEOPLE)
    assert all(part.rstrip().endswith("length.") for part in parts) and " ".join(parts) == text.strip()


def test_splits_between_words() -> None:
    text = "word " * 10_000
    assert " ".join(texts(text, PEOPLE)) == text.strip()


def test_code_is_closed_and_opened_again() -> None:
    code = "\n".join(f"    value_{number} = {number}" for number in range(2000))
    parts = texts(f"Before:\n\n```python\n{code}\n```\n\nAfter.", PEOPLE)
    inner = []
    for part in parts:
        found = re.search(r"```python\n(.*?)\n```", part, re.DOTALL)
        assert found
        inner.append(found[1])
    assert len(parts) > 3 and "\n".join(inner) == code
    assert parts[0].startswith("Before:") and parts[-1].endswith("After.")


def test_unclosed_code_is_closed() -> None:
    assert texts("```sh\nls", PEOPLE) == ["```sh\nls\n```"]
    assert texts("~~~\nls", PEOPLE) == ["~~~\nls\n~~~"]


def test_code_that_holds_fences() -> None:
    code = "\n".join(["```", "inner", "```"] * 3000)
    parts = texts(f"````md\n{code}\n````", PEOPLE)
    assert len(parts) > 1 and all(part.startswith("````md\n") and part.endswith("\n````") for part in parts)


def test_code_that_fits_a_part_stays_whole() -> None:
    code = "```\n" + "x\n" * 2000 + "```"
    assert texts("Intro.\n\n" + "Word. " * 1500 + "\n\n" + code, PEOPLE)[1] == code


def test_tables_are_cut_between_rows_and_keep_their_head() -> None:
    head = "| name | value |\n|------|-------|"
    rows = [f"| row {number} | {'v' * 60} |" for number in range(600)]
    parts = texts("\n".join([head, *rows]), PEOPLE)
    assert len(parts) > 3 and all(part.startswith(head + "\n") for part in parts)
    assert [row for part in parts for row in part.split("\n")[2:]] == rows


@pytest.mark.parametrize("cluster", ["👨‍👩‍👧‍👦", "🇩🇪", "e\u0301\u0302", "👍🏽", "❤️", "क्षि", "1️⃣"])
def test_clusters_stay_whole(cluster: str) -> None:
    for shift in range(len(cluster)):
        parts = texts("x" * shift + cluster * 6000, PEOPLE)
        assert len(parts) > 1 and "".join(parts) == "x" * shift + cluster * 6000
        assert all(part.startswith(cluster) for part in parts[1:])


def test_a_pile_of_marks_is_cut_all_the_same() -> None:
    parts = texts("e" + "\u0301" * 30_000, PEOPLE)
    assert len(parts) == 3 and unicodedata.combining(parts[1][0])


def test_line_ends() -> None:
    assert texts("a\r\nb\rc\u2028d", PEOPLE) == ["a\nb\nc\nd"]


def test_enormous_texts() -> None:
    for text in ("a\n\n" * 60_000, "<" * 200_000, "@here " * 40_000, "`" * 200_000, "```\n" * 50_000, "| a |\n" * 40_000):
        for part in texts(text, PEOPLE):
            assert units(part) <= PART_MAX


@settings(CALM, max_examples=200)
@example("&" * 4000)
@example("x" * 3 + "<@U1>&" * 1000)
@example("x" * 3997 + "<@U1>&")
@example("x" * 1994 + "<@U1>&<" + "<" * 1000)
@example("@\x01channel")
@given(TEXTS)
def test_notification(text: str) -> None:
    plain = notification(text, PEOPLE)
    assert len(plain) <= NOTIFICATION_MAX
    assert_inert(plain)
    assert not re.search(r"<(?!@(U1|WABC2)>)", plain) and not re.search(r"&(?!amp;|lt;|gt;)", plain)


def test_notification_keeps_mentions_of_participants() -> None:
    assert notification("<@U1> & <@U9> <b>", PEOPLE) == f"<@U1> &amp; &lt;@{BREAK}U9&gt; &lt;b&gt;"
