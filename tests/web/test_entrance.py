"""The entrance: a link works once, a code only where it was asked for, and another site can send no form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants import members_repository, sign_in
from konstruct.tenants.members import email_hash
from konstruct.tenants.service import set_status
from konstruct.tenants.vault import Vault
from konstruct.web.portal.entrance.limits import ALONE_TRIES, EntranceLimits
from tests.support.house import House, open_house
from tests.support.portal import Mailbox, catch_mail, open_portal

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        # All tests come from one address.
        opened.app.state.entrance_limits = EntranceLimits(Redis(None))
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture
async def other() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture
def mailbox(house: House) -> Mailbox:
    return catch_mail(house)


def pat(house: House) -> str:
    """An address of this test's own: one is found over all businesses of the database."""
    return f"pat@{house.scopes[0].tenant_id.hex[-12:]}.example"


async def give_address(house: House, tenant: int = 0) -> None:
    """Let the business's owner sign in by e-mail."""
    email = pat(house)
    scope = house.scopes[tenant]
    async with house.db.tenant(scope) as session:
        owner = await members_repository.first_owner(session)
        assert owner
        await session.execute("UPDATE members SET email = $3 WHERE tenant_id = $1 AND id = $2", scope.tenant_id, owner, email)
        await members_repository.set_email_hash(session, owner, email_hash(email))


async def body(browser: aiohttp.ClientSession, url: str) -> str:
    async with browser.get(url) as answer:
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        return await answer.text()


async def post(browser: aiohttp.ClientSession, url: str, **fields: str) -> tuple[int, str]:
    async with browser.post(url, data=fields, headers=SAME) as answer:
        return answer.status, await answer.text()


async def test_a_link_signs_in_once_to_its_own_business(house: House, browser: aiohttp.ClientSession) -> None:
    link = await sign_in.create_link(house.db, house.scopes[0], house.url)
    assert "Sign in" in await body(browser, link)
    status, text = await post(browser, link)
    assert status == 200
    assert "Alpha Bikes" in text
    assert "Ada" in text
    assert "Beta Bakery" not in text
    assert (await post(browser, link))[0] == 410
    assert "Alpha Bikes" in await body(browser, house.url)
    assert "Alpha Bikes" not in (await post(browser, f"{house.url}/sign-out"))[1]


@pytest.mark.parametrize("ticket", ["x", "." * 50, "00.aa", "0" * 32 + ".secret", "%00.%00", "a" * 500])
async def test_a_made_up_link_opens_nothing(house: House, browser: aiohttp.ClientSession, ticket: str) -> None:
    assert (await post(browser, f"{house.url}/sign-in/{ticket}"))[0] == 410


async def test_a_link_of_one_business_does_not_fit_another(house: House, browser: aiohttp.ClientSession) -> None:
    link = await sign_in.create_link(house.db, house.scopes[0], house.url)
    moved = link.replace(house.scopes[0].tenant_id.hex, house.scopes[1].tenant_id.hex)
    assert (await post(browser, moved))[0] == 410


async def test_a_form_of_another_site_is_refused(house: House, browser: aiohttp.ClientSession) -> None:
    link = await sign_in.create_link(house.db, house.scopes[0], house.url)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://elsewhere.example"}):
        async with browser.post(link, headers=headers) as answer:
            assert answer.status == 403
    async with browser.post(link, headers={"Origin": house.url}) as answer:
        assert answer.status == 200


async def test_suspension_ends_a_session_at_once(house: House, browser: aiohttp.ClientSession) -> None:
    await post(browser, await sign_in.create_link(house.db, house.scopes[0], house.url))
    assert "Alpha Bikes" in await body(browser, house.url)
    await set_status(house.db, house.scopes[0].tenant_id, "suspended")
    assert "Alpha Bikes" not in await body(browser, house.url)


async def test_a_suspended_business_lets_nobody_in(house: House, browser: aiohttp.ClientSession) -> None:
    link = await sign_in.create_link(house.db, house.scopes[0], house.url)
    await set_status(house.db, house.scopes[0].tenant_id, "suspended")
    assert (await post(browser, link))[0] == 410


async def test_a_code_signs_in_where_it_was_asked_for(
    house: House, browser: aiohttp.ClientSession, other: aiohttp.ClientSession, mailbox: Mailbox
) -> None:
    await give_address(house)
    status, text = await post(browser, f"{house.url}/sign-in", email=f" {pat(house).title()} ", next="/settings/members")
    assert status == 200
    assert "Look into your mail" in text
    ((recipient, subject, mail),) = mailbox.mails
    assert recipient == pat(house)
    assert "Alpha Bikes" in subject
    code = _code(mail)
    # A mail that is forwarded, or read by another, opens nothing elsewhere.
    assert (await post(other, f"{house.url}/sign-in/code", email=pat(house), code=code))[0] == 422
    link = re.search(r"http\S+/sign-in/\S+", mail)
    assert link
    assert "Open it where you asked for it" in await body(other, link[0])
    assert (await post(other, link[0]))[0] == 410
    status, text = await post(
        browser, f"{house.url}/sign-in/code", email=pat(house), code=f" {code[:3]} {code[3:]} ", next="/settings/members"
    )
    assert status == 200
    assert "Who may sign in to Alpha Bikes" in text
    assert (await post(browser, f"{house.url}/sign-in/code", email=pat(house), code=code))[0] == 422


async def test_the_link_of_a_mail_works_in_its_browser(house: House, browser: aiohttp.ClientSession, mailbox: Mailbox) -> None:
    await give_address(house)
    await post(browser, f"{house.url}/sign-in", email=pat(house))
    link = re.search(r"http\S+/sign-in/\S+", mailbox.mails[0][2])
    assert link
    assert "Alpha Bikes" in (await post(browser, link[0]))[1]


