"""A template that the provider refused to send is known to be so, until the provider says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from konstruct.channels.templates import templates_repository
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs

if TYPE_CHECKING:
    from konstruct.channels.refusals import Refusal

_STATES = {"missing": "MISSING", "paused": "PAUSED", "disabled": "DISABLED"}


async def refused(session: TenantSession, refusal: Refusal) -> None:
    """Mark the template that a refusal is about, and ask the provider anew for what it has."""
    if refusal.template is None or refusal.said.template is None:
        return
    if (state := _STATES.get(refusal.said.template)) is not None:
        await templates_repository.mark(session, refusal.account_id, *refusal.template, state, refusal.said.reason)
    await tenant_jobs.ask(session, session.scope, "template_sync", refusal.account_id)
