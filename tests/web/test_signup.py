"""Connect WhatsApp: from Meta's dialog to a number that is answered, and every way in which it must not come about."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from konstruct.channels import routes_repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from konstruct.web.portal.channels import signup as pages
from konstruct.web.portal.pages import HEADERS
from tests.support.fake_meta import graph_answer
from tests.support.fake_slack import answers, resets
from tests.support.hand import rows
from tests.support.portal import open_portal
from tests.support.signup_house import CALLBACK, START, SignupHouse, give, open_signup_house, state_of


@pytest.fixture
async def world(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[SignupHouse]:
    async with open_signup_house(settings, db, house_vault, tenants) as opened:
        yield opened


def made(world: SignupHouse, word: str) -> int:
    """How often a path that ends so was called."""
    return sum(path.rpartition("/")[2] == word for _, path, _ in world.meta.requests)


async def test_the_dialog_and_an_approval_and_it_is_connected(world: SignupHouse, capsys: pytest.CaptureFixture[str]) -> None:
    shop, booth = world.shop(), world.meta.signup
    async with open_portal(world.house, world.scopes[0], "admin", "Kim Admin") as person:
        listed = await person.get("/channels")
        assert f'href="{START}"' in listed.text and ">ready<" in listed.text
        code = booth.approve(shop.waba, expires_in=5_184_000)
        back = await give(person, code, shop)
        (account,) = await world.accounts()
        assert (back.status, back.path) == (303, f"/channels/{account['id']}?done=installed")
        shown = await person.get(back.path)
        verified = await person.get(f"/channels/{account['id']}/verification")
        pin = await person.post(f"/channels/{account['id']}/pin")
        again = await person.get("/channels")
    assert (account["external_id"], account["business_account_id"], account["portfolio_id"], account["phone_number"]) == (
        shop.number.phone_id, shop.waba, shop.company, shop.number.digits,
    )  # fmt: skip
    assert account["scopes"] and 5_183_000 < account["left_s"] <= 5_184_000
    assert booth.wabas[shop.waba].subscribed == {booth.app_id} and shop.number.phone_id in booth.registered
    (signup,) = await world.signups()
    assert signup["done_at"] is not None and signup["secret_id"] is None and signup["begun_by"] == "Kim Admin"
    assert await world.secrets() == ["whatsapp.pin", "whatsapp.token"]
    for text in ("What comes next", "1 to 6 weeks", shop.number.digits, "not verified yet", "Show the PIN"):
        assert text in shown.text, text
    assert "Apply today" in verified.text and ">connected<" in again.text
    own_pin = booth.pins[shop.number.phone_id]
    assert re.fullmatch(r"[0-9]{6}", own_pin) and f">{own_pin}<" in pin.text and "Kim Admin saw it" in pin.text
    # The webhook routes to it from now on.
    found = await routes_repository.find_routes(world.house.db, "whatsapp", [shop.number.phone_id])
    assert found[shop.number.phone_id].scope == world.scopes[0]
    said = "".join(capsys.readouterr()) + listed.text + shown.text + verified.text + again.text + str(back.headers)
    for secret in (booth.token_of(code), booth.secret, code, own_pin):
        assert secret not in said
    assert await world.accounts(1) == [] == await world.signups(1)


async def test_one_page_lets_meta_in_and_no_other(world: SignupHouse) -> None:
    """Its scripts run by a nonce of its own, and the dialog's window keeps its way back."""
    origin = f"http://{urlsplit(world.meta.url).netloc}"
    async with open_portal(world.house, world.scopes[0], "admin") as person:
        one, two = await person.get(START), await person.get(START)
        policies = [each.headers["Content-Security-Policy"] for each in (one, two)]
        nonces = [re.findall(r"'nonce-([^']+)'", policy) for policy in policies]
        assert len(nonces[0]) == len(nonces[1]) == 1 and nonces[0] != nonces[1]
        assert f"script-src 'nonce-{nonces[0][0]}' {origin};" in policies[0] and "unsafe" not in policies[0]
        scripts = re.findall(r"<script[^>]*>", one.text)
        assert len(scripts) == 3 and all(f'nonce="{nonces[0][0]}"' in script and "src=" in script for script in scripts)
        assert one.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
        assert f'data-script="{origin}/sdk.js"' in one.text and f'data-origins="{origin}"' in one.text
        for path in ("/", "/channels", "/settings", "/channels/slack", f"{CALLBACK}x"):
            other = await person.get(path)
            assert {name: other.headers[name] for name in HEADERS} == HEADERS, path
        assert "script-src 'self';" in HEADERS["Content-Security-Policy"] and "http" not in HEADERS["Content-Security-Policy"]
        told = await give(person, "never-given")
        assert {name: told.headers[name] for name in HEADERS} == HEADERS


