"""A connected number is looked after: its token's end, the company behind it, and whether Meta has verified that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from konstruct.channels import accounts, verifications, verifications_repository
from konstruct.channels.outreach import checks
from konstruct.channels.outreach.check import Outreach, Refused
from konstruct.channels.outreach.verification import verification
from konstruct.channels.port_abilities import Grant
from konstruct.channels.watching import DAY_S, AccountWatch
from konstruct.cli.checks import whatsapp as doctor
from konstruct.cli.checks import whatsapp_repository
from konstruct.cli.checks.check import System
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import ConflictError
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support.fake_meta import graph_answer
from tests.support.fake_slack import answers, resets
from tests.support.hand import rows
from tests.support.portal import open_portal
from tests.support.signup_house import Shop, SignupHouse, open_signup_house

NOTICES = (
    "SELECT kind, severity, title, resolved_at IS NULL AS open FROM notices WHERE tenant_id = $1"
    " AND kind IN ('token_expiring', 'channel_broken') ORDER BY id"
)


@pytest.fixture
async def world(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[SignupHouse]:
    async with open_signup_house(settings, db, house_vault, tenants) as opened:
        yield opened


async def connected(world: SignupHouse, shop: Shop, number: int = 0, **token: Any) -> UUID:
    """Connect a number as the command does: with a token made by hand, and without the company."""
    booth = world.meta.signup
    made = booth.token_of(booth.approve(shop.waba, **token))
    shop.number.token = made
    grant = Grant(shop.number.phone_id, made, business_account_id=shop.waba, phone_number=shop.number.digits)
    house = world.house
    return await accounts.connect_grant(house.db, house.vault, house.scopes[number], kind="whatsapp", grant=grant)


def watch(world: SignupHouse) -> AccountWatch:
    deps = world.house.app.state.deps
    return AccountWatch(deps.db, deps.credentials, deps.adapters)


async def notices(world: SignupHouse, number: int = 0) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in await rows(world.house, world.scopes[number], NOTICES)]


async def told(world: SignupHouse, account: UUID, number: int = 0) -> list[tuple[str, str, str | None]]:
    async with world.house.db.tenant(world.scopes[number]) as session:
        found = await verifications_repository.history(session, account)
    return [(each.state, each.source, each.said) for each in found]


async def test_a_token_that_ends_is_told_early_and_breaks_the_account_at_its_end(
    world: SignupHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_numbers", _of(world.scopes[0]))
    shop, booth, scope = world.shop(), world.meta.signup, world.scopes[0]
    account = await connected(world, shop)
    job = "SELECT kind FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'account_watch' AND subject_id = $2"
    assert len(await rows(world.house, scope, job, account)) == 1, "it is asked for with the connection"
    again_s = await watch(world).look(scope, account)
    assert again_s is not None and DAY_S <= again_s < 2 * DAY_S and await notices(world) == []
    token = booth.tokens[shop.number.token]
    for days, severity, said in ((13.5, "warning", "in 13 days"), (1.5, "critical", "tomorrow"), (0.5, "critical", "today")):
        token.expires_at = int(world.meta.now() + days * DAY_S)
        await watch(world).look(scope, account)
        ((kind, level, title, is_open),) = await notices(world)
        assert (kind, level, is_open) == ("token_expiring", severity, True) and title.endswith(said), days
    assert (await doctor.tokens(System(world.house.settings, world.house.db)))[0] is False
    token.valid, token.subcode = False, 463
    assert await watch(world).look(scope, account) is not None
    ((kind, _, _, still), (broken, _, _, is_open)) = await notices(world)
    assert (kind, broken, is_open) == ("token_expiring", "channel_broken", True) and still
    assert (await world.accounts())[0]["status"] == "broken"
    assert await watch(world).look(scope, account) is None, "of a broken account nothing is asked"
    await connected(world, shop)
    assert [row[3] for row in await notices(world) if row[0] == "token_expiring"] == [False], "connected again: it is settled"
    assert await notices(world, 1) == []


async def test_the_end_that_meta_does_not_tell_is_the_one_that_was_granted(world: SignupHouse) -> None:
    """Without an app of the house nobody can be asked: the token's own time counts, and its end breaks the account."""
    shop, scope = world.shop(), world.scopes[0]
    account = await connected(world, shop)
    sql = "UPDATE channel_accounts SET token_expires_at = now() + make_interval(days => $3) WHERE tenant_id = $1 AND id = $2"
    world.meta.break_with(graph_answer(2, status=500), only="debug_token")
    for days, status in ((30, "active"), (5, "active"), (-1, "broken")):
        async with world.house.db.tenant(scope) as session:
            await session.execute(sql, scope.tenant_id, account, days)
        await watch(world).look(scope, account)
        assert (await world.accounts())[0]["status"] == status, days
    assert [row[:2] for row in await notices(world)] == [("token_expiring", "warning"), ("channel_broken", "critical")]


