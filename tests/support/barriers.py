"""What keeps people out of a page: told by axe-core, and by a page that is wider than a phone."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

DESK, PHONE = 1280, 360
LOOKS = (("light", DESK), ("dark", PHONE))
"""Each theme and each width once: axe is most of the time of a test, and a colour is as good on a phone as on a desk."""
SERIOUS = frozenset(("serious", "critical"))


async def barriers(page: Page, impacts: frozenset[str] = SERIOUS) -> list[str]:
    """Return what is wrong with the page that is shown, in both themes, on a desk and on a phone."""
    found = []
    for number, (theme, width) in enumerate(LOOKS):
        # A colour that is still moving from one theme to the other has no contrast to speak of.
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        await page.set_viewport_size({"width": width, "height": 800})
        if await page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{page.url} is wider than {width} px")
        results = await Axe("" if number else Axe().axe_script).run(page)
        found += [
            f"{page.url} ({theme}, {width} px): {_told(violation)}"
            for violation in results.response["violations"]
            if violation["impact"] in impacts
        ]
    return found


def _told(violation: dict[str, Any]) -> str:
    nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
    return f"{violation['id']}: {nodes}"