def test_meta_itself_is_let_in_by_name(settings: Settings) -> None:
    from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
    from konstruct.web.portal.channels import signup_policy

    adapter = WhatsAppAdapter(settings.model_copy(update={"whatsapp_app_id": "1", "whatsapp_config_id": "2"}))
    dialog = adapter.dialog()
    assert dialog.script_url == "https://connect.facebook.net/en_US/sdk.js" and dialog.version == "v25.0"
    policy = signup_policy.headers(dialog, "N")["Content-Security-Policy"]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["script-src"] == "'nonce-N' https://connect.facebook.net"
    assert (
        parts["frame-src"] == "https://*.facebook.com" and parts["form-action"] == "'self'" and parts["default-src"] == "'none'"
    )
    assert all(each.startswith("https://") and each.endswith(".facebook.com") for each in dialog.dialog_origins)


async def test_a_state_is_this_sign_ins_for_ten_minutes_and_once(world: SignupHouse) -> None:
    shop, booth = world.shop(), world.meta.signup
    house, code = world.house, booth.approve(shop.waba)
    async with (
        open_portal(house, house.scopes[0], "admin") as mine,
        open_portal(house, house.scopes[1], "admin") as theirs,
        open_portal(house, house.scopes[0], "admin", "Kim Second") as colleague,
    ):
        state, foreign, late = await state_of(mine), await state_of(theirs), await state_of(mine)
        sql = (
            "UPDATE channel_installs SET created_at = created_at - interval '601 s', expires_at = expires_at - interval '601 s'"
            " WHERE tenant_id = $1 AND id = (SELECT max(id::text)::uuid FROM channel_installs WHERE tenant_id = $1)"
        )
        async with house.db.tenant(house.scopes[0]) as session:
            assert await session.execute(sql, house.scopes[0].tenant_id) == 1
        begun = await installs_of_slack(mine)
        cases = (
            (colleague, state, 400, "began in another sign-in"),
            (theirs, state, 400, "did not begin here"),
            (mine, foreign, 400, "did not begin here"),
            (mine, late, 410, "took too long"),
            (mine, begun, 400, "did not begin here"),
            (mine, "-", 400, "did not begin here"),
            (mine, state[:-1], 400, "did not begin here"),
            (mine, "x" * 5000, 400, "did not begin here"),
        )
        for person, given, status, said in cases:
            answer = await give(person, code, shop, state=given)
            assert (answer.status, said in answer.text) == (status, True), (given[:8], answer.status)
            assert code not in answer.text
        assert world.meta.requests == [] and await world.signups() == [] == await world.signups(1)
        other_site = await mine.send(CALLBACK, {"state": state, "code": code}, headers={"Sec-Fetch-Site": "cross-site"})
        assert other_site.status == 403
        # The control: nobody's try has used up what is right. And then it is over.
        both = await asyncio.gather(*(give(mine, code, shop, state=state) for _ in range(2)))
        assert sorted(answer.status for answer in both) == [303, 410]
    assert made(world, "access_token") == 1 and len(await world.accounts()) == 1 and await world.accounts(1) == []


async def installs_of_slack(person: Any) -> str:
    """A state of another channel's install."""
    answer = await person.get("/oauth/slack/start", follow=False)
    found = re.search(r"state=([^&]+)", answer.path)
    assert found
    return found[1]


