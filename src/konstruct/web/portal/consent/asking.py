"""What all pages of consent need: where they are, and what the visitor's business and its channels are like."""

from __future__ import annotations

from datetime import tzinfo

from fastapi import Request
from fastapi.responses import RedirectResponse

from konstruct.db.session import TenantSession
from konstruct.tenants import settings_repository
from konstruct.tenants.employees_hours import zone
from konstruct.web.deps import deps_of
from konstruct.web.portal.pages import HEADERS

HOME = "/consent"


def kinds_of(request: Request) -> list[str]:
    """Return the channels in which people have to agree before they are written to."""
    return [kind for kind, adapter in deps_of(request).adapters.items() if adapter.caps.opt_in_required]


async def zone_of(session: TenantSession) -> tzinfo:
    """Return the business's time zone."""
    _, time_zone, _ = await settings_repository.read(session)
    return zone(time_zone)


def redirect(address: str) -> RedirectResponse:
    """Go on to a page of the portal."""
    return RedirectResponse(address, status_code=303, headers=HEADERS)
