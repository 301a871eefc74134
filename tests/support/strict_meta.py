"""Meta as it judges what it is sent, by its own books alone: it looks into no table of ours.

It refuses nothing that the platform should never have tried: it takes it, and notes the breach.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from konstruct.channels.port import (
    Capabilities,
    Credential,
    Failed,
    FindOutcome,
    Handshake,
    Inbound,
    Post,
    Retry,
    SendOutcome,
    Sent,
    Target,
    Unknown,
)
from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.conversations.part import Part

DAY_S = 24 * 3600.0
PAIR_S = 6.0
NUMBER_PER_S = 80

Fate = Literal["taken", "lost", "lost_taken", "busy", "too_many", "undeliverable"]
"""What becomes of a message: taken; its answer lost, and the message with it or not; refused for now, for its number, or for
good."""


@dataclass
class StrictMeta:
    """The books: who wrote when, who agreed, and what was sent to whom."""

    now: Callable[[], float]
    fate: Callable[[Post], Fate] = lambda _post: "taken"
    portfolios: dict[str, str] = field(default_factory=dict)
    """By number."""
    limits: dict[str, int] = field(default_factory=dict)
    """By portfolio; -1: without an end."""
    opened: dict[tuple[str, str], float] = field(default_factory=dict)
    """(number, person): when they wrote last."""
    agreed: set[tuple[str, str]] = field(default_factory=set)
    """(number, person) of those who want to be written to first."""
    breaches: list[str] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    lost: list[tuple[str, Post]] = field(default_factory=list)
    """Messages that were taken, but whose answer was lost; by number."""
    peak: Counter[str] = field(default_factory=Counter)
    """The most people that counted at a time, by portfolio."""
    sent: list[tuple[float, str, str, Post]] = field(default_factory=list)
    """When, from which number, to whom, what."""
    _counted: dict[str, OrderedDict[str, float]] = field(default_factory=lambda: defaultdict(OrderedDict))
    _last: dict[tuple[str, str], float] = field(default_factory=dict)
    _second: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def hears(self, number: str, person: str) -> None:
        """A person writes to a number: a window opens."""
        self.opened[number, person] = self.now()

    def judge(self, number: str, person: str, post: Post) -> None:
        """Note a message that arrived, and every rule that it breaks."""
        now = self.now()
        pair = number, person
        if now - self._last.get(pair, 0.0) < PAIR_S:
            self._breach("pair", number, f"{now - self._last[pair]:.3f} s after the one before")
        self._last[pair] = now
        self._watch_number(number, now)
        in_window = now - self.opened.get(pair, 0.0) < DAY_S
        if post.form != "template":
            if not in_window:
                self._breach("window", number, "a free text")
        else:
            if pair not in self.agreed:
                self._breach("consent", number, "without one")
            if not in_window:
                self._count(number, person, now)
        self.taken[post.form] += 1
        self.sent.append((now, number, person, post))

    def _watch_number(self, number: str, now: float) -> None:
        second = self._second[number]
        second.append(now)
        while second[0] <= now - 1.0:
            second.popleft()
        if len(second) > NUMBER_PER_S:
            self._breach("throughput", number, f"{len(second)} in a second")

    def _count(self, number: str, person: str, now: float) -> None:
        portfolio = self.portfolios[number]
        counted = self._counted[portfolio]
        while counted and next(iter(counted.values())) <= now - DAY_S:
            counted.popitem(last=False)
        known = person in counted
        counted[person] = now
        counted.move_to_end(person)
        limit = self.limits[portfolio]
        if not known and limit >= 0 and len(counted) > limit:
            self._breach("tier", number, f"{len(counted)} people, {limit} allowed")
        self.peak[portfolio] = max(self.peak[portfolio], len(counted))

    def counting(self, portfolio: str) -> int:
        """Return how many people count now."""
        since = self.now() - DAY_S
        return sum(at > since for at in self._counted[portfolio].values())

    def _breach(self, rule: str, number: str, detail: str) -> None:
        self.breaches.append(f"{rule} of {number}: {detail}")


class StrictAdapter:
    """The channel port's adapter for this Meta: WhatsApp, without the way over HTTP."""

    kind = "whatsapp"
    caps: Capabilities = WhatsAppAdapter.caps

    def __init__(self, meta: StrictMeta) -> None:
        self._meta = meta
        self._number = 0

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        """See `ChannelAdapter.send`."""
        assert timeout_s > 0
        fate, number = self._meta.fate(post), credential.account_key
        if fate in ("taken", "lost_taken"):
            self._meta.judge(number, post.target.channel_id, post)
        if fate == "lost_taken":
            self._meta.lost.append((number, post))
        answers: dict[Fate, SendOutcome] = {
            "taken": Sent(f"wamid.{post.delivery_id.hex}.{len(self._meta.sent)}"),
            "lost": Unknown("timeout"),
            "lost_taken": Unknown("timeout"),
            "busy": Retry(30.0, "meta_130429"),
            "too_many": Failed("meta_131048", outreach=True),
            "undeliverable": Failed("meta_131026"),
        }
        return answers[fate]

    async def find(self, post: Post, since: datetime, credential: Credential) -> FindOutcome:
        """See `ChannelAdapter.find`."""
        return Failed("no_history")

    def verify(self, body: bytes, headers: Mapping[str, str], now: float) -> str | None:
        """See `ChannelAdapter.verify`."""
        return "nothing comes in here"

    def handshake(self, body: bytes, headers: Mapping[str, str]) -> Handshake | None:
        """See `ChannelAdapter.handshake`."""
        return None

    def parse(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        """See `ChannelAdapter.parse`."""
        return []

    def render(self, text: str, target: Target) -> list[Part]:
        """See `ChannelAdapter.render`."""
        return [Part(text)]

    async def working(self, target: Target, credential: Credential, active: bool) -> str | None:
        """See `ChannelAdapter.working`."""
        return None

    async def health(self, credential: Credential) -> str | None:
        """See `ChannelAdapter.health`."""
        return None

    async def close(self) -> None:
        """See `ChannelAdapter.close`."""
