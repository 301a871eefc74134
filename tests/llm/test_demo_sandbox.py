"""The demo over the sandbox's own two businesses: the first thing anybody tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

import konstruct.local.sandbox
from konstruct.db.scope import TenantScope
from konstruct.llm.backends.demo import DemoBackend
from konstruct.memory.chunking import chunks_of
from konstruct.memory.ranking import rank
from tests.llm.support import request, text_of

DATA = Path(konstruct.local.sandbox.__file__).parent / "data"
UNKNOWN = "I do not know"
NEAREST = "> "
"""Half of the question is in its documents: a quote of them is honest enough."""


@dataclass(frozen=True)
class Piece:
    title: str
    text: str
    source: str = "sandbox"
    recorded_at: datetime = datetime(2026, 11, 1, tzinfo=UTC)


class Folder:
    """One business's documents, ranked as the real ones are."""

    def __init__(self, business: str) -> None:
        files = sorted((DATA / business).glob("*.md"))
        self._pieces = [Piece(text.splitlines()[0].strip("# "), chunk) for text in map(read, files) for chunk in chunks_of(text)]

    async def passages(self, scope: TenantScope, query: str, limit: int) -> Sequence[Piece]:
        ranked = rank(query, [f"{piece.title}\n{piece.text}" for piece in self._pieces])
        return [self._pieces[position] for position in ranked[:limit]]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("question", "fernwood", "marlow"),
    [
        ("When are you open?", "Tuesday to Friday from 10:00", "Monday to Friday from 7:30"),
        ("Are you open on Sunday?", "closed on Sunday and Monday", "closed on Sunday"),
        ("What are your opening hours on Saturday?", "9:00 to 17:00", "8:30 to 13:30"),
        ("What is your phone number?", "0117 496 0142", "020 7946 0823"),
        ("Where are you located?", "14 Fernwood Lane", "Unit 7, Marlow Wharf"),
        ("What is your return policy?", "return", "return"),
        ("How long does a refund take?", "within 5 working days", "within 10 working days"),
        ("How do I make a warranty claim?", "bring the bicycle to the workshop", "call the service desk"),
        ("How long does delivery take?", "2 to 3 working days", "1 to 2 working days"),
        ("Is there parking?", "free parking for 30 minutes", UNKNOWN),
        ("Can I return a helmet?", "if they are unworn", UNKNOWN),
        ("How long is the warranty on a frame?", "5 years", UNKNOWN),
        ("How much is an e-bike service?", "145 pounds", NEAREST),
        ("How much does it cost to fix a puncture?", "12 pounds", UNKNOWN),
        ("Do you repair carbon frames?", "do not repair carbon frames", UNKNOWN),
        ("How much does it cost to rent an electric bike?", "45 pounds a day", UNKNOWN),
        ("Can I return opened coffee?", NEAREST, "Opened bags cannot be returned"),
        ("How long is the warranty on grinders?", UNKNOWN, "3 years"),
        ("Can I cancel my subscription?", UNKNOWN, "48 hours"),
        ("What is the house blend called?", UNKNOWN, "Towpath"),
        ("How much is barista training?", UNKNOWN, "140 pounds"),
        ("What does descaling cost?", UNKNOWN, "39 pounds"),
        ("Do you accept bitcoin?", UNKNOWN, UNKNOWN),
        ("What is your wifi password?", UNKNOWN, UNKNOWN),
        ("What is the capital of France?", UNKNOWN, UNKNOWN),
    ],
)
async def test_each_business_answers_from_its_own_documents(question: str, fernwood: str, marlow: str) -> None:
    for business, expected in (("fernwood", fernwood), ("marlow", marlow)):
        assert expected in await text_of(DemoBackend(Folder(business), env="dev"), request(question)), business
