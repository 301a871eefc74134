"""HTML: what a reader of the page would see, with its headings. Nothing is fetched, nothing is run."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

from konstruct.memory.extraction.encoding import decode
from konstruct.memory.extraction.gathering import Gathered, Progress
from konstruct.memory.extraction.tables import table_lines

_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_-]{1,30})", re.IGNORECASE)
_UNSEEN = frozenset("script style noscript template svg math iframe object canvas audio video select datalist".split())
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_BLOCKS = frozenset(
    "address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer form head header hr"
    " html legend main nav ol p pre section summary table tbody tfoot thead tr ul li td th".split()
)
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_ENDS_WITH = {
    "p": ("p",),
    "li": ("li",),
    "dt": ("dt", "dd"),
    "dd": ("dt", "dd"),
    "td": ("td", "th"),
    "th": ("td", "th"),
    "tr": ("td", "th", "tr"),
}
"""Elements that end where another of their kind begins, whether the page says so or not."""
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SLICE = 64 * 1024


def read(data: bytes, progress: Progress) -> str:
    """Return the visible text of a page. Raises Unreadable."""
    charset = _CHARSET.search(data[:2048])
    text = decode(data, charset.group(1).decode() if charset else "")
    page = _Page()
    for start in range(0, len(text), _SLICE):
        page.feed(text[start : start + _SLICE])
        progress(min(start + _SLICE, len(text)), len(text))
    page.close()
    return page.text()


class _Page(HTMLParser):
    """Collects blocks of visible text. Comments and declarations go nowhere."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._gathered = Gathered()
        self._block: list[str] = []
        self._prefix = ""
        self._open: list[tuple[str, bool]] = []
        self._counts: Counter[str] = Counter()
        self._unseen = 0
        self._tables = 0
        self._rows: list[list[str]] = []
        self._title = ""
        self._headed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        while self._open and self._open[-1][0] in _ENDS_WITH.get(tag, ()):
            self.handle_endtag(self._open[-1][0])
        if tag == "br" and not self._unseen:
            self._block.append("\n")
        if tag in _VOID:
            return
        self._begin(tag)
        values = dict(attrs)
        hidden = tag in _UNSEEN or "hidden" in values or bool(_HIDING.search(values.get("style") or ""))
        self._open.append((tag, hidden))
        self._counts[tag] += 1
        self._unseen += hidden

    def handle_endtag(self, tag: str) -> None:
        """End an element, with those inside it that were left open."""
        if not self._counts[tag]:
            return
        while True:
            name, hidden = self._open.pop()
            self._end(name)
            self._counts[name] -= 1
            self._unseen -= hidden
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        """Take text that is seen."""
        if not self._unseen:
            inside = self._counts["pre"] > 0
            self._block.append(data if inside else re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """Return the whole; a page without a heading of its own stands under its title."""
        self._flush()
        self._end_table()
        body = self._gathered.text()
        return f"# {self._title}\n\n{body}" if self._title and not self._headed else body

    def _begin(self, tag: str) -> None:
        if self._unseen:
            return
        if tag == "table":
            self._flush()
            self._tables += 1
        elif self._tables:
            if tag == "tr" and self._tables == 1:
                self._rows.append([])
            elif tag in _BLOCKS or tag in _HEADINGS:
                self._block.append(" ")
        elif tag in _HEADINGS or tag in _BLOCKS or tag == "title":
            self._flush()
            if tag in _HEADINGS:
                self._prefix, self._headed = f"{_HEADINGS[tag]} ", True
            elif tag == "li":
                self._prefix = "- "

    def _end(self, tag: str) -> None:
        if self._unseen:
            return
        if tag == "table" and self._tables:
            self._tables -= 1
            if not self._tables:
                self._end_table()
        elif self._tables:
            if tag in ("td", "th") and self._tables == 1:
                self._rows = self._rows or [[]]
                self._rows[-1].append(self._taken())
            elif tag in _BLOCKS:
                self._block.append(" ")
        elif tag == "title":
            self._title = self._title or " ".join(self._taken().split())
        elif tag in _HEADINGS or tag in _BLOCKS:
            self._flush()
            self._prefix = ""

    def _end_table(self) -> None:
        rest, rows = self._taken(), [row for row in self._rows if any(row)]
        self._rows = []
        for line in table_lines(rows) if rows else ():
            self._gathered.add(line)
        self._gathered.add(rest)

    def _taken(self) -> str:
        text = "".join(self._block)
        self._block = []
        return "\n".join(line.strip() if not self._counts["pre"] else line for line in text.split("\n")).strip()

    def _flush(self) -> None:
        text, prefix = self._taken(), self._prefix
        if text:
            self._prefix = ""
            self._gathered.add(prefix + (" ".join(text.split()) if prefix.startswith("#") else text))
