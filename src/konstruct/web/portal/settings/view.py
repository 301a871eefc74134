"""What the pages of settings show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from konstruct.tenants.export_repository import Export

_UNITS = ("B", "KB", "MB", "GB")


@dataclass(frozen=True, slots=True)
class ExportView:
    """The newest export with its size in words."""

    export: Export
    size: str


@dataclass(frozen=True, slots=True)
class SettingsView:
    """The settings as they are stored, as a form says them, and what was wrong with it."""

    stored: Mapping[str, str]
    form: Mapping[str, str]
    errors: Mapping[str, str]
    saved: str
    """Which section has just been saved."""
    wants_mail: bool
    time_zones: Sequence[tuple[str, str]]
    """Each with how it is read."""
    export: ExportView | None


def shown(export: Export | None) -> ExportView | None:
    """Return an export with its looks."""
    return None if export is None else ExportView(export, size_of(export.bytes))


def size_of(count: int) -> str:
    """Return a number of bytes as people say it: "12 KB", "3.4 MB"."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit < 2 else f"{value:.1f} {_UNITS[unit]}"