async def test_five_wrong_codes_end_the_right_one(house: House, browser: aiohttp.ClientSession, mailbox: Mailbox) -> None:
    await give_address(house)
    await post(browser, f"{house.url}/sign-in", email=pat(house))
    code = _code(mailbox.mails[0][2])
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for _ in range(5):
        assert (await post(browser, f"{house.url}/sign-in/code", email=pat(house), code=wrong))[0] == 422
    assert (await post(browser, f"{house.url}/sign-in/code", email=pat(house), code=code))[0] == 422


async def test_an_unknown_address_looks_like_a_known_one(house: House, browser: aiohttp.ClientSession, mailbox: Mailbox) -> None:
    await give_address(house)
    known = await post(browser, f"{house.url}/sign-in", email=pat(house))
    unknown = await post(browser, f"{house.url}/sign-in", email="who@alpha.example")
    assert unknown[0] == known[0]
    assert unknown[1].replace("who@alpha.example", pat(house)) == known[1]
    assert len(mailbox.mails) == 1


async def test_a_member_gets_few_mails(house: House, browser: aiohttp.ClientSession, mailbox: Mailbox) -> None:
    await give_address(house)
    for _ in range(sign_in.MAILS + 2):
        assert (await post(browser, f"{house.url}/sign-in", email=pat(house)))[0] == 200
    assert len(mailbox.mails) == sign_in.MAILS


async def test_one_address_asks_only_so_often(house: House, browser: aiohttp.ClientSession) -> None:
    house.app.state.entrance_limits = EntranceLimits(house.app.state.deps.redis)
    seen = [(await post(browser, f"{house.url}/sign-in", email=f"a{n}@b.example"))[0] for n in range(40)]
    assert seen[0] == 200
    assert seen[-1] == 429


async def test_a_member_of_two_businesses_gets_a_code_for_each(
    house: House, browser: aiohttp.ClientSession, mailbox: Mailbox
) -> None:
    await give_address(house)
    await give_address(house, tenant=1)
    await post(browser, f"{house.url}/sign-in", email=pat(house))
    ((_, _, mail),) = mailbox.mails
    codes = dict(re.findall(r"Your code for (.+): (\d{6})", mail))
    assert set(codes) == {"Alpha Bikes", "Beta Bakery"}
    _, text = await post(browser, f"{house.url}/sign-in/code", email=pat(house), code=codes["Beta Bakery"])
    assert "Beta Bakery" in text
    assert "Alpha Bikes" not in text


@pytest.mark.parametrize("email", ["", "x", "a@b", "a b@c.de", "a@b.de\r\nBcc: c@d.de", "@x.de", "a@" + "x" * 300 + ".de"])
async def test_what_is_no_address_is_named(house: House, browser: aiohttp.ClientSession, mailbox: Mailbox, email: str) -> None:
    status, text = await post(browser, f"{house.url}/sign-in", email=email)
    assert status == 422
    assert "that is not an e-mail address" in text
    assert mailbox.mails == []


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a%0d%0ab"]
)
async def test_the_way_back_stays_inside(house: House, back: str) -> None:
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get(f"/sign-in?next={back}", follow=False)
        assert (answer.status, answer.path) == (303, "/")


async def test_who_is_not_signed_in_comes_back_after_it(house: House, browser: aiohttp.ClientSession) -> None:
    async with browser.get(f"{house.url}/settings/members?sent=x", allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == "/sign-in?next=%2Fsettings%2Fmembers%3Fsent%3Dx"
    async with browser.get(f"{house.url}/settings/members", headers={"HX-Request": "true"}) as answer:
        assert answer.status == 401
        assert answer.headers["HX-Redirect"] == "/sign-in"


async def test_without_redis_a_process_counts_for_itself() -> None:
    now = 0.0
    limits = EntranceLimits(Redis(None), clock=lambda: now)
    assert [await limits.allows("a") for _ in range(ALONE_TRIES)] == [True] * ALONE_TRIES
    assert not await limits.allows("b")
    now = 601.0
    assert await limits.allows("b")


async def test_signing_out_everywhere_ends_every_session_and_link(house: House, browser: aiohttp.ClientSession) -> None:
    await post(browser, await sign_in.create_link(house.db, house.scopes[0], house.url))
    unused = await sign_in.create_link(house.db, house.scopes[0], house.url)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as second:
        await post(second, await sign_in.create_link(house.db, house.scopes[0], house.url))
        await post(browser, f"{house.url}/sign-out/everywhere")
        assert "Alpha Bikes" not in await body(second, house.url)
        assert (await post(second, unused))[0] == 410


async def test_only_hashes_are_stored(house: House, browser: aiohttp.ClientSession, mailbox: Mailbox) -> None:
    await give_address(house)
    await post(browser, f"{house.url}/sign-in", email=pat(house))
    mail = mailbox.mails[0][2]
    secret = re.search(r"/sign-in/[0-9a-f]{32}\.(\S+)", mail)
    assert secret
    async with house.db.tenant(house.scopes[0]) as session:
        rows = await session.fetch("SELECT l::text AS row FROM sign_in_links l WHERE tenant_id = $1", house.scopes[0].tenant_id)
    stored = " ".join(row["row"] for row in rows)
    assert secret[1] not in stored
    assert secret[1].encode().hex() not in stored
    assert _code(mail) not in stored


def _code(mail: str) -> str:
    found = re.search(r"Your code for .+: (\d{6})", mail)
    assert found
    return found[1]