REDEEMING = (
    # What Meta says of the code, the status, what is said, and whether beginning again is offered.
    (graph_answer(100, subcode=36009), 410, "approval is over", True),
    (graph_answer(100, subcode=36007), 410, "approval is over", True),
    (graph_answer(1), 503, "tell your operator", False),
    (graph_answer(101), 503, "tell your operator", False),
    (graph_answer(4), 503, "could not be reached", True),
    (graph_answer(2, status=500), 503, "may have approved it", True),
    (answers(502, "oops", "text/html"), 503, "may have approved it", True),
    (answers(200, "[]"), 503, "may have approved it", True),
    (answers(200, '{"access_token":"with blank"}'), 503, "tell your operator", False),
    (answers(200, '{"token_type":"bearer"}'), 503, "tell your operator", False),
    (resets, 503, "may have approved it", True),
)


async def test_a_code_that_meta_does_not_redeem_leaves_nothing(world: SignupHouse) -> None:
    shop, booth = world.shop(), world.meta.signup
    async with open_portal(world.house, world.scopes[0], "admin") as person:
        for code in ("", "two words", "é", "x" * 2001):
            answer = await give(person, code, shop)
            assert (answer.status, "Meta gave nothing back" in answer.text) == (400, True), code[:10]
        assert world.meta.requests == []
        for number, (fault, status, said, again) in enumerate(REDEEMING, 1):
            world.meta.break_with(fault, only="access_token")
            answer = await give(person, booth.approve(shop.waba), shop)
            world.meta.mend()
            assert (answer.status, said in answer.text) == (status, True), f"{number}: {answer.status} {said}"
            assert (f'href="{START}"' in answer.text) == again, number
            assert made(world, "access_token") == number, "one call, and none again"
        code = booth.approve(shop.waba)
        assert (await give(person, code, shop)).status == 303, "the control"
        assert (await give(person, code, shop)).status == 410, "a code works once"
    assert len(await world.accounts()) == 1 and len(await world.signups()) == 1


async def test_what_the_browser_says_proves_nothing(world: SignupHouse) -> None:
    """Ids that the token does not cover, numbers of another account, another app's token, missing rights: nothing is kept."""
    mine, theirs, booth = world.shop(), world.shop(), world.meta.signup
    async with open_portal(world.house, world.scopes[0], "admin") as person:
        cases: tuple[tuple[str, dict[str, str], int, str], ...] = (
            (booth.approve(mine.waba), {"waba_id": theirs.waba}, 403, "did not give access"),
            (booth.approve(), {"waba_id": theirs.waba}, 403, "did not give access"),
            (booth.approve(named=False), {"waba_id": theirs.waba}, 403, "did not give access"),
            (booth.approve(mine.waba, theirs.waba, listed=(mine.waba,)), {"waba_id": theirs.waba}, 403, "did not give access"),
            (booth.approve(mine.waba, theirs.waba), {}, 409, "Which WhatsApp account"),
            (booth.approve(mine.waba, app_id="999"), {}, 503, "tell your operator"),
            (booth.approve(mine.waba, scopes=("whatsapp_business_management",)), {}, 403, "Not every permission"),
            (booth.approve(mine.waba, valid=False, subcode=463), {}, 403, "took the access back"),
        )
        for number, (code, fields, status, said) in enumerate(cases):
            answer = await give(person, code, None, **fields)
            assert (answer.status, said in answer.text) == (status, True), f"{number}: {answer.status}"
            assert await world.signups() == [] and await world.secrets() == [] and await world.accounts() == [], number
        # A number of somebody else beside one's own account: it is not taken, and one's own are offered.
        odd = await give(person, booth.approve(mine.waba), waba_id=mine.waba, phone_number_id=theirs.number.phone_id)
        offered = await person.get(odd.path)
        assert mine.number.phone_id in offered.text and theirs.number.phone_id not in offered.text
        taken = await person.post(f"{odd.path}/continue", number=theirs.number.phone_id, follow=False)
        assert taken.path == odd.path and await world.accounts() == []
        right = await person.post(f"{odd.path}/continue", number=mine.number.phone_id, follow=False)
        assert "done=installed" in right.path
    (account,) = await world.accounts()
    assert (account["business_account_id"], account["portfolio_id"]) == (mine.waba, mine.company)


