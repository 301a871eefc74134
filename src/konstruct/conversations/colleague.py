"""A person of the business, as a conversation knows them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Colleague:
    """Who takes over, replies or notes something. The name is kept with what they did: it outlives the member."""

    id: UUID
    name: str
