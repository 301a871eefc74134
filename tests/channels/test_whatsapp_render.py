"""Answers in WhatsApp's own formatting: what is shown, and what must never be."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from konstruct.channels.cutting import width
from konstruct.channels.texts import visible
from konstruct.channels.whatsapp.render import IN_FILE, NO_FILE, PARTS_MAX, TEXT_MAX, instead_of_file, render
from konstruct.channels.whatsapp.wording import BREAK, GRAVE, HAIR
from konstruct.conversations.part import Part
from tests.channels.properties import CALM
from tests.support.whatsapp_reader import formatted

SIGNS = "* ** *** _ __ ~ ~~ ` `` ``` ~~~ # > - + 1. [ ] ( ) | \\ < > & <b> </b> <br> ![ https://e.com/a_b_ :".split()
SHAPES = [
    "\n",
    "\n\n",
    "| a | b |\n|---|---|\n| c | d |\n",
    " ",
    "\u200d",
    "\u0301",
    "👨\u200d👩\u200d👧",
    "\x00",
    "مرحبا",
    "重点",
]
LONG = ["x" * 3000, "word " * 700, "a\n" * 500, "é" * 2000, "😀" * 1500, "🇩🇪" * 900]
WORDS = ["word", "Ann", "9", "ß", "x.y"]


def shown(text: str) -> str:
    """What stands in the one message of `text`."""
    (part,) = render(text)
    return part.text


def texts(parts: list[Part]) -> list[str]:
    return [part.text for part in parts if part.form == "text"]


PAIRS = [
    ("**bold** and *it* and _it_ and ~~st~~", "*bold* and _it_ and _it_ and ~st~"),
    ("***both*** __b__", "_*both*_ *b*"),
    ("**bold _nested_ x** and *a **b** c*", "*bold _nested_ x* and _a *b* c_"),
    ("# Title\n## **Other** *it*\ntext\n\nSet\n===", "*Title*\n*Other it*\ntext\n\n*Set*"),
    ("2 * 3 * 4, 2**8, 3*4*5, a_b_c, **kwargs", "2 * 3 * 4, 2**8, 3*4*5, a_b_c, **kwargs"),
    ("un**bel**ievable", "unbelievable"),
    ("`a*b*` and ``x`y``", "`a*b*` and ```x`y```"),
    ("- a\n* b\n+ c\n  - d\n    1. e\n    1. f\n- g", "- a\n- b\n- c\n  - d\n    1. e\n    2. f\n- g"),
    ("1. a\n1. b\n\n1. c\n\n7) x", "1. a\n2. b\n\n3. c\n\n7. x"),
    (r"a \` b \` c `d` and ` x", f"a {GRAVE} b {GRAVE} c `d` and {GRAVE} x"),
    ("one ` alone", "one ` alone"),
    ("- [ ] open\n- [x] done", "- ☐ open\n- ☑ done"),
    ("> said **so**\n> > twice\nby", "> said *so*\n> twice\nby"),
    ("[us](https://e.com/_a_) [https://e.com](https://e.com) <https://x.y> <a@b.de>", "us (https://e.com/_a_) https://e.com https://x.y a@b.de"),  # noqa: E501
    ("**[us](https://e.com)** ![pic](https://e.com/p.png)", "*us (https://e.com)* pic (https://e.com/p.png)"),
    ("see [x][R] and [r]\n\n[r]: https://e.com\n\na[1] [y]", "see x (https://e.com) and r (https://e.com)\n\na[1] [y]"),
    ("```python\nx = 1\n\ny = '*a*'\n```", "```x = 1\n\ny = '*a*'```"),
    ("a\n\n---\n\nb", "a\n\n———\n\nb"),
    ("<b>x</b><br>y &amp; &lt;z&gt; <p>", "*x*\ny & <z> <p>"),
    ("note[^a]\n\n[^a]: here", "note[a]\n\n[a] here"),
    ("a **bold\nover two** lines", "a *bold*\n*over two* lines"),
    ("| Day | Opens | Closes |\n|-----|:---:|---:|\n| Mon | 9 | 17 |\n| **Tue** | | `18` |", "*Day*\n- *Mon* · Opens: 9 · Closes: 17\n- *Tue* · Closes: `18`"),  # noqa: E501
    ("| a | b |\n|---|---|", "*a · b*"),
    (r"\*not\* \_so\_ \~x\~", f"*{HAIR}not{HAIR}* _{HAIR}so{HAIR}_ ~{HAIR}x{HAIR}~"),
    (r"\- a" + "\n\n" + r"\> b", f"{BREAK}- a\n\n{BREAK}> b"),
    ("**`only code`** **Use `ls`**", "`only code` *Use `ls`*"),
]  # fmt: skip


def test_forms() -> None:
    for text, expected in PAIRS:
        assert shown(text) == expected, text


@settings(CALM, max_examples=150)
@example("*a *" * 3000)
@example("**" + "x" * 9000 + "**")
@example("```\n" + "`" * 9000)
@example("> " * 50 + "x" * 5000)
@given(st.lists(st.sampled_from(SIGNS + SHAPES + LONG + WORDS) | st.text(max_size=10), max_size=40).map("".join))
def test_every_part_stands_alone(text: str) -> None:
    parts = render(text)
    assert len(parts) <= PARTS_MAX
    for part in parts:
        if part.form == "text":
            assert width(part.text) <= TEXT_MAX and visible(part.text)
            assert part.text.count("```") % 2 == 0, "what is code ends in the same message"


def essence(text: str) -> str:
    """What must survive: no blanks, nothing that is not seen."""
    return re.sub(rf"[\s{BREAK}\u200d]+", "", text).replace(GRAVE, "`")


@settings(CALM, max_examples=100)
@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), min_size=1, max_size=300), max_size=60))
def test_the_words_own_signs_are_kept_and_mean_nothing(lines: list[str]) -> None:
    """Every sign of markdown escaped: all of it is shown, and nothing of it is formatted."""
    text = "\n\n".join(re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", line.strip()) for line in lines)
    parts = render(text)
    if len(parts) <= PARTS_MAX and all(part.form == "text" for part in parts):
        assert essence("".join(texts(parts))) == essence(text.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\"))
    for part in texts(parts):
        if not part.endswith(IN_FILE):
            assert formatted(part) == []


STYLED = st.tuples(
    st.sampled_from(["**", "*", "_", "~~", "`", "__", ""]), st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)
)
_AS = {"**": "*", "__": "*", "*": "_", "_": "_", "~~": "~", "`": "`"}


@settings(CALM, max_examples=150)
@given(
    st.lists(st.lists(STYLED, min_size=1, max_size=6), min_size=1, max_size=30), st.sampled_from(["", "- ", "> ", "# ", "1. "])
)
def test_what_is_meant_is_formatted_and_nothing_else(lines: list[list[tuple[str, list[str]]]], begins: str) -> None:
    text = "\n\n".join(begins + " ".join(f"{sign}{' '.join(words)}{sign}" for sign, words in line) for line in lines)
    (part,) = render(text)
    found = sorted(formatted(part.text))
    wanted = sorted((_AS[sign], " ".join(words)) for line in lines for sign, words in line if sign)
    if begins != "# ":
        assert found == wanted
    assert "**" not in part.text and "~~" not in part.text
    plain = re.sub(r"[*_~`\-—>#\s]|(?m:^[0-9]+\. )", "", part.text)
    assert plain == re.sub(r"[*_~`\-—>#\s]|(?m:^1\. )", "", text)


@settings(CALM, max_examples=25)
@given(
    st.lists(
        st.sampled_from(["word", "**bold**", "*it*", "`code`", "👨‍👩‍👧‍👦", "~~st~~", "[a](https://e.com)"]),
        min_size=3,
        max_size=40,
    ),
    st.sampled_from([5000, 9000, 11_000]),
    st.sampled_from(["", "- ", "> "]),
)
def test_a_cut_closes_what_it_opens(words: list[str], least: int, begins: str) -> None:
    """One endless line: every part is formatted by itself, and nothing is lost."""
    line = " ".join(words)
    text = begins + " ".join([line] * (least // len(line) + 1))
    parts = texts(render(text))
    whole = all(part.form == "text" for part in render(text))
    for part in parts:
        bare = part.removesuffix(f"\n\n{IN_FILE}")
        assert bare.count("*") % 2 == bare.count("`") % 2 == bare.count("~") % 2 == 0
        assert bare[0] != "\u200d" != bare[-1] and "**" not in bare
    if whole:
        signs = re.compile(r"[*_~\[\]()>-]")
        assert signs.sub("", essence("".join(parts))) == signs.sub("", essence(text))


def test_clusters_stay_whole() -> None:
    for cluster in ("👨‍👩‍👧‍👦", "🇩🇪", "e\u0301\u0302", "👍🏽", "❤️", "क्षि", "1️⃣"):
        for shift in range(len(cluster)):
            times = TEXT_MAX // width(cluster) * 2
            parts = texts(render("x" * shift + cluster * times))
            assert len(parts) > 1 and "".join(parts) == "x" * shift + cluster * times, cluster
            assert all(part.startswith(cluster) for part in parts[1:]), cluster


def test_code_is_closed_and_opened_again() -> None:
    code = "\n".join(f"    value_{number} = {number}" for number in range(480))
    parts = texts(render(f"Before:\n\n```python\n{code}\n```\n\nAfter."))
    assert len(parts) == PARTS_MAX and parts[0].startswith("Before:") and parts[-1].endswith("After.")
    assert "\n".join("\n".join(re.findall(r"```(.*?)```", part, re.DOTALL)) for part in parts) == code


def test_splits_between_paragraphs_and_sentences() -> None:
    paragraph = "Word " * 199 + "end."
    parts = texts(render("\n\n".join([paragraph] * 10)))
    assert len(parts) == 3 and all(set(part.split("\n\n")) == {paragraph} for part in parts)
    parts = texts(render("This is a sentence of some length. " * 300))
    assert (
        all(part.endswith("length.") for part in parts)
        and " ".join(parts) == ("This is a sentence of some length. " * 300).strip()
    )


def test_one_message_where_it_fits_and_a_document_where_it_is_long() -> None:
    assert len(render("x" * TEXT_MAX)) == 1
    long = "".join(f"## Part {number}\n\n{'Some words of an answer. ' * 100}\n\n" for number in range(12))
    beginning, whole = render(long)
    assert (beginning.form, whole.form) == ("text", "file") and beginning.text.endswith(IN_FILE)
    assert whole.text == long.strip("\n"), "the document is the answer as it was written"
    rest = instead_of_file(whole.text)
    assert rest[0].text.startswith(NO_FILE) and all(width(part.text) <= TEXT_MAX and part.form == "text" for part in rest)
    said = beginning.text.removesuffix(IN_FILE) + "".join(part.text for part in rest).replace(NO_FILE, "")
    assert essence(said).replace("*", "") == essence(long).replace("#", "")


@pytest.mark.parametrize("text", ["", " ", "\n\t\n", "\x00", "\u200b\u200d\ufeff", "\x07\x1b", "```\n```", "[r]: https://e.com"])
def test_nothing_to_show(text: str) -> None:
    assert render(text) == []


def test_enormous_texts() -> None:
    for text in (
        "a\n\n" * 60_000,
        "<" * 200_000,
        "*a " * 8_000,
        "`" * 200_000,
        "```\n" * 50_000,
        "| a |\n" * 40_000,
        "[a](" * 4_000,
    ):
        for part in texts(render(text)):
            assert width(part) <= TEXT_MAX
