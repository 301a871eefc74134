"""What the employee's pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Literal, Self

from markupsafe import Markup

from konstruct.agents.try_out import DEADLINE_S, QUESTION_MAX
from konstruct.agents.tryouts_repository import Tried
from konstruct.local.sandbox.pages.blocks_html import message_html
from konstruct.tenants import employees_draft as limits
from konstruct.tenants.employees_diff import TONE_NAMES, Change, changed_fields, compare
from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.employees_hours import WEEKDAYS
from konstruct.tenants.employees_repository import Employee, Version
from konstruct.web.portal.employee.fields import Fields, time_zones

TONES = tuple(
    (key, TONE_NAMES[key], says)
    for key, says in (
        ("warm", "“Lovely that you ask! We open at nine.”"),
        ("neutral", "“We open at nine.”"),
        ("formal", "“Good day. We open at nine o’clock.”"),
        ("brief", "“Nine.”"),
    )
)
EXAMPLES = ("When are you open?", "Can I bring something back?", "I want to speak to a human.")


@dataclass(frozen=True, slots=True)
class Bubble:
    """A question of the chat, and how far its answer is."""

    question: str
    answer: Markup
    """As a channel shows it: Markdown, with nothing else of HTML."""
    state: Literal["answered", "fallback", "thinking", "lost"]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Talk:
    """The chat beside the form."""

    bubbles: Sequence[Bubble]
    problem: str = ""
    """Why the last question was not asked."""
    question: str = ""
    """A question that was not asked stands in the box again."""
    demo: bool = False
    """No language model is connected: what is told of the employee has no effect yet."""
    examples: Sequence[str] = EXAMPLES
    most: int = QUESTION_MAX

    @classmethod
    def of(cls, tried: Sequence[Tried], *, demo: bool, problem: str = "", question: str = "") -> Self:
        """Return the chat of what a member tried."""
        return cls([_bubble(each) for each in tried], problem, question, demo)

    @property
    def thinking(self) -> bool:
        """Whether an answer is on its way."""
        return any(bubble.state == "thinking" for bubble in self.bubbles)


@dataclass(frozen=True, slots=True)
class Stale:
    """What somebody else saved while the form was being filled, against what stands in it now."""

    current: Version
    changes: Sequence[Change]

    @classmethod
    def of(cls, current: Version, draft: Draft) -> Self:
        """Return both texts as one, with what differs marked."""
        return cls(current, compare(current.draft, draft))


@dataclass(frozen=True, slots=True)
class EmployeeView:
    """The form with the chat."""

    employee: Employee
    fields: Fields
    talk: Talk
    edits: bool
    problems: Mapping[str, str] = field(default_factory=dict)
    stale: Stale | None = None
    told: str = ""
    limit_values: Mapping[str, str] = field(default_factory=dict)
    """The limits as they were typed, if something is wrong with them."""
    tones: Sequence[tuple[str, str, str]] = TONES
    weekdays: Sequence[str] = WEEKDAYS
    zones: Sequence[str] = field(default_factory=time_zones)
    most: Mapping[str, int] = field(
        default_factory=lambda: {
            "name": limits.NAME_MAX,
            "tone_note": limits.TONE_NOTE_MAX,
            "instructions": limits.INSTRUCTIONS_MAX,
            "outside_hours": limits.OUTSIDE_HOURS_MAX,
            "must_not": limits.MUST_NOT_MAX,
            "policy": limits.POLICY_MAX,
            "note": limits.NOTE_MAX,
        }
    )

    @property
    def dirty(self) -> bool:
        """Whether the form holds something that is not saved, from the start."""
        return self.stale is not None or self.fields != Fields.of(self.employee)

    @property
    def limit(self) -> Mapping[str, str]:
        """What stands in the form of the limits."""
        now = self.employee.limits
        stored = {
            "model": now.model or "",
            "context_limit_tokens": str(now.context_limit_tokens),
            "reply_limit_tokens": str(now.reply_limit_tokens),
        }
        return {**stored, **self.limit_values}


@dataclass(frozen=True, slots=True)
class Entry:
    """A version in the list."""

    version: Version
    changed: Sequence[str]
    """The fields that it changed; none for the first one."""
    is_current: bool


@dataclass(frozen=True, slots=True)
class VersionsView:
    """The list of versions, newest first."""

    current: int
    entries: Sequence[Entry]
    older: str
    """Where the list goes on; empty at its end."""

    @classmethod
    def of(cls, current: int, found: Sequence[Version], size: int) -> Self:
        """Return a page of `size` entries from up to one version more, which the last entry is compared with."""
        shown = found[:size]
        entries = [
            Entry(version, changed_fields(old.draft, version.draft) if old else (), version.number == current)
            for version, old in zip_longest(shown, found[1:][:size])
        ]
        return cls(current, entries, f"/employee/versions?before={shown[-1].number}" if len(found) > size else "")


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version, against another."""

    version: Version
    current: int
    other: int | None
    """The version it is compared with; None for the first one."""
    changes: Sequence[Change]
    whole: Sequence[tuple[str, str]]
    """Everything that it says: label and text."""

    @property
    def is_current(self) -> bool:
        """Whether it is in force."""
        return self.version.number == self.current


def _bubble(tried: Tried) -> Bubble:
    if tried.answer is not None:
        answer = message_html(tried.answer, "markdown", {})
        return Bubble(tried.question, answer, "fallback" if tried.reason else "answered", tried.asked_at)
    waits = datetime.now(UTC) - tried.asked_at < timedelta(seconds=DEADLINE_S)
    return Bubble(tried.question, Markup(""), "thinking" if waits else "lost", tried.asked_at)
