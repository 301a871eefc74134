"""Members: invited, changed, removed; the last owner stays, and nobody reaches above themselves or beside their business."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import aiohttp
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants import members_repository
from konstruct.tenants.members_repository import ListedMember
from konstruct.tenants.roles import ROLES, Permission, allows, outranks
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house
from tests.support.portal import Mailbox, Person, catch_mail, open_portal

HOME = "/settings/members"
NONE: dict[str, str] = {}


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


@pytest.fixture
def mailbox(house: House) -> Mailbox:
    return catch_mail(house)


@pytest.fixture
async def owner(house: House) -> AsyncIterator[Person]:
    async with open_portal(house, house.scopes[0]) as person:
        yield person


async def listed(house: House, tenant: int = 0) -> list[ListedMember]:
    async with house.db.tenant(house.scopes[tenant]) as session:
        return await members_repository.list_all(session)


async def invite(owner: Person, name: str = "Maria", role: str = "operator") -> str:
    email = f"{uuid4().hex[:12]}@example.com"
    answer = await owner.post(HOME, name=name, email=email, role=role)
    assert answer.status == 200, answer.text
    return email


async def id_of(house: House, name: str, tenant: int = 0) -> UUID:
    return next(entry.member.id for entry in await listed(house, tenant) if entry.member.name == name)


def test_the_roles_are_nested() -> None:
    for higher, lower in itertools.pairwise(ROLES):
        assert {p for p in Permission if allows(lower, p)} < {p for p in Permission if allows(higher, p)}
        assert outranks(higher, lower)
        assert not outranks(lower, higher)
    assert not allows("viewer", Permission.ANSWER_CONVERSATIONS)
    assert not allows("admin", Permission.DELETE_BUSINESS)


async def test_an_invitation_lets_a_person_in_once(house: House, owner: Person, mailbox: Mailbox) -> None:
    email = await invite(owner, "Maria <b>Lopez</b>")
    ((recipient, subject, mail),) = mailbox.mails
    assert recipient == email
    assert "Alpha Bikes" in subject
    link = re.search(r"http\S+/sign-in/\S+", mail)
    assert link
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.post(link[0], headers={"Sec-Fetch-Site": "same-origin"}) as answer:
            text = await answer.text()
            assert "Maria &lt;b&gt;Lopez&lt;/b&gt;" in text
            assert "<b>Lopez" not in text
        async with browser.post(link[0], headers={"Sec-Fetch-Site": "same-origin"}) as answer:
            assert answer.status == 410
    assert [entry.member.name for entry in await listed(house, 1)] == ["Owner"]


async def test_without_mail_the_link_is_shown(house: House, owner: Person, mailbox: Mailbox) -> None:
    mailbox.refuses = True
    answer = await owner.post(HOME, name="Maria", email=f"{uuid4().hex}@example.com", role="viewer")
    assert answer.status == 200
    assert re.search(r"/sign-in/[0-9a-f]{32}\.", answer.text)
    assert "hand this link over" in answer.text


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", " ", "a name has"),
        ("name", "x" * 101, "a name has"),
        ("email", "x", "not an e-mail"),
        ("role", "king", "one of the four"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_lost(
    house: House, owner: Person, mailbox: Mailbox, field: str, value: str, told: str
) -> None:
    fields = {"name": "Maria", "email": "maria@example.com", "role": "viewer"} | {field: value}
    answer = await owner.send(HOME, fields)
    assert answer.status == 422
    assert told in answer.text or field == "role"
    for kept in set(fields) - {field, "role"}:
        assert f'value="{fields[kept]}"' in answer.text
    assert len(await listed(house)) == 2
    assert mailbox.mails == []


async def test_an_address_is_one_members(house: House, owner: Person, mailbox: Mailbox) -> None:
    email = await invite(owner)
    answer = await owner.post(HOME, name="Again", email=email.upper(), role="viewer")
    assert answer.status == 422
    assert "a member already" in answer.text


async def test_a_role_holds_from_the_next_request(house: House, owner: Person) -> None:
    async with open_portal(house, house.scopes[0], "viewer", "Vera") as viewer:
        assert (await viewer.post(HOME, name="X", email="x@example.com", role="viewer")).status == 403
        assert (await owner.post(f"{HOME}/{viewer.member.id}/role", role="admin")).status == 200
        assert (await viewer.post(HOME, name="", email="x@example.com", role="viewer")).status == 422
        assert (await owner.post(f"{HOME}/{viewer.member.id}/role", role="viewer")).status == 200
        assert (await viewer.post(HOME, name="", email="x@example.com", role="viewer")).status == 403


async def test_removal_ends_a_session_at_once(house: House, owner: Person) -> None:
    async with open_portal(house, house.scopes[0], "admin", "Adam") as admin:
        assert "Adam" in (await admin.get("/")).text
        assert (await owner.post(f"{HOME}/{admin.member.id}/remove")).status == 200
        assert "Adam" not in (await admin.get("/")).text
    assert "Adam" not in [entry.member.name for entry in await listed(house)]


async def test_the_last_owner_stays(house: House, owner: Person) -> None:
    first = await id_of(house, "Owner")
    assert (await owner.post(f"{HOME}/{first}/remove")).status == 200
    for act, fields in (("remove", NONE), ("role", {"role": "viewer"})):
        answer = await owner.send(f"{HOME}/{owner.member.id}/{act}", fields)
        assert answer.status == 409
        assert "make somebody else an owner first" in answer.text
    assert [entry.member.id for entry in await listed(house)] == [owner.member.id]


async def test_an_admin_makes_and_unmakes_no_owner(house: House, owner: Person, mailbox: Mailbox) -> None:
    async with open_portal(house, house.scopes[0], "admin", "Adam") as admin:
        assert (await admin.post(HOME, name="O", email="o@example.com", role="owner")).status == 403
        for act, fields in (("remove", NONE), ("role", {"role": "viewer"}), ("sign-out", NONE), ("invite", NONE)):
            assert (await admin.send(f"{HOME}/{owner.member.id}/{act}", fields)).status == 403
        assert (await admin.post(f"{HOME}/{admin.member.id}/role", role="owner")).status == 403
    assert "Alpha Bikes" in (await owner.get("/")).text
    assert mailbox.mails == []


async def test_members_of_another_business_are_not_there(house: House, owner: Person) -> None:
    theirs = await id_of(house, "Owner", 1)
    for act, fields in (("remove", NONE), ("role", {"role": "viewer"}), ("sign-out", NONE), ("invite", NONE)):
        foreign = await owner.send(f"{HOME}/{theirs}/{act}", fields)
        unknown = await owner.send(f"{HOME}/{uuid4()}/{act}", fields)
        garbage = await owner.send(f"{HOME}/x/{act}", fields)
        assert foreign.status == unknown.status == garbage.status == 404
        assert foreign.text == unknown.text == garbage.text
    assert str(theirs) not in (await owner.get(HOME)).text
    assert len(await listed(house, 1)) == 1


async def test_a_profile_is_ones_own(house: House, owner: Person) -> None:
    answer = await owner.post(f"{HOME}/me", name="  Pat   <script>alert(1)</script> ", email=f"{uuid4().hex}@Example.com")
    assert "Your profile is saved" in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert (await owner.post(f"{HOME}/me", name="", email="")).status == 422
    assert (await owner.post(f"{HOME}/me", name="Pat", email="")).status == 200
