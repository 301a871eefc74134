"""Echoes: the provider shows our own message back to us, which proves that its delivery was accepted."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from konstruct.channels import deliveries_repository, routes_repository, streams_repository
from konstruct.channels.port import Echo
from konstruct.channels.routes_repository import Route
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.jobs import queue

log = structlog.get_logger()


async def settle(db: Database, kind: str, echoes: Sequence[Echo]) -> int:
    """Mark the deliveries that `echoes` prove as sent; return how many were still open.

    An echo of an unknown account, or naming a delivery of another tenant or channel has no effect. One without a delivery's
    id names the message of an answer that was being begun, if nobody knows that yet.
    """
    telling = [echo for echo in echoes if echo.delivery_id is not None or echo.sent_at is not None]
    if not telling:
        return 0
    routes = await routes_repository.find_routes(db, kind, {echo.account_key for echo in telling})
    settled = 0
    for echo in telling:
        route = routes.get(echo.account_key)
        if route is None or route.refusal(echo.app_id) is not None:
            continue
        if echo.delivery_id is not None:
            settled += await _settle(db, route, echo)
        else:
            await _name(db, route, echo)
    return settled


async def _name(db: Database, route: Route, echo: Echo) -> None:
    """Note which message the beginning of an answer is, where the one who began it has not lived to do so."""
    sent_at = echo.sent_at
    assert sent_at is not None

    async def work(session: TenantSession) -> bool:
        where = route.account_id, echo.channel_id, echo.thread_id
        opening = await streams_repository.opening(session, *where, echo.external_id, sent_at)
        if opening is None:
            return False
        # Whoever waits for it goes on now. The lane's row is locked first, as the sender does.
        await queue.bump(session, opening["conversation_id"], "send")
        await streams_repository.opened(session, opening["turn_id"], echo.external_id, "growing")
        return True

    if await db.run(route.scope, work):
        log.info("stream_echoed", tenant_id=str(route.scope.tenant_id))


async def _settle(db: Database, route: Route, echo: Echo) -> bool:
    async def work(session: TenantSession) -> bool:
        assert echo.delivery_id is not None
        row = await deliveries_repository.find_open(session, echo.delivery_id)
        if row is None or row["channel_id"] != echo.channel_id:
            return False
        # What waits behind it may go out now. The lane's row is locked before the delivery's, as the sender does: the
        # other order would deadlock with the end of the call that this echo belongs to.
        await queue.bump(session, row["conversation_id"], "send")
        return await deliveries_repository.mark_sent(session, echo.delivery_id, echo.external_id)

    settled = await db.run(route.scope, work)
    if settled:
        log.info("delivery_echoed", tenant_id=str(route.scope.tenant_id), delivery_id=str(echo.delivery_id))
    return settled
