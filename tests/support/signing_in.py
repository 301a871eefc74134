"""Signing in to the portal as people do, in a browser."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.support.instance import Instance


async def sign_in_by_mail(page: Page, instance: Instance, email: str) -> None:
    """Sign in with the code that lands in the sandbox's mailbox."""
    await page.goto(f"{instance.url}/sign-in")
    await page.get_by_label("Your e-mail address").fill(email)
    await page.get_by_role("button", name="Send the code").click()
    await expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    mailbox = await page.context.new_page()
    await mailbox.goto(f"{instance.url}/sandbox/mail")
    # Among notices, which come when they come.
    await mailbox.locator(".mail-item").filter(has_text="Sign in to").filter(has_text=email).first.click()
    code = re.search(r"Your code for [^:]+: (\d{6})", await mailbox.locator("article.mail").inner_text())
    assert code
    await mailbox.close()
    await page.get_by_label("Six digits").fill(code[1])
    await page.get_by_role("button", name="Sign in").click()
