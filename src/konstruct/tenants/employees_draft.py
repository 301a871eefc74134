"""What an owner tells of the employee: the fields of a version, checked before they are stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from konstruct.kit.text import storable
from konstruct.tenants import employees_hours
from konstruct.tenants.employees_hours import WorkingHours

Tone = Literal["warm", "neutral", "formal", "brief"]
TONES: tuple[Tone, ...] = get_args(Tone)

NAME_MAX = 100
TONE_NOTE_MAX = 500
INSTRUCTIONS_MAX = 20_000
LANGUAGES_MAX = 20
LANGUAGE_MAX = 40
OUTSIDE_HOURS_MAX = 1000
MUST_NOT_MAX = 10_000
POLICY_MAX = 20_000
NOTE_MAX = 500
_BULLET = re.compile(r"^[-–•*]\s+")


@dataclass(frozen=True, slots=True)
class Draft:
    """The employee, as a version describes it or will."""

    name: str
    instructions: str = field(repr=False)
    tone: str = "neutral"
    """One of TONES."""
    tone_note: str = field(default="", repr=False)
    languages: tuple[str, ...] = ()
    """In the order of preference; none for the language of the person who asks."""
    hours: WorkingHours | None = None
    """None for always."""
    outside_hours: str = field(default="", repr=False)
    """What to tell people outside of the hours, besides when somebody is back."""
    must_not: str = field(default="", repr=False)
    """What the employee must not do, one thing a line."""
    policy: str = field(default="", repr=False)
    """Rules that were given when the employee was set up, word for word."""

    def tidy(self) -> Draft:
        """Return the draft as it is stored: without what cannot be, and without blanks that nobody sees."""
        return replace(
            self,
            name=_line(self.name),
            instructions=_text(self.instructions),
            tone_note=_line(self.tone_note),
            languages=tuple(dict.fromkeys(filter(None, map(_line, self.languages)))),
            outside_hours=_text(self.outside_hours),
            must_not="\n".join(filter(None, (_BULLET.sub("", _line(line)) for line in _text(self.must_not).split("\n")))),
            policy=_text(self.policy),
        )

    def problems(self) -> dict[str, str]:
        """Return one sentence for each field that cannot be taken as it is; none if all is well."""
        found = {
            "name": _length(self.name, NAME_MAX) or (None if self.name else "Give the employee a name."),
            "instructions": _length(self.instructions, INSTRUCTIONS_MAX)
            or (None if self.instructions else "Say in a few sentences what the employee is there for."),
            "tone": None if self.tone in TONES else "Choose one of the tones.",
            "tone_note": _length(self.tone_note, TONE_NOTE_MAX),
            "languages": self._language_problem(),
            "hours": None if self.hours is None else employees_hours.problem(self.hours),
            "outside_hours": _length(self.outside_hours, OUTSIDE_HOURS_MAX),
            "must_not": _length(self.must_not, MUST_NOT_MAX),
            "policy": _length(self.policy, POLICY_MAX),
        }
        return {name: sentence for name, sentence in found.items() if sentence}

    def _language_problem(self) -> str | None:
        if len(self.languages) > LANGUAGES_MAX:
            return f"At most {LANGUAGES_MAX} languages."
        if any(len(language) > LANGUAGE_MAX for language in self.languages):
            return f"A language's name has at most {LANGUAGE_MAX} characters; put a comma between two."
        return None


def _length(text: str, most: int) -> str | None:
    if len(text) <= most:
        return None
    return f"At most {most:,} characters, these are {len(text):,}: shorten it by {len(text) - most:,}."


def _line(text: str) -> str:
    return " ".join(storable(text).split())


def _text(text: str) -> str:
    # Browsers send CR LF from a text area: without this every save would look like a change.
    return storable(text).replace("\r\n", "\n").replace("\r", "\n").strip()