async def test_the_company_is_learned_and_another_tenants_is_refused(world: SignupHouse) -> None:
    mine = world.shop()
    sister = world.shop(company=mine.company)
    first, second = await connected(world, mine), await connected(world, sister, 1)
    assert [row["portfolio_id"] for row in [*await world.accounts(), *await world.accounts(1)]] == [None, None]
    world.meta.break_with(resets, only=mine.waba)
    assert (await watch(world).look(world.scopes[0], first) or DAY_S) < DAY_S, "it is asked again soon"
    world.meta.mend()
    await watch(world).look(world.scopes[0], first)
    await watch(world).look(world.scopes[1], second)
    assert [(row["portfolio_id"], row["status"]) for row in await world.accounts()] == [(mine.company, "active")]
    assert [(row["portfolio_id"], row["status"]) for row in await world.accounts(1)] == [(None, "broken")]
    async with open_portal(world.house, world.scopes[1], "admin") as person:
        page = await person.get(f"/channels/{second}")
    assert "of which another business here has a number" in page.text and world.scopes[0].tenant_id.hex not in page.text
    assert mine.waba not in page.text


async def test_what_meta_says_of_the_verification_holds_and_has_a_history(world: SignupHouse) -> None:
    shop, booth, scope = world.shop(), world.meta.signup, world.scopes[0]
    account = await connected(world, shop)
    asked = Outreach(account, uuid7(), ("hello", "en"), "asked")
    async with open_portal(world.house, scope, "admin", "Kim Admin") as person:
        page = f"/channels/{account}/verification"
        for said, words, allowed in (
            ("not_verified", "Apply today", False),
            ("pending_submission", "not sent it in", False),
            ("pending", "Wait for Meta", False),
            ("pending_need_more_info", "wants more from you", False),
            ("rejected", "apply again", False),
            ("verified", "Nothing is missing", True),
            ("revoked", "taken the verification back", False),
            ("a_new_word", "Apply today", False),
        ):
            booth.verification[shop.company] = said
            shown = await person.post(f"{page}/look")
            assert words in shown.text, said
            async with world.house.db.tenant(scope) as session:
                found = await verification(session, asked)
            assert found == (None if allowed else Refused("not_verified")), said
        before = await told(world, account)
        await person.post(f"{page}/look")
        assert await told(world, account) == before, "the same again is no change"
        refused = await person.post(page, verification="approved")
        assert (refused.status, "Meta itself tells" in refused.text) == (409, True)
    assert before[0] == ("not_started", "provider", "a_new_word") and len(before) == 8
    assert verification in checks.CHECKS


