"""Operators in headless Chromium: from the link to a business's suspension, and every page without a serious barrier."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from konstruct.jobs import tenant_health
from konstruct.tenants import operators
from konstruct.tenants.operators_repository import Operator
from tests.operator.support import REASON
from tests.operator.test_dead_letters import bury_delivery, bury_turn
from tests.sandbox.support import open_browser
from tests.support.barriers import barriers
from tests.support.hand import conversation, rows
from tests.support.house import House
from tests.support.portal import open_portal
from tests.support.puppet import Puppet


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser of this test."""
    async with open_browser() as browser:
        yield browser


async def _sign_in(house: House, operator: Operator, chromium: Browser) -> Page:
    # axe-core is put into the page as a script, which our policy rightly refuses.
    context = await chromium.new_context(bypass_csp=True, reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(await operators.create_link(house.db, operator.name, house.url))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{house.url}/operator")
    return page


async def test_an_operator_suspends_a_business_and_lets_it_go_on(still: House, olga: Operator, chromium: Browser) -> None:
    page = await _sign_in(still, olga, chromium)
    async with open_portal(still, still.scopes[0]) as owner:
        await page.get_by_role("link", name="Businesses").first.click()
        await page.get_by_role("link", name="Alpha Bikes").first.click()
        await page.get_by_label("Reason").fill("the invoice is not paid")
        await page.get_by_role("button", name="Suspend").dblclick()
        await page.get_by_text("The business is suspended.").wait_for()
        assert (await owner.get("/settings/members", follow=False)).status == 303
        await page.get_by_label("Reason").fill("the invoice is paid")
        await page.get_by_role("button", name="Resume").click()
        await page.get_by_text("The business goes on.").wait_for()
        assert (await owner.get("/settings/members", follow=False)).status == 200
    done = await rows(still, still.scopes[0], "SELECT action FROM operator_actions WHERE tenant_id = $1 ORDER BY created_at")
    assert [row["action"] for row in done] == ["suspend", "resume"]


async def test_no_page_has_a_serious_barrier(still: House, olga: Operator, model: Puppet, chromium: Browser) -> None:
    letters = [await bury_turn(still, model, 0), await bury_delivery(still, 1)]
    for scope in still.scopes:
        await tenant_health.refresh(still.db, scope)
    page = await _sign_in(still, olga, chromium)
    first, second = (f"/operator/tenants/{scope.tenant_id}" for scope in still.scopes)
    await page.goto(f"{still.url}{first}/access")
    await page.get_by_label("Reason").fill(REASON)
    await page.get_by_role("button", name="Look for half an hour").click()
    await page.wait_for_url(f"**{first}/content")
    paths = [
        *("/operator", "/operator/tenants", first, "/operator/dead-letters", "/operator/signals", f"{second}/access"),
        *(f"/operator/dead-letters/{scope.tenant_id}/{one}" for scope, one in zip(still.scopes, letters, strict=True)),
        *(f"{first}/content", f"{first}/content/{await conversation(still, still.scopes[0])}", f"{second}/content"),
        *("/operator/tenants/nothing", "/operator/sign-in", "/operator/sign-in/made-up"),
    ]
    wrong = []
    for path in paths:
        await page.goto(still.url + path)
        wrong += await barriers(page)
    assert wrong == []
