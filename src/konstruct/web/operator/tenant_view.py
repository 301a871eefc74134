"""A tenant as the operators' pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from konstruct.tenants.operator_access_repository import Access, Done
from konstruct.tenants.operator_overview_repository import TenantView
from konstruct.web.operator import wording

SLOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong with a tenant."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant, its status and what is wrong with it."""

    tenant: TenantView
    tone: str
    troubles: list[Trouble]
    waits: str


@dataclass(frozen=True, slots=True)
class TenantsView:
    """A page of the list."""

    rows: list[TenantRow]
    status: str
    older: str
    sought: str
    """What was looked for and is no id."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One thing that an operator did."""

    at: datetime
    who: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class TenantDetail:
    """One tenant's page."""

    row: TenantRow
    log: list[LogLine]
    told: str
    error: str
    reason: str


def log_of(accesses: list[Access], done: list[Done]) -> list[LogLine]:
    """Return what operators did, the latest first."""
    read = [LogLine(entry.created_at, entry.operator_name, "read conversations", entry.reason) for entry in accesses]
    rest = [LogLine(entry.created_at, entry.operator_name, wording.ACTIONS[entry.action], entry.reason) for entry in done]
    return sorted([*read, *rest], key=lambda line: line.at, reverse=True)


def row_of(tenant: TenantView) -> TenantRow:
    """Return the tenant with what is wrong with it, the worst first."""
    troubles = []
    if tenant.broken_accounts:
        troubles.append(Trouble(_count(tenant.broken_accounts, "broken channel"), "bad"))
    if tenant.open_dead_letters:
        troubles.append(Trouble(_count(tenant.open_dead_letters, "dead letter"), "warn"))
    if tenant.age_s > SLOW_S and tenant.status == "active":
        troubles.append(Trouble(f"waiting for {wording.span(tenant.age_s)}", "warn"))
    if tenant.oldest_unknown_at:
        troubles.append(Trouble("unsure sends", "warn"))
    return TenantRow(tenant, wording.STATUS_TONES[tenant.status], troubles, wording.span(tenant.age_s))


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
