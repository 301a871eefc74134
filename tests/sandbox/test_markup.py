"""Messages as HTML: what they may look like, and what they can never do."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.local.sandbox.pages.blocks_html import message_html

NAMES = {"U1": "Anna <b>", "U2": "Robin"}
ALLOWED = {"p", "br", "strong", "em", "s", "code", "pre", "a", "span", "ul", "ol", "li", "blockquote", "hr"}
ATTRIBUTES = {"href", "rel", "target", "class"}


class Reader(HTMLParser):
    """Notes what a browser would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**b** *i* `c*d*` ~~s~~", "<p><strong>b</strong> <em>i</em> <code>c*d*</code> <s>s</s></p>"),
        ("__b__ _i_ snake_case_name 2*3*4", "<p><strong>b</strong> <em>i</em> snake_case_name 2*3*4</p>"),
        ("# Head\nline\nnext", '<p class="heading">Head</p><p>line<br>next</p>'),
        ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("- a\n1. b\n2) c", "<ul><li>a</li></ul><ol><li>b</li><li>c</li></ol>"),
        ("> q\n> r\ns", "<blockquote>q<br>r</blockquote><p>s</p>"),
        ("```py\n<b> & **x**\n```", "<pre><code>&lt;b&gt; &amp; **x**</code></pre>"),
        ("```\nnever closed", "<pre><code>never closed</code></pre>"),
        ("a\n\n---\nb", "<p>a</p><hr><p>b</p>"),
        ("a &lt; b &amp; <c>", "<p>a &lt; b &amp; &lt;c&gt;</p>"),
        ("<@U1> <!channel> <#C1|desk>", None),
        ("", ""),
    ],
)
def test_markdown(text: str, html: str | None) -> None:
    found = str(message_html(text, "markdown", NAMES))
    if html is None:
        assert read(found).text == "@Anna <b> @channel #desk"
        assert 'class="mention mention-all"' in found
    else:
        assert found == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*b* _i_ ~s~ `c` **x**", "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code> **x**</p>"),
        ("- no list\n# no heading", "<p>- no list<br># no heading</p>"),
        ("&gt; q", "<blockquote>q</blockquote>"),
    ],
)
def test_slacks_own_dialect(text: str, html: str) -> None:
    assert str(message_html(text, "mrkdwn", NAMES)) == html


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "<javascript:alert(1)|x>",
        "[x](data:text/html,<script>)",
        '[x](https://a.b/"onmouseover="alert(1))',
        "<img src=x onerror=alert(1)>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<https://a.b|<script>alert(1)</script>>",
        '<@U1|"><script>>',
        "`<script>`",
        "&amp;lt;script&amp;gt;",
    ],
)
@pytest.mark.parametrize("dialect", ["markdown", "mrkdwn"])
def test_hostile_text_stays_text(text: str, dialect: Literal["markdown", "mrkdwn"]) -> None:
    assert_harmless(str(message_html(text, dialect, NAMES)))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab1 \n*_~`<>[]()#-|!@&;\"'=/:.https", max_size=80), st.sampled_from(["markdown", "mrkdwn"]))
def test_no_text_brings_its_own_tags(text: str, dialect: Literal["markdown", "mrkdwn"]) -> None:
    assert_harmless(str(message_html(text, dialect, NAMES)))


def test_a_link_keeps_its_address() -> None:
    found = read(str(message_html("see [the shop](https://a.b/c_d?e=1&amp;f=2), https://g.h/i.", "markdown", NAMES)))
    assert [attrs["href"] for tag, attrs in found.tags if tag == "a"] == ["https://a.b/c_d?e=1&f=2", "https://g.h/i"]
    assert found.text == "see the shop, https://g.h/i."


def assert_harmless(html: str) -> None:
    for tag, attrs in read(html).tags:
        assert tag in ALLOWED and set(attrs) <= ATTRIBUTES
        assert re.match(r"https?://", attrs.get("href") or "https://")
