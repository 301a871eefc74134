"""Markdown as models write it, in the forms that Slack shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.channels.slack.dialect import adapt
from konstruct.channels.slack.render import texts
from konstruct.channels.slack.safety import BREAK
from tests.channels.properties import CALM

ANSWER = (Path(__file__).parent / "slack_answer.md").read_text(encoding="utf-8")
SHOWN = f"""\
## How to move the shop to the new address

Short version: **Tuesday**, before 10. You need *two people* and ~~four~~ three vans. \
See [the checklist](https://example.com/list) and the note[1].

1. Pack what is fragile
   and label it.
2. Call the movers:
   ```sh
   curl -X POST "https://movers.example/book?day=tue&vans=3"
   # <b>not bold</b> [^1]
   ```
3. Hand over the keys.

- [ ] insurance told
- [x] **landlord** told (`<b>stays</b>`)

> Maria wrote:
> on Monday nobody is there
> really nobody

---

| What | When | Who |
|:-----|:----:|----:|
| shelves | 08:00 | <@U1> |
| till and safe | 09:30 | @{BREAK}here |

Costs

The whole thing is H2O-proof. Write `<div>` or <div> if you must; a < b.

![the plan](https://example.com/plan.png) and https://example.com.

[1] Ask <!{BREAK}channel> or <@{BREAK}U9>."""


def test_a_long_realistic_answer() -> None:
    (shown,) = texts(ANSWER, frozenset({"U1"}))
    assert shown.split("\n") == SHOWN.split("\n")


PAIRS = [
    ("a<br>b<br/>c<br />d", "a\nb\nc\nd"),
    ("| a<br>b |", "| a b |"),
    ("> a<br>b", "> a\n> b"),
    ("<strong>x</strong> <em>y</em> <del>z</del> <code>w</code>", "**x** *y* ~~z~~ `w`"),
    ("<b><i>both</i></b>", "***both***"),
    ("the <b> tag, List<String>, <p>", "the <b> tag, List<String>, <p>"),
    ("> > two\n> > > three", "> two\n> three"),
    ("1. a\n1. b\n\n1. c", "1. a\n2. b\n\n3. c"),
    ("1. a\n   1. x\n   1. y\n1. b\n   1. z", "1. a\n   1. x\n   2. y\n2. b\n   1. z"),
    ("1. a\ntext\n1. b", "1. a\ntext\n1. b"),
    ("7. a\n8. b", "7. a\n8. b"),
    ("see [x][R] and [r]\n\n[r]: https://e.com", "see [x](https://e.com) and [r](https://e.com)\n"),
    ("no [x][r] here, a[1]", "no [x][r] here, a[1]"),
    ("```\n1. a\n1. b\n[r]: https://e.com\n<br>\n```", "```\n1. a\n1. b\n[r]: https://e.com\n<br>\n```"),
    ("note[^a]\n\n[^a]: is here", "note[a]\n\n[a] is here"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), PAIRS, ids=[str(number) for number in range(len(PAIRS))])
def test_forms(text: str, shown: str) -> None:
    assert adapt(text) == shown


WORDS = st.sampled_from(
    ["1. ", "> ", ">", "<b>", "</b>", "<i>", "</i>", "`", "```\n", "[^1]", "[r]", "[r]: https://e.c", "\n", "x", " "]
)


@settings(CALM, max_examples=150)
@given(st.lists(WORDS, max_size=25).map("".join))
def test_a_second_time_changes_nothing(text: str) -> None:
    assert adapt(adapt(adapt(text))) == adapt(adapt(text))
