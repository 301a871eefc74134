"""A message that breaks its handler at every attempt: its conversation goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from konstruct.agents import fallbacks
from konstruct.db.bootstrap import OWNER, RoleUrls
from konstruct.db.session import Record
from konstruct.kit.settings import Settings
from tests.faults.plant import PATIENCE_S, Plant, plant
from tests.faults.shown import verdict
from tests.support.house import until

POISON = 13


async def test_poison_ends_in_an_apology_and_a_dead_letter_and_holds_up_nobody(
    settings: Settings, urls: RoleUrls, tmp_path: Path
) -> None:
    async with plant(settings, tmp_path, TURN_ATTEMPTS="2") as made, _unstorable(urls):
        await asyncio.gather(made.start("web"), made.start("worker"))
        await made.round(1)
        await made.idle()
        sick, other = made.teams
        await made.say(sick, "D1", POISON)
        await until(lambda: len(made.model.requests) == 5, PATIENCE_S)
        # Meanwhile everybody goes on: the same person, the business's other people, the other business.
        await asyncio.gather(*(made.say(team, channel, 14) for team in (sick, other) for channel in made.channels))
        await made.idle()
        await made.round(15)
        await made.idle()
        await verdict(made, apologies={POISON})
        (letter,) = await _letters(made)
        assert (letter["tenant_id"], letter["kind"], letter["reason"]) == (made.scopes[0].tenant_id, "turn", fallbacks.BROKEN)
        # It was tried as often as the settings say before anybody gave it up.
        assert letter["attempts"] == 3


async def _letters(made: Plant) -> list[Record]:
    found = []
    for scope in made.scopes:
        async with made.db.tenant(scope) as session:
            found += await session.fetch("SELECT * FROM dead_letters WHERE tenant_id = $1", scope.tenant_id)
    return found


@asynccontextmanager
async def _unstorable(urls: RoleUrls) -> AsyncIterator[None]:
    """The table of steps refuses every answer to the poison, with an error that is no outage."""
    owner = await asyncpg.connect(urls.maintenance)
    try:
        await owner.execute(
            f"SET ROLE {OWNER};"
            "CREATE FUNCTION poisoned() RETURNS trigger LANGUAGE plpgsql AS"
            "  $$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = 'data_exception'; END $$;"
            f"CREATE TRIGGER poisoned BEFORE INSERT ON steps FOR EACH ROW WHEN (NEW.content ->> 'text' LIKE '%#{POISON}#%')"
            " EXECUTE FUNCTION poisoned()"
        )
        try:
            yield
        finally:
            await owner.execute("DROP TRIGGER poisoned ON steps; DROP FUNCTION poisoned()")
    finally:
        await owner.close()
