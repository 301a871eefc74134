"""Who records a consent or a withdrawal."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Recorder:
    """A member of the business, a program of it, or the person themselves. The name stays when the member goes."""

    name: str = field(repr=False)
    member_id: UUID | None = None


PERSON = Recorder("the person")
