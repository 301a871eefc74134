"""A webhook body of Meta as what the house knows."""

from __future__ import annotations

from collections.abc import Sequence

from konstruct.channels.port import Inbound


def read(body: bytes) -> Sequence[Inbound]:
    """Return what a verified body holds. Raises ValueError, without content in its text, for any other form."""
    raise NotImplementedError
