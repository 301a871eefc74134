"""Operators of the installation: made by a command, signed in by a one-time link, and kept apart from businesses' members.

Neither's cookie opens the other's pages. A session is shorter than a member's, for it reaches every business.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from konstruct.db.database import Database
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import operators_repository as repository
from konstruct.tenants import tickets
from konstruct.tenants.operators_repository import ListedOperator, Operator

log = structlog.get_logger()

LINK_LIFETIME = timedelta(minutes=30)
IDLE = timedelta(hours=1)
LIFETIME = timedelta(hours=12)
"""Idle and absolute life of a session (OWASP ASVS 5.0, 7.3)."""
NAME_MAX = 100
_TICKET_MAX = 100


async def create_operator(db: Database, name: str) -> Operator:
    """Make an operator. Raises KonstructError for an empty or over-long name, ConflictError for one that is taken."""
    name = name.strip()
    if not name or len(name) > NAME_MAX:
        raise KonstructError(f"an operator's name has 1 to {NAME_MAX} characters")
    operator = Operator(uuid7(), name)
    async with db.fleet("create operator") as session:
        if not await repository.insert(session, operator):
            raise ConflictError("there is an operator of that name: `konstruct operator link` prints a new link")
    log.info("operator_created", operator_id=str(operator.id))
    return operator


async def create_link(db: Database, name: str, public_url: str) -> str:
    """Return the address of a new one-time link for an operator. Raises NotFoundError."""
    secret = tickets.new_secret()
    async with db.fleet("operator link") as session:
        operator = await repository.find_by_name(session, name.strip())
        if operator is None:
            raise NotFoundError("there is no operator of that name: `konstruct operator list` shows them")
        await repository.insert_link(session, operator.id, tickets.digest(secret), LINK_LIFETIME)
    return f"{public_url.rstrip('/')}/operator/sign-in/{secret}"


async def list_operators(db: Database) -> list[ListedOperator]:
    """Return every operator, by name."""
    return await repository.list_all(db)


async def remove_operator(db: Database, name: str) -> None:
    """Take an operator away, signed out at once. What was logged of it stays. Raises NotFoundError."""
    async with db.fleet("remove operator") as session:
        if not await repository.delete(session, name.strip()):
            raise NotFoundError("there is no operator of that name: `konstruct operator list` shows them")
    log.info("operator_removed")


async def use_link(db: Database, ticket: str) -> str | None:
    """Use up a link; return a session's cookie value, or None if the link is used, over or made up."""
    if len(ticket) > _TICKET_MAX:
        return None
    cookie = tickets.new_secret()
    async with db.fleet("operator signs in") as session:
        operator_id = await repository.use_link(session, tickets.digest(ticket))
        if operator_id is None:
            return None
        await repository.insert_session(session, operator_id, tickets.digest(cookie), LIFETIME)
    log.info("operator_signed_in", operator_id=str(operator_id))
    return cookie


async def find_operator(db: Database, cookie: str) -> Operator | None:
    """Return who is signed in with this cookie's value, or None. Notes that the session was seen."""
    return await repository.find_session(db, tickets.digest(cookie), IDLE) if 0 < len(cookie) <= _TICKET_MAX else None


async def close_session(db: Database, cookie: str) -> None:
    """Sign out: the session ends on the server."""
    async with db.fleet("operator signs out") as session:
        await repository.delete_session(session, tickets.digest(cookie))


async def close_all(db: Database, operator: Operator) -> int:
    """Sign an operator out everywhere; links that were not used yet end as well. Return how many sessions ended."""
    async with db.fleet("operator signs out everywhere") as session:
        return await repository.delete_sessions(session, operator.id)
