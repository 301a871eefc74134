"""Marks: words that stand in one field of one business and nowhere else in the world, and where they turned up."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

_MARK = re.compile(r"kzq(alfa|beta)z([a-y]+)z")
_BYTES = re.compile(r"\\+x((?:[0-9a-f]{2}){8,})")
NAMES = ("alfa", "beta")


@dataclass
class Marks:
    """The marks of one business: a word for each field, of small letters, as every field can hold."""

    number: int
    made: set[str] = field(default_factory=set)

    def __call__(self, label: str) -> str:
        """Return the mark of a field."""
        assert label.isalpha() and label.islower() and "z" not in label, label
        self.made.add(label)
        return f"kzq{NAMES[self.number]}z{label}z"


def found_in(text: str) -> set[tuple[int, str]]:
    """Return the marks in a text, in whatever case and as bytes too: (business, field)."""
    whole = text.lower()
    whole += "".join(f" {bytes.fromhex(hit).decode('latin-1').lower()}" for hit in _BYTES.findall(whole))
    return {(NAMES.index(name), label) for name, label in _MARK.findall(whole)}


@dataclass
class Sinks:
    """What was seen, by whose sink it was and which: a business's number, or None for what is nobody's."""

    seen: dict[tuple[int | None, str], set[tuple[int, str]]] = field(default_factory=lambda: defaultdict(set))
    tenants: dict[str, int] = field(default_factory=dict)
    """The tenants' ids: marks that nobody had to make."""
    looked: dict[tuple[int | None, str], int] = field(default_factory=lambda: defaultdict(int))

    def add(self, whose: int | None, sink: str, *texts: str) -> None:
        """Look at texts of a sink."""
        for text in texts:
            self.seen[whose, sink] |= found_in(text) | {(of, "tenant") for mark, of in self.tenants.items() if mark in text}
            self.looked[whose, sink] += len(text)

    def foreign(self) -> list[str]:
        """Return every mark of one business in a sink of another."""
        return [
            f"{NAMES[of]}'s {label} in {sink} of {NAMES[whose]}"
            for (whose, sink), marks in self.seen.items()
            if whose is not None
            for of, label in sorted(marks)
            if of != whose
        ]

    def anybodys(self, sink: str) -> set[str]:
        """Return the fields whose marks are in a sink of nobody's."""
        return {label for _, label in self.seen[None, sink]}

    def fields(self, whose: int, sink: str) -> set[str]:
        """Return the fields of a business whose marks are in a sink of its own."""
        return {label for of, label in self.seen[whose, sink] if of == whose}
