"""No page keeps anybody out: axe-core finds nothing serious, in light and dark, and no page is wider than a phone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from konstruct.local.sandbox.businesses import FERNWOOD
from tests.portal.test_walk import ask_in_sandbox, sign_in_by_mail
from tests.support.instance import Instance

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("portal-up")]
OUTSIDE = ("/", "/sign-in", "/nothing-here")
PAGES = (
    *("/", "/inbox", "/inbox?q=colour", "/employee", "/employee/versions", "/knowledge", "/knowledge/search?q=season"),
    *("/channels", "/usage", "/notices", "/settings", "/settings/members", "/settings/api-keys", "/nothing-here"),
)
LINKED = ("/inbox/", "/knowledge/", "/channels/", "/turns/", "/employee/versions/", "/settings/")
"""Beginnings of addresses of which one page each is looked at, found as a link on another."""
SERIOUS = ("serious", "critical")
PHONE = 360
OPERATOR = ("/operator", "/operator/tenants", "/operator/dead-letters", "/operator/signals")


async def problems(page: Page, url: str) -> list[str]:
    """Return what is wrong with the page at `url`, on a desk and on a phone, in both themes."""
    found = []
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)
        for width in (1280, PHONE):
            await page.set_viewport_size({"width": width, "height": 800})
            # "load", not idle: an open stream never rests.
            await page.goto(url)
            results: dict[str, Any] = (await Axe().run(page)).response
            found += [
                _told(url, theme, width, violation) for violation in results["violations"] if violation["impact"] in SERIOUS
            ]
            if await page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{url} is wider than {width} px")
    return found


def _told(url: str, theme: str, width: int, violation: dict[str, Any]) -> str:
    nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
    return f"{url} ({theme}, {width} px): {violation['id']}: {nodes}"


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


async def test_the_operators_pages_have_no_barriers(instance: Instance, browser: Browser) -> None:
    link = re.search(r"http\S+/operator/sign-in/\S+", await instance.command("operator", "create", "Barry"))
    assert link
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(link[0])
    await page.get_by_role("button", name="Sign in").click()
    listed = json.loads(await instance.command("tenant", "list", "--json"))
    paths = (*OPERATOR, f"/operator/tenants/{listed[0]['tenant_id']}", f"/operator/tenants/{listed[0]['tenant_id']}/access")
    found = [told for path in paths for told in await problems(page, instance.url + path)]
    await context.close()
    assert found == [], "\n".join(found)