async def test_without_a_word_of_the_browser_meta_is_asked(world: SignupHouse) -> None:
    shop, bare, booth = world.shop(), world.shop(numbers=0), world.meta.signup
    async with open_portal(world.house, world.scopes[0], "admin") as person:
        assert "done=installed" in (await give(person, booth.approve(shop.waba))).path
        # FINISH_ONLY_WABA: there is no number yet; it is there later, and it goes on without Meta's window.
        half = await give(person, booth.approve(bare.waba), waba_id=bare.waba)
        page = await person.get(half.path)
        assert "has no phone number yet" in page.text
        listed = await person.get("/channels")
        assert half.path in listed.text and "not connected yet" in listed.text
        from tests.support.fake_meta import Number

        late = Number(f"7{bare.waba}", bare.waba, f"44{bare.waba[:9]}", "unused")
        world.meta.numbers.append(late)
        booth.wabas[bare.waba].numbers.append(late.phone_id)
        done = await person.post(f"{half.path}/continue", follow=False)
        assert "done=installed" in done.path
        assert (await person.get(half.path, follow=False)).path == done.path.partition("?")[0]
    assert {row["external_id"] for row in await world.accounts()} == {shop.number.phone_id, late.phone_id}
    assert made(world, "access_token") == 2


STEPS: tuple[tuple[str, Any, str], ...] = (
    ("debug_token", graph_answer(190, status=401), "could not be reached"),
    ("debug_token", resets, "could not be reached"),
    ("phone_numbers", graph_answer(2, status=500), "could not be reached"),
    ("subscribed_apps", graph_answer(200, status=403), "does not allow it"),
    ("subscribed_apps", answers(200, '{"success":false}'), "could not be reached"),
    ("subscribed_apps", resets, "could not be reached"),
    ("register", graph_answer(133000), "has not ended"),
    ("register", graph_answer(133004), "could not be reached"),
    ("register", graph_answer(133006), "confirmed first"),
    ("register", graph_answer(133008), "wrong too often"),
    ("register", graph_answer(133009), "wrong too often"),
    ("register", graph_answer(133010), "registered once more"),
    ("register", graph_answer(133015), "deleted at Meta"),
    ("register", graph_answer(133016), "ten registrations"),
    ("register", graph_answer(131031), "locked"),
    ("register", graph_answer(100), "did not take it"),
    ("register", graph_answer(987654), "987654"),
    ("register", answers(502, "oops", "text/html"), "could not be reached"),
    ("register", resets, "could not be reached"),
)


async def test_each_step_that_fails_says_why_and_goes_on_from_there(world: SignupHouse) -> None:
    """Nothing is done twice that need not be, the PIN stays the one that Meta may have heard, and in the end it is connected."""
    booth = world.meta.signup
    async with open_portal(world.house, world.scopes[0], "admin") as person:
        for number, (word, fault, said) in enumerate(STEPS):
            shop = world.shop()
            world.meta.break_with(fault, only=word, accept=number % 2 == 0)
            half = await give(person, booth.approve(shop.waba), shop)
            page = await person.get(half.path)
            assert half.path.startswith("/channels/signups/") and said in page.text, f"{word} {number}: {half.path}"
            listed = await person.get("/channels")
            assert half.path in listed.text, number
            still = await person.post(f"{half.path}/continue", follow=False)
            assert still.path == half.path, "as long as it is so, it stays so"
            pins = {call.body["pin"] for call in world.meta.calls if call.path == (shop.number.phone_id, "register")}
            world.meta.mend()
            done = await person.post(f"{half.path}/continue", follow=False)
            assert "done=installed" in done.path, f"{word} {number}"
            assert len(pins | {booth.pins[shop.number.phone_id]}) == 1, "the PIN is made once"
    assert made(world, "access_token") == len(STEPS) == len(await world.accounts())
    assert all(row["done_at"] and row["problem"] is None for row in await world.signups())
    secrets = await world.secrets()
    assert secrets.count("whatsapp.token") == secrets.count("whatsapp.pin") == len(STEPS) and len(secrets) == 2 * len(STEPS)