async def test_where_meta_does_not_tell_an_admin_enters_it(world: SignupHouse) -> None:
    shop, booth, scope = world.shop(), world.meta.signup, world.scopes[0]
    account = await connected(world, shop, sees_business=False)
    await watch(world).look(scope, account)
    page = f"/channels/{account}/verification"
    async with open_portal(world.house, scope, "admin", "Kim Admin") as person:
        for state, status in (
            ("", 422),
            ("nonsense", 422),
            ("rejected", 409),
            ("submitted", 200),
            ("submitted", 200),
            ("approved", 200),
        ):
            assert (await person.post(page, verification=state)).status == status, state
        shown = await person.get(page)
        assert "entered by Kim Admin" in shown.text and "Nothing is missing" in shown.text
    async with open_portal(world.house, scope, "operator") as viewer:
        assert (await viewer.get(page)).status == 200
        assert (await viewer.post(page, verification="rejected")).status == 403
    async with open_portal(world.house, world.scopes[1], "owner") as stranger:
        for answer in (
            await stranger.get(page),
            await stranger.post(page, verification="rejected"),
            await stranger.post(f"{page}/look"),
        ):
            assert answer.status == 404
    assert await told(world, account) == [("approved", "member", None), ("submitted", "member", None)]
    # Meta tells from now on, and what it says holds; then it tells no more, and what it said stays until somebody knows better.
    booth.tokens[shop.number.token].sees_business = True
    booth.verification[shop.company] = "pending"
    await watch(world).look(scope, account)
    booth.tokens[shop.number.token].sees_business = False
    await watch(world).look(scope, account)
    assert (await told(world, account))[:2] == [("submitted", "nobody", None), ("submitted", "provider", "pending")]
    async with world.house.db.tenant(scope) as session:
        await verifications.enter(session, account, "rejected", "Kim Admin")
        with pytest.raises(ConflictError):
            await verifications.enter(session, account, "approved", "Kim Admin")


async def test_the_accounts_of_one_company_share_its_verification(world: SignupHouse) -> None:
    shop, other = world.shop(), world.shop()
    sister = world.shop(company=shop.company)
    world.meta.signup.verification[shop.company] = "verified"
    first, second, apart = [await connected(world, each) for each in (shop, sister, other)]
    theirs = await connected(world, world.shop(), 1)
    for account in (second, first):
        await watch(world).look(world.scopes[0], account)
    world.meta.signup.verification[shop.company] = "revoked"
    await watch(world).look(world.scopes[0], second)
    assert (await told(world, first))[0] == (await told(world, second))[0] == ("rejected", "provider", "revoked")
    assert await told(world, apart) == [] == await told(world, theirs, 1)


async def test_the_doctor_asks_meta_and_our_own_web(world: SignupHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_numbers", _of(world.scopes[0]))
    settings, booth = world.house.settings, world.meta.signup
    system = System(settings, world.house.db)
    ok, said = await doctor.app(settings)
    assert ok is True and said.startswith("Meta answers 100")
    for name, value, code in (("id", "999", "101"), ("secret", SecretStr("another"), "answers 1 ")):
        ok, said = await doctor.app(settings.model_copy(update={f"whatsapp_app_{name}": value}))
        assert ok is False and code in said, name
    assert (await doctor.webhook(settings))[0] is True
    wrong = settings.model_copy(update={"whatsapp_verify_token": SecretStr("another")})
    assert (await doctor.webhook(wrong))[0] is False
    shop = world.shop()
    account = await connected(world, shop)
    ok, said = await doctor.subscribed(system)
    assert ok is False and f"{account}" in said
    booth.wabas[shop.waba].subscribed.add("another app")
    assert (await doctor.subscribed(system))[0] is False
    booth.wabas[shop.waba].subscribed.add(booth.app_id)
    assert (await doctor.subscribed(system))[0] is True and (await doctor.tokens(system))[0] is True
    world.meta.break_with(answers(502, "oops"), only="subscribed_apps")
    assert (await doctor.subscribed(system))[0] is False
    world.meta.mend()
    for said, ok in (("not_verified", None), ("verified", True), ("rejected", False)):
        booth.verification[shop.company] = said
        await watch(world).look(world.scopes[0], account)
        assert (await doctor.verification(system))[0] is ok, said
    assert shop.number.token not in said


def _of(scope: TenantScope) -> Any:
    """The numbers of one business: other tests leave theirs, and a sample of all may miss ours."""

    async def own(system: System) -> list[Any]:
        async with system.db.tenant(scope) as session:
            return [(scope, each) for each in await whatsapp_repository.numbers(session)]

    return own
