"""An operator in a browser without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from konstruct.tenants import operators
from konstruct.tenants.members_repository import Member
from konstruct.tenants.operators_repository import Operator
from tests.support.house import House
from tests.support.portal import Person

COOKIE = "konstruct_operator"
REASON = "support case 4711"


@asynccontextmanager
async def open_operations(house: House, operator: Operator | None) -> AsyncIterator[Person]:
    """Sign an operator in, or open a browser that is not signed in."""
    cookies = {}
    if operator is not None:
        link = await operators.create_link(house.db, operator.name, house.url)
        cookie = await operators.use_link(house.db, link.rsplit("/", 1)[1])
        assert cookie
        cookies = {COOKIE: cookie}
    async with aiohttp.ClientSession(cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        nobody = Member(operator.id, operator.name, None, "viewer") if operator else None
        yield Person(house.url, nobody, cookies.get(COOKIE, ""), http)  # type: ignore[arg-type]
