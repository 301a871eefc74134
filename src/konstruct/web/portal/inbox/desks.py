"""Makes the place where one writes in a conversation: a field for a reply or, where only a template gets through, a picker."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.port import ChannelAdapter
from konstruct.conversations.overview_repository import Overview
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.tenants.roles import Permission
from konstruct.tenants.sessions import Visitor
from konstruct.web.portal.inbox.view import DeskView
from konstruct.web.portal.inbox.window import window_of
from konstruct.web.portal.outreach.picker import Filled, read_picker

NOTHING = Filled()


async def read_desk(
    session: TenantSession,
    visitor: Visitor,
    adapters: Mapping[str, ChannelAdapter],
    conversation: Overview,
    query: str,
    *,
    draft: str = "",
    error: str = "",
    filled: Filled = NOTHING,
) -> DeskView:
    """Return the desk of a conversation; `draft`, `error` and `filled` are what its form was sent with. Raises NotFoundError."""
    window = window_of(conversation, adapters)
    picker = None
    if window is not None and not window.open and visitor.may(Permission.ANSWER_CONVERSATIONS):
        here = f"/inbox/{conversation.id}"
        picker = await read_picker(
            session,
            conversation.account_id,
            filled,
            choose=f"{here}{query}",
            choose_part=f"{here}/desk{query}",
            send=f"{here}/template{query}",
            target="#desk",
        )
    if picker is None:
        # The window may have opened since the form was made: what was wrong is said all the same.
        error = error or filled.error
    return DeskView(conversation, query, uuid7(), draft, error, window, picker)