async def test_a_number_with_a_pin_of_its_own_asks_for_it(world: SignupHouse) -> None:
    shop, booth = world.shop(), world.meta.signup
    booth.pins[shop.number.phone_id] = "246810"
    async with open_portal(world.house, world.scopes[0], "owner", "Pat Owner") as person:
        half = await give(person, booth.approve(shop.waba), shop)
        asked = await person.get(half.path)
        assert 'name="pin"' in asked.text and "WhatsApp Manager" in asked.text
        for wrong, status in (("12345", 422), ("abcdef", 422), ("1234567", 422), ("٣٣٣٣٣٣", 422), ("111111", 303)):
            answer = await person.post(f"{half.path}/continue", pin=wrong, follow=False)
            assert answer.status == status and wrong not in answer.text, wrong
        done = await person.post(f"{half.path}/continue", pin="246810", follow=False)
        assert "done=installed" in done.path
        account = done.path.partition("?")[0]
        shown = await person.post(f"{account}/pin")
        assert ">246810<" in shown.text and "Pat Owner entered it" in shown.text
        assert "246810" not in (await person.get(account)).text
    async with open_portal(world.house, world.scopes[0], "operator") as viewer:
        assert (await viewer.post(f"{account}/pin")).status == 403
        assert "Show the PIN" not in (await viewer.get(account)).text
    async with open_portal(world.house, world.scopes[1], "owner") as stranger:
        foreign = await stranger.post(f"{account}/pin")
        assert foreign.status == 404 and "246810" not in foreign.text
        assert (await stranger.post(f"{half.path}/continue")).status == (await stranger.get(half.path)).status == 404
        assert (await stranger.post(f"{half.path}/discard")).status == 404
    acts = await rows(world.house, world.scopes[0], "SELECT act, member_name FROM channel_acts WHERE tenant_id = $1 ORDER BY id")
    assert [(row["act"], row["member_name"]) for row in acts] == [
        ("pin_entered", "Pat Owner"), ("pin_entered", "Pat Owner"), ("pin_shown", "Pat Owner"),
    ]  # fmt: skip


async def test_a_number_that_is_in_use_is_not_registered_again(world: SignupHouse) -> None:
    shop, booth = world.shop(), world.meta.signup
    booth.registered.add(shop.number.phone_id)
    async with open_portal(world.house, world.scopes[0], "admin") as person:
        done = await give(person, booth.approve(shop.waba), shop)
        account = done.path.partition("?")[0]
        assert "done=installed" in done.path and made(world, "register") == 0
        assert (await person.post(f"{account}/pin")).status == 404, "nobody here knows its PIN"


async def test_what_another_business_has_is_refused_and_nothing_of_it_is_said(world: SignupHouse) -> None:
    """The number, another number of its account, another account of its company: one after the other and at once."""
    theirs, booth = world.shop(numbers=2), world.meta.signup
    sister = world.shop(company=theirs.company)
    second = next(each for each in world.meta.numbers if each.waba_id == theirs.waba and each is not theirs.number)
    async with (
        open_portal(world.house, world.scopes[0], "admin") as me,
        open_portal(world.house, world.scopes[1], "admin") as them,
    ):
        assert "done=installed" in (await give(them, booth.approve(theirs.waba), theirs)).path
        before = await world.accounts(1)
        claims = (
            ("number", theirs, theirs.number.phone_id),
            ("account", theirs, second.phone_id),
            ("company", sister, sister.number.phone_id),
        )
        for name, shop, phone in claims:
            registered = made(world, "register"), made(world, "subscribed_apps")
            refused = await give(me, booth.approve(shop.waba), shop, phone_number_id=phone)
            assert (refused.status, "connected to another business" in refused.text) == (409, True), name
            for mark in (shop.waba, shop.company, phone, world.scopes[1].tenant_id.hex, str(before[0]["id"])):
                assert mark not in refused.text, name
            assert await world.accounts() == [] == await world.signups() and await world.secrets() == [], name
            assert registered == (made(world, "register"), made(world, "subscribed_apps")), "nothing was done at Meta"
        assert await world.accounts(1) == before
        await them.post(f"/channels/{before[0]['id']}/disconnect")
        assert "done=installed" in (await give(me, booth.approve(sister.waba), sister)).path, "it is free again"
        # Both at once: no transaction sees the other, the database does.
        for _ in range(3):
            fresh = world.shop()
            both = await asyncio.gather(*(give(each, booth.approve(fresh.waba), fresh) for each in (me, them)))
            assert sorted(answer.status for answer in both) == [303, 409]


