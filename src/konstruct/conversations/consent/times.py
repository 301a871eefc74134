"""Times as people write them into files and forms."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from konstruct.kit.errors import KonstructError

_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_SLASHED = re.compile(r"\d{1,4}/\d{1,2}/\d{1,4}.*")
_SERIAL = re.compile(r"\d{4,6}(?:[.,]\d+)?")


class TimeError(KonstructError):
    """It is no time; the error's own text says what to write."""


def read_time(text: str, zone: tzinfo) -> datetime:
    """Return the moment that `text` names: 2026-03-31, 2026-03-31 14:05, ISO's form with an offset, or 31.03.2026.

    Without an offset it is in `zone`; without a time it is the day's beginning, so that what happened on the same day is later.
    Raises TimeError.
    """
    text = " ".join(text.split())
    if not text:
        raise TimeError("is missing: give the day on which they agreed, such as 2026-03-31")
    if _SLASHED.fullmatch(text):
        raise TimeError("may be read in two ways: write the year first, such as 2026-03-31")
    if _SERIAL.fullmatch(text):
        raise TimeError("is a spreadsheet's own number: format the column as a date, year first, such as 2026-03-31")
    try:
        if dotted := _DOTTED.fullmatch(text):
            day, month, year, hour, minute, second = (int(part or 0) for part in dotted.groups())
            found = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        else:
            found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise TimeError("is no date: write it as 2026-03-31, or 2026-03-31 14:05") from None
