"""Check of what must only lie sealed: no token stands in plain in any column."""

from __future__ import annotations

from collections import Counter

from konstruct.cli.checks import repository, tokens_repository
from konstruct.cli.checks.check import System, SystemCheck, Verdict

STATEMENT_S = 5.0


async def plaintext_tokens(system: System) -> Verdict:
    """No token of a known form in the newest rows of any table. Sampled: the whole of it would be a scan of everything."""
    found: Counter[tuple[str, str]] = Counter()
    total = await repository.tenant_count(system.db)
    sample = await repository.sample(system.db)
    async with system.db.fleet("doctor tokens") as session:
        tables = await tokens_repository.platform_look(session)
        found.update({(place, "the platform"): rows for place, rows in await tables.rows(session)})
    async with system.db.unscoped() as plain:
        look = await tokens_repository.tenant_look(plain)
    for scope in sample:
        async with system.db.tenant(scope, timeout_s=STATEMENT_S) as tenant:
            found.update({(place, f"tenant {scope.tenant_id}"): rows for place, rows in await look.rows(tenant)})
    looked = (
        f"the newest {tokens_repository.ROWS} rows of {look.tables} tables were looked at, for {len(sample)} of {total} tenants"
    )
    if not found:
        return True, f"no token in plain; {looked}"
    (place, whose), rows = next(iter(sorted(found.items())))
    more = f" and {len(found) - 1} more places" if len(found) > 1 else ""
    return False, f"column {place} of {whose} holds a token in plain in {rows} rows{more}; {looked}"


CHECKS: dict[str, SystemCheck] = {"plaintext-tokens": plaintext_tokens}
