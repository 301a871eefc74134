"""Check that nobody is written to without consent: the doctor's own tenant tries it, and the database has to refuse."""

from __future__ import annotations

from konstruct.cli.checks import consent_repository as repository
from konstruct.cli.checks.check import System, SystemCheck, Verdict
from konstruct.cli.checks.probe_tenant import probe_tenant
from konstruct.conversations.consent import consents_repository
from konstruct.db.session import CheckViolation


class _StoredError(Exception):
    """Takes back what the database should have refused."""


async def refused(system: System) -> Verdict:
    """A message with which the business begins is refused by the database where nobody has consented to it."""
    taken: list[str] = []
    async with probe_tenant(system.db) as probe:
        for form in repository.FORMS:
            try:
                async with system.db.tenant(probe.scope) as session:
                    await repository.write_first(session, probe.account_id, probe.agent_id, form)
                    raise _StoredError
            except CheckViolation as error:
                if not consents_repository.missing(error):
                    raise
            except _StoredError:
                taken.append(form)
    if taken:
        return False, f"the database took a message to somebody who never agreed: {', '.join(taken)}"
    return True, f"the database refused a message to somebody who never agreed, in each of {len(repository.FORMS)} forms"


CHECKS: dict[str, SystemCheck] = {"consent-refused": refused}