async def test_connecting_again_keeps_everything_and_disconnecting_tells_meta(world: SignupHouse) -> None:
    shop, booth = world.shop(numbers=2), world.meta.signup
    second = next(each for each in world.meta.numbers if each.waba_id == shop.waba and each is not shop.number)
    async with open_portal(world.house, world.scopes[0], "admin") as person:
        first = (await give(person, booth.approve(shop.waba), shop)).path.partition("?")[0]
        pin = booth.pins[shop.number.phone_id]
        async with world.house.db.tenant(world.scopes[0]) as session:
            sql = "UPDATE channel_accounts SET status = 'broken', status_reason = $2 WHERE tenant_id = $1 AND kind = 'whatsapp'"
            await session.execute(sql, world.scopes[0].tenant_id, "token_expired")
        broken = await person.get("/channels")
        assert "The token has expired" in broken.text and ">does not work<" in broken.text and "Connect again" in broken.text
        again = await give(person, booth.approve(shop.waba), shop)
        assert again.path == f"{first}?done=installed" and made(world, "register") == 1
        assert f">{pin}<" in (await person.post(f"{first}/pin")).text, "the PIN is kept"
        assert len(await world.signups()) == 1 and await world.secrets() == ["whatsapp.pin", "whatsapp.token"]
        other = (await give(person, booth.approve(shop.waba), shop, phone_number_id=second.phone_id)).path.partition("?")[0]
        await person.post(f"{first}/disconnect")
        assert booth.wabas[shop.waba].subscribed == {booth.app_id}, "another number of the account stays"
        await person.post(f"{other}/disconnect")
        assert booth.wabas[shop.waba].subscribed == set()
        gone = await person.get(first)
        assert "told to deliver here no more" in gone.text and f">{pin}<" in (await person.post(f"{first}/pin")).text
        back = await give(person, booth.approve(shop.waba), shop)
        assert back.path == f"{first}?done=installed" and booth.wabas[shop.waba].subscribed == {booth.app_id}


async def test_what_is_given_up_or_forgotten_leaves_no_token(world: SignupHouse) -> None:
    bare, old, booth = world.shop(numbers=0), world.shop(numbers=0), world.meta.signup
    async with open_portal(world.house, world.scopes[0], "admin") as person:
        half = await give(person, booth.approve(bare.waba), waba_id=bare.waba)
        await person.post(f"{half.path}/discard")
        assert await world.signups() == [] and await world.secrets() == []
        assert (await person.post(f"{half.path}/discard")).status == 404
        await give(person, booth.approve(old.waba), waba_id=old.waba)
        async with world.house.db.tenant(world.scopes[0]) as session:
            sql = "UPDATE channel_signups SET created_at = created_at - interval '8 days' WHERE tenant_id = $1"
            await session.execute(sql, world.scopes[0].tenant_id)
        await give(person, booth.approve(bare.waba), waba_id=bare.waba)
        assert [row["business_account_id"] for row in await world.signups()] == [bare.waba]
        assert await world.secrets() == ["whatsapp.signup_token"]


async def test_without_an_app_of_the_house_there_is_no_dialog(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> None:
    async with open_signup_house(settings, db, house_vault, tenants, app=False) as world:
        async with open_portal(world.house, world.scopes[0]) as person:
            listed = await person.get("/channels")
            assert START not in listed.text and ">not set up here<" in listed.text
            assert (await person.get(START, follow=False)).status == 404
            answer = await person.send(CALLBACK, {"state": "x", "code": "y"}, follow=False)
            assert (answer.status, "is not set up here" in answer.text) == (404, True)
            elsewhere = await person.get(START, follow=False, headers={"Sec-Fetch-Site": "cross-site"})
            assert (elsewhere.status, elsewhere.path) == (303, "/channels")
    assert pages.KIND == "whatsapp"
