"""A question that a person may ask with one click."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`title` is what the person reads, `message` what the person then says."""

    title: str
    message: str
