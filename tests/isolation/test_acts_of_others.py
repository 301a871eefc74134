"""Nothing that one business does, from its first message to its erasing, changes a byte of another's."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from konstruct.channels import accounts
from konstruct.conversations import dead_letters, dead_letters_repository, indexing, notes_repository
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.jobs import tenant_health, tenant_jobs
from konstruct.jobs.tenant_jobs import Job, JobKind
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.budget import PostgresBudget
from konstruct.local.postgres import Postgres
from konstruct.memory.documents import Documents
from konstruct.memory.reading import Reading
from konstruct.memory.uploads import Uploads
from konstruct.tenants import (
    api_keys,
    employees,
    erase,
    export_jobs,
    members,
    members_repository,
    notices,
    operator_access,
    operators,
    service,
    sessions,
    sign_in,
)
from konstruct.tenants import settings as business_settings
from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.employees_repository import Limits
from konstruct.tenants.erase import Erasing
from konstruct.tenants.export_jobs import Exports
from konstruct.tenants.members_repository import Member
from konstruct.tenants.notices_mailing import NoticeMails
from konstruct.tenants.settings import BusinessSettings
from konstruct.tenants.settings_retention import Retention
from konstruct.tenants.tenants_repository import tenant_name
from konstruct.tenants.vault import Vault
from tests.isolation.untouched import Untouched, differences, fall_asleep
from tests.support.api import open_api
from tests.support.fake_slack import answers
from tests.support.hand import make_due, send, take_turn
from tests.support.house import House, open_house
from tests.support.inbox import add_colleague, hand_back, reply, take_over
from tests.support.portal import open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import mention_pair, message
from tests.tenants.filled import fill, overview
from tests.tenants.support import Letterbox, raise_in, rows

Tenants = tuple[TenantScope, TenantScope]
Work = Callable[[Job], Awaitable[float | None]]
WEEK = timedelta(days=7)


@pytest.fixture
def model() -> Puppet:
    return Puppet()


@pytest.fixture
async def still(settings: Settings, db: Database, house_vault: Vault, tenants: Tenants, model: Puppet) -> AsyncIterator[House]:
    """The whole house; the test claims and works by hand."""
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        yield opened


@dataclass
class Busy:
    """The business that does everything. `boss` is its owner."""

    house: House
    vault: Vault
    redis: Redis
    scope: TenantScope
    boss: Member
    at: UUID

    @property
    def db(self) -> Database:
        return self.house.db

    def acts(self) -> list[Callable[[], Awaitable[Any]]]:
        """Return what it does, in order."""
        return [
            self.asks_and_is_answered,
            self.is_mentioned_and_hears_twice,
            self.has_a_turn_that_fails,
            self.has_an_answer_refused,
            self.decides_on_dead_letters,
            self.talks_itself,
            self.searches,
            self.learns_and_forgets,
            self.reads_a_file,
            self.changes_its_employee,
            self.changes_its_people,
            self.signs_people_in_and_out,
            self.uses_its_keys,
            self.opens_its_pages,
            self.sees_and_settles_trouble,
            self.spends_money,
            self.is_counted,
            self.keeps_something_in_valkey,
            self.is_looked_at_by_an_operator,
            self.takes_its_data_along,
            self.forgets_old_messages,
            self.gets_a_new_key,
            self.disconnects_and_connects,
            self.is_erased,
        ]

    async def asks_and_is_answered(self) -> None:
        await self.house.deliver(message(self.house.teams[1], "D1", "U1", "hello"))
        await take_turn(self.house)
        await send(self.house)

    async def is_mentioned_and_hears_twice(self) -> None:
        pair = mention_pair(self.house.teams[1], "C1", "U1", "hello")
        await self.house.deliver(*pair, *pair)
        await take_turn(self.house)
        await send(self.house)

    async def has_a_turn_that_fails(self) -> None:
        await self.house.deliver(message(self.house.teams[1], "D1", "U1", "hello"))
        model = self.house.turns._thinker._router.targets[0]
        assert isinstance(model, Puppet)
        model.says = lambda _: ""
        await take_turn(self.house)
        await send(self.house)

    async def has_an_answer_refused(self) -> None:
        self.house.slack.fault = answers(200, '{"ok":false,"error":"channel_not_found"}')
        self.house.slack.accept, self.house.slack.fault_in = False, "chat.postMessage"
        await self.asks_and_is_answered()
        self.house.slack.fault, self.house.slack.accept = None, True

    async def decides_on_dead_letters(self) -> None:
        letters = await self.db.run(self.scope, lambda s: dead_letters_repository.list_open(s, 100))
        assert len(letters) > 1
        await self.db.run(self.scope, lambda s: dead_letters.retry(s, letters[-1].id))
        for letter in letters[:-1]:
            await self.db.run(self.scope, lambda s, x=letter.id: dead_letters.discard(s, x))  # type: ignore[misc]
        await make_due(self.house, self.scope, "send")
        await send(self.house)

    async def talks_itself(self) -> None:
        maria = await add_colleague(self.db, self.scope)
        await take_over(self.db, self.scope, self.at, maria)
        await self.house.deliver(message(self.house.teams[1], "D2", "U1", "is anybody there?"))
        await reply(self.db, self.scope, self.at, maria, "I am here")
        await self.db.run(self.scope, lambda s: notes_repository.add(s, self.at, uuid7(), "a note", maria))
        await hand_back(self.db, self.scope, self.at, maria)
        await send(self.house)

    async def searches(self) -> None:
        await indexing.notice(self.db)
        await indexing.index_due(self.db)

    async def learns_and_forgets(self) -> None:
        documents = Documents(self.db)
        await documents.store(self.scope, "Opening hours", "We open at nine.", "test", self.boss.id)
        found = await documents.store(self.scope, "Opening hours", "We close at six.", "test", self.boss.id)
        await documents.passages(self.scope, "when do you open", 5)
        await documents.remove(self.scope, found.id)

    async def reads_a_file(self) -> None:
        stored = await Uploads(self.db).take(self.scope, io.BytesIO(b"All about bread."), "bread.txt", "text/plain")
        assert await Reading(self.db).read_now(self.scope, stored.id)

    async def changes_its_employee(self) -> None:
        now = await self.db.run(self.scope, employees.get_current)
        await employees.save(self.db, self.scope, Draft("Ben", "You bake."), now.current.number, self.boss)
        await employees.restore(self.db, self.scope, 1, now.current.number + 1, self.boss)
        await employees.set_limits(self.db, self.scope, Limits("other-model", 8000, 500))

    async def changes_its_people(self) -> None:
        pat = await members.add(self.db, self.scope, self.boss, name="Pat Doe", email="pat@bakery.example", role="viewer")
        await members.change_role(self.db, self.scope, self.boss, pat.id, "admin")
        await members.change_profile(self.db, self.scope, pat, name="Pat", email="patricia@bakery.example")
        await members.remove(self.db, self.scope, self.boss, pat.id)

    async def signs_people_in_and_out(self) -> None:
        pat = await members.add(self.db, self.scope, self.boss, name="Pat", email="pat@bakery.example", role="operator")
        (offer,) = await sign_in.ask_by_email(self.db, "pat@bakery.example", "browser")
        ticket = await sign_in.use_link(self.db, offer.ticket, "browser", "Test")
        assert ticket is not None and await sessions.find_visitor(self.db, ticket) is not None
        await sessions.close_session(self.db, ticket)
        await sessions.close_all(self.db, self.scope, pat.id)

    async def uses_its_keys(self) -> None:
        async with open_api(self.house, self.scope) as program:
            assert (await program.get("/conversations")).status == 200
            stored = await program.post("/documents", {"title": "T", "text": "Told by a program."}, once=str(uuid7()))
            assert stored.status < 300
            await api_keys.revoke(self.db, self.scope, self.boss, program.key_id)

    async def opens_its_pages(self) -> None:
        async with open_portal(self.house, self.scope) as person:
            for path in (
                "/",
                "/inbox",
                f"/inbox/{self.at}",
                "/knowledge",
                "/employee",
                "/usage",
                "/settings/members",
                "/settings",
            ):
                assert (await person.get(path)).status == 200, path

    async def sees_and_settles_trouble(self) -> None:
        found = await raise_in(self.db, self.scope)
        await self._work("notice_mail", NoticeMails(self.db, Letterbox(), "https://konstruct.example"))
        await self.db.run(self.scope, lambda s: notices.resolve(s, found, self.boss.id))

    async def spends_money(self) -> None:
        budget = PostgresBudget(self.db)
        held = await budget.reserve(self.scope, 2, 60)
        assert held is not None
        await budget.settle(self.scope, held, 1)

    async def is_counted(self) -> None:
        await tenant_health.refresh(self.db, self.scope)
        await tenant_health.refresh_due(self.db, every=timedelta(0), budget_s=0.1)

    async def keeps_something_in_valkey(self) -> None:
        keys = self.redis.tenant(self.scope)
        await keys.set("cache", "answer", value="mine", expiry_s=60)
        await keys.incr("count", "answer", expiry_s=60)
        await keys.hold("pause", "account", seconds=60)
        await keys.delete("cache", "answer")

    async def is_looked_at_by_an_operator(self) -> None:
        olga = await operators.create_operator(self.db, f"Olga {uuid7().hex[-12:]}")
        await operator_access.open_access(self.db, olga, self.scope.tenant_id, "they asked for help with an answer")
        for status in ("suspended", "active"):
            await operator_access.set_status(self.db, olga, self.scope.tenant_id, status, "by request")
            await self.house.deliver(message(self.house.teams[1], "D9", "U1", "are you there?"))
        await operators.remove_operator(self.db, olga.name)

    async def takes_its_data_along(self) -> None:
        await self.db.run(self.scope, lambda s: export_jobs.ask(s, self.boss.id))
        await self._work("export", Exports(self.db))

    async def forgets_old_messages(self) -> None:
        changed = BusinessSettings("Beta Bakery and more", "Europe/Berlin", 1)
        await self.db.run(self.scope, lambda s: business_settings.change(s, changed, self.boss.id))
        async with self.db.tenant(self.scope) as session:
            await session.execute(
                "UPDATE messages SET created_at = created_at - $2::interval WHERE tenant_id = $1", self._id, WEEK
            )
            await session.execute("UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $1", self._id)
        await self._work("retention", Retention(self.db))

    async def gets_a_new_key(self) -> None:
        await self.vault.rotate_tenant_key(self.db, self.scope)

    async def disconnects_and_connects(self) -> None:
        (row,) = await rows(self.db, self.scope, "SELECT id FROM channel_accounts WHERE tenant_id = $1")
        await accounts.disconnect(self.db, self.vault, self.scope, row["id"])
        team = self.house.teams[1]
        options = {"external_id": team.team_id, "app_id": team.app_id, "bot_user_id": team.bot_user_id, "token": team.token}
        await accounts.connect(self.db, self.vault, self.scope, kind="slack", **options)

    async def is_erased(self) -> None:
        name = await self.db.run(self.scope, tenant_name)
        await erase.begin(self.db, self.scope, name or "")
        await self._work("erase", Erasing(self.db, self.redis, self.vault))
        assert [entry for entry in await service.list_tenants(self.db) if entry.tenant_id == self._id] == []

    @property
    def _id(self) -> UUID:
        return self.scope.tenant_id

    async def _work(self, kind: JobKind, work: Work) -> None:
        """Do this tenant's due jobs as a worker does."""
        own = [job for job in await tenant_jobs.claim(self.db, kind, 10_000) if job.scope == self.scope]
        assert own
        for job in own:
            await tenant_jobs.end(self.db, job, await work(job))


