"""A portfolio, and a business account, belong to one business: whoever comes later is refused, or stopped when it is learned."""

from __future__ import annotations

import pytest

from konstruct.channels import holdings
from konstruct.channels.accounts_repository import AccountTakenError
from konstruct.channels.outreach import today
from konstruct.db.scope import TenantScope
from tests.volume.world import Number, World


async def _troubles(world: World, number: Number) -> list[str]:
    rows = await world.rows(number, "SELECT kind FROM notices WHERE tenant_id = $1 AND resolved_at IS NULL ORDER BY kind")
    return [row["kind"] for row in rows]


async def test_the_later_one_is_refused_or_stopped(world: World, businesses: tuple[TenantScope, TenantScope]) -> None:
    alpha, beta = businesses
    first = await world.connect(alpha, "15552220001", waba="W21", portfolio="P21")
    for waba, portfolio in (("W22", "P21"), ("W21", None)):
        with pytest.raises(AccountTakenError):
            await world.connect(beta, "15552220002", waba=waba, portfolio=portfolio)
    later = await world.connect(beta, "15552220003", waba="W23", portfolio=None)
    own = await world.connect(beta, "15552220004", waba="W24", portfolio="P24")

    assert await holdings.learn(world.db, alpha, first.account_id, business_account_id="W21", portfolio_id="P21")
    assert not await holdings.learn(world.db, beta, later.account_id, portfolio_id="P21")
    assert not await holdings.learn(world.db, beta, later.account_id, portfolio_id="P21")
    sql = "SELECT status, status_reason, portfolio_id FROM channel_accounts WHERE tenant_id = $1 AND id = $2"
    (stopped,) = await world.rows(later, sql, later.account_id)
    assert tuple(stopped) == ("broken", "portfolio_shared", None)
    assert await _troubles(world, later) == ["portfolio_shared"]
    for number in (first, own):
        (account,) = await world.rows(number, sql, number.account_id)
        assert account["status"] == "active"
    assert await _troubles(world, first) == []

    # What is learned of one's own settles where it counts.
    assert await holdings.learn(world.db, beta, later.account_id, portfolio_id="P24")
    (pool,) = await world.rows(
        later,
        "SELECT p.portfolio FROM volume_pools n JOIN volume_pools p ON p.tenant_id = $1 AND p.id = n.part_of"
        " WHERE n.tenant_id = $1 AND n.account_id = $2",
        later.account_id,
    )
    assert pool["portfolio"] == "P24"
    async with world.db.tenant(beta) as session:
        assert (await today.today(session, later.account_id)).ceiling == 200
