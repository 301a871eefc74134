"""What an owner sets for the whole business: its name, its time zone, and how long messages are kept."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

import structlog

from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.kit.errors import KonstructError
from konstruct.kit.text import storable
from konstruct.tenants import settings_repository as repository

log = structlog.get_logger()

NAME_MAX = 200
RETENTION_MAX_DAYS = 3650
NIGHT_HOUR = 3
"""When in the business's own night old messages go."""


class BusinessSettingError(KonstructError):
    """A field is wrong; `field` names it, for the form."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class BusinessSettings:
    """The settings of a business. `retention_days` None: messages are kept."""

    name: str
    time_zone: str
    retention_days: int | None


@cache
def time_zones() -> tuple[str, ...]:
    """Return the IANA zones that a person may choose: UTC and those of places."""
    names = zoneinfo.available_timezones()
    return ("UTC", *sorted(name for name in names if "/" in name and not name.startswith(("Etc/", "SystemV/", "US/"))))


def clean(name: str, time_zone: str, retention: str) -> BusinessSettings:
    """Return the settings that a form's texts say. `retention` empty: keep. Raises BusinessSettingError."""
    name, time_zone, retention = " ".join(storable(name).split()), time_zone.strip(), retention.strip()
    if not 1 <= len(name) <= NAME_MAX:
        raise BusinessSettingError("name", f"a business's name has 1 to {NAME_MAX} characters")
    if time_zone not in time_zones():
        raise BusinessSettingError("time_zone", "choose a time zone of the list, such as Europe/Berlin")
    if not retention:
        return BusinessSettings(name, time_zone, None)
    # Digits of ASCII only: int() would also take signs, blanks, underscores and other scripts.
    days = int(retention) if retention.isascii() and retention.isdigit() and len(retention) <= 5 else 0
    if not 1 <= days <= RETENTION_MAX_DAYS:
        raise BusinessSettingError("retention", f"a number of days from 1 to {RETENTION_MAX_DAYS}, or nothing to keep them")
    return BusinessSettings(name, time_zone, days)


async def change(session: TenantSession, changed: BusinessSettings, member_id: UUID) -> None:
    """Store the settings. Old messages go in the night that comes, not at once: a slip can be taken back until then.

    Raises BusinessSettingError for a time zone that the database does not know.
    """
    if not await repository.knows_zone(session, changed.time_zone):
        raise BusinessSettingError("time_zone", "this installation's database does not know this time zone: choose another")
    await repository.update(session, changed)
    tenant_id = session.scope.tenant_id
    if changed.retention_days is None:
        await tenant_jobs.forget(session, session.scope, "retention", tenant_id)
    else:
        await tenant_jobs.ask(session, session.scope, "retention", tenant_id, wait_s=until_night_s(changed.time_zone))
    log.info("settings_changed", tenant_id=str(tenant_id), by=str(member_id), retention_days=changed.retention_days)


def until_night_s(time_zone: str, now: datetime | None = None) -> float:
    """Return the seconds until it is NIGHT_HOUR in a zone, more than none."""
    here = (now or datetime.now(UTC)).astimezone(zoneinfo.ZoneInfo(time_zone))
    night = here.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    if night <= here:
        night += timedelta(days=1)
    # In UTC: two times of one zone subtract as on a wall clock, which jumps twice a year.
    return (night.astimezone(UTC) - here.astimezone(UTC)).total_seconds()