async def test_whatever_one_business_does_another_stays_as_it_is(
    still: House, cluster: Postgres, redis: Redis, house_vault: Vault
) -> None:
    asleep, scope = still.scopes
    for number in (0, 1):
        await fill(still, number)
    await fall_asleep(still, asleep)
    await redis.tenant(asleep).set("cache", "answer", value="theirs", expiry_s=3600)
    await redis.tenant(asleep).incr("count", "answer", expiry_s=3600)
    async with still.db.tenant(scope) as session:
        owner = await members_repository.first_owner(session)
        boss = await members_repository.find(session, owner or uuid7())
    await still.deliver(message(still.teams[1], "D2", "U1", "hello"))
    await take_turn(still)
    await send(still)
    (talk,) = await rows(still.db, scope, "SELECT id FROM conversations WHERE tenant_id = $1 AND channel_id = 'D2'")
    assert boss is not None
    busy = Busy(still, house_vault, redis, scope, boss, talk["id"])
    async with overview(cluster) as view:
        looking = Untouched(view, still.settings, asleep)
        before = await looking.take()
        assert [name for name, checksum in before.items() if checksum == ""] == [], "let `fill` fill these tables too"
        for act in busy.acts():
            await act()
            assert differences(before, await looking.take()) == [], f"after the other one {act.__name__}"
