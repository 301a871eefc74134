"""No page keeps anybody out: axe-core finds nothing serious, in light and dark, and no page is wider than a phone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page

from konstruct.local.sandbox.businesses import FERNWOOD
from tests.portal.test_walk import ask_in_sandbox
from tests.support.barriers import barriers
from tests.support.instance import Instance
from tests.support.signing_in import sign_in_by_mail

pytestmark = pytest.mark.asyncio(loop_scope="session")
OUTSIDE = ("/", "/sign-in", "/nothing-here")
PAGES = (
    *("/", "/inbox", "/inbox?q=colour", "/employee", "/employee/versions", "/knowledge", "/knowledge/search?q=season"),
    *("/consent", "/consent/import", "/consent/record"),
    *("/channels", "/usage", "/notices", "/settings", "/settings/members", "/settings/api-keys", "/nothing-here"),
)
LINKED = ("/inbox/", "/knowledge/", "/channels/", "/turns/", "/employee/versions/", "/settings/")
"""Beginnings of addresses of which one page each is looked at, found as a link on another."""


async def problems(page: Page, url: str) -> list[str]:
    """Return what is wrong with the page at `url`."""
    # "load", not idle: an open stream never rests.
    await page.goto(url)
    return await barriers(page)


async def test_the_entrance_has_no_barriers(instance: Instance, page: Page) -> None:
    found = [told for path in OUTSIDE for told in await problems(page, instance.url + path)]
    assert found == []


async def test_the_portal_has_no_barriers(instance: Instance, page: Page) -> None:
    await sign_in_by_mail(page, instance, FERNWOOD.owner_email)
    await ask_in_sandbox(instance, "What is the colour of the season?")
    found, linked = [], dict[str, str]()
    for path in PAGES:
        found += await problems(page, instance.url + path)
        for href in re.findall(r'href="(/[^"#?]+)"', await page.content()):
            for start in LINKED:
                if href.startswith(start) and href not in PAGES:
                    linked.setdefault(start, href)
    for path in linked.values():
        found += await problems(page, instance.url + path)
        if path.startswith("/inbox/") and (turn := re.search(r'href="(/turns/[^"#?]+)"', await page.content())):
            found += await problems(page, instance.url + turn[1])
    assert {"/inbox/", "/knowledge/", "/channels/", "/employee/versions/"} <= linked.keys()
    assert found == [], "\n".join(found)
