"""What an employee offers to whoever opens its messages: questions that it can answer, from what it knows."""

from __future__ import annotations

from collections.abc import Sequence

from konstruct.conversations.suggestion import Suggestion
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.memory import documents_repository
from konstruct.tenants import employees_repository

MOST = 4
TITLE_MAX = 60


class Offering:
    """Reads the employee and its documents. It keeps nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, scope: TenantScope) -> tuple[str, Sequence[Suggestion]]:
        """Return the employee's greeting, and up to `MOST` questions; none for a tenant without an employee."""

        async def work(session: TenantSession) -> tuple[str, Sequence[Suggestion]]:
            employee = await employees_repository.current(session)
            if employee is None:
                return "", ()
            newest = await documents_repository.list_page(session, MOST - 2, None)
            hours = employee.current.draft.hours is not None
            greeting = f"Hello, I am {employee.current.draft.name}. What can I do for you?"
            return greeting, suggestions([document.title for document in newest if document.status == "ready"], hours=hours)

        return await self._db.run(scope, work)


def suggestions(titles: Sequence[str], *, hours: bool) -> tuple[Suggestion, ...]:
    """Return questions about documents of these titles, and about the employee itself."""
    found = [Suggestion("What can you help me with?", "What can you help me with?")]
    for title in titles:
        name = " ".join(title.split())
        short = name if len(name) <= TITLE_MAX else name[: TITLE_MAX - 1].rstrip() + "…"
        found.append(Suggestion(f"About: {short}", f"What should I know about “{name}”?"))
    if hours:
        found.append(Suggestion("When are your colleagues there?", "When are your colleagues there?"))
    found.append(Suggestion("I would like to talk to a person", "I would like to talk to a person. How do I do that?"))
    return tuple(found[:MOST])
