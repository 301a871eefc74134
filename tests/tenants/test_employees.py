"""The employee's versions: exactly one is in force, a stale form changes nothing, and nothing is lost or made twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import employees
from konstruct.tenants.employees import By, DraftError, Saved, StaleError
from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.employees_hours import WorkingHours
from konstruct.tenants.employees_repository import Employee, Limits, Version
from konstruct.tenants.service import change_persona

SOMEBODY = By(None, "Mona")
WEEK = WorkingHours("Europe/Berlin", (*[("09:00", "17:30")] * 5, None, None))
FULL = Draft(
    name="Robin",
    instructions="You know bikes.\n\nYou are patient.",
    tone="formal",
    tone_note="Say “you”, never “thou”.",
    languages=("German", "English"),
    hours=WEEK,
    outside_hours="The workshop is in the yard.",
    must_not="Give discounts\nPromise dates",
    policy="Never sell below cost.",
)


async def current(db: Database, scope: TenantScope) -> Employee:
    return await db.run(scope, employees.get_current)


async def numbers(db: Database, scope: TenantScope) -> list[int]:
    return [version.number for version in await db.run(scope, employees.list_versions)]


async def member(db: Database, scope: TenantScope, name: str = "Mona") -> By:
    made = By(uuid7(), name)
    async with db.tenant(scope) as session:
        await session.execute(
            "INSERT INTO members (tenant_id, id, role, name) VALUES ($1, $2, 'admin', $3)", scope.tenant_id, made.id, name
        )
    return made


async def test_a_save_keeps_every_field_and_says_who(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope, other = tenants
    before = await current(db, scope)
    assert (before.current.number, before.current.draft.name, before.business) == (1, "Ada", "Alpha Bikes")
    mona = await member(db, scope)
    assert await employees.save(db, scope, FULL, 1, mona, note=" new \n shop ") == Saved(2, True)
    after = (await current(db, scope)).current
    assert after.draft == FULL
    assert (after.number, after.changed_by, after.changed_by_name, after.note) == (2, mona.id, "Mona", "new shop")
    async with db.tenant(scope) as session:
        assert await session.fetchval("SELECT name FROM agents WHERE tenant_id = $1", scope.tenant_id) == "Robin"
    first = await db.run(scope, lambda s: employees.get_version(s, 1))
    assert first.draft == before.current.draft
    assert (await current(db, other)).current.draft.name == "Ben"
    assert await numbers(db, other) == [1]


async def test_a_member_who_goes_leaves_the_name(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope = tenants[0]
    mona = await member(db, scope)
    await employees.save(db, scope, FULL, 1, mona)
    async with db.tenant(scope) as session:
        await session.execute("DELETE FROM members WHERE tenant_id = $1 AND id = $2", scope.tenant_id, mona.id)
    version = (await current(db, scope)).current
    assert (version.changed_by, version.changed_by_name, version.draft) == (None, "Mona", FULL)


async def test_saving_without_a_change_makes_no_version(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope = tenants[0]
    same = (await current(db, scope)).current.draft
    # As a browser sends it back.
    typed = replace(same, name=f" {same.name} ", instructions=same.instructions.replace("\n", "\r\n") + "\r\n")
    assert await employees.save(db, scope, typed, 1, SOMEBODY, note="nothing") == Saved(1, False)
    assert await numbers(db, scope) == [1]


async def test_a_double_submit_makes_one_version(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope = tenants[0]
    both = await asyncio.gather(*(employees.save(db, scope, FULL, 1, SOMEBODY) for _ in range(2)))
    assert sorted(both, key=lambda saved: saved.changed) == [Saved(2, False), Saved(2, True)]
    assert await numbers(db, scope) == [2, 1]


async def test_a_stale_draft_changes_nothing_and_hears_what_is_in_force(
    db: Database, tenants: tuple[TenantScope, TenantScope]
) -> None:
    scope = tenants[0]
    drafts = [replace(FULL, name=name) for name in ("Robin", "Sam", "Kim")]
    results = await asyncio.gather(*(employees.save(db, scope, d, 1, SOMEBODY) for d in drafts), return_exceptions=True)
    stale = [result for result in results if isinstance(result, StaleError)]
    assert len(stale) == 2
    now = (await current(db, scope)).current
    assert now.number == 2
    assert {error.current.draft.name for error in stale} == {now.draft.name}
    assert await numbers(db, scope) == [2, 1]


async def test_a_change_by_command_meanwhile_is_seen(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope = tenants[0]
    await employees.save(db, scope, FULL, 1, SOMEBODY)
    agent = (await current(db, scope)).agent_id
    assert await change_persona(db, scope, agent, "You know everything.", "Be kind.") == 3
    with pytest.raises(StaleError):
        await employees.save(db, scope, replace(FULL, name="Sam"), 2, SOMEBODY)
    # The command changes its two texts; the rest stays.
    assert (await current(db, scope)).current.draft == replace(FULL, instructions="You know everything.", policy="Be kind.")


async def test_many_writers_at_once_make_a_gapless_history(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope = tenants[0]
    agent = (await current(db, scope)).agent_id

    async def by_form(number: int) -> None:
        while True:
            now = await current(db, scope)
            try:
                await employees.save(db, scope, replace(FULL, name=f"R{number}"), now.current.number, SOMEBODY)
                return
            except StaleError:
                continue

    await asyncio.gather(*(by_form(n) for n in range(4)), *(change_persona(db, scope, agent, f"text {n}") for n in range(4)))
    assert await numbers(db, scope) == list(range(9, 0, -1))
    assert (await current(db, scope)).current.number == 9


async def test_a_restore_is_a_new_version_that_says_the_same(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope, other = tenants
    first = (await current(db, scope)).current.draft
    await employees.save(db, scope, FULL, 1, SOMEBODY)
    assert await employees.restore(db, scope, 1, 2, SOMEBODY) == Saved(3, True)
    now = (await current(db, scope)).current
    assert (now.draft, now.note) == (first, "Version 1 restored")
    # Sent twice, and of what is in force.
    assert await employees.restore(db, scope, 1, 2, SOMEBODY) == Saved(3, False)
    with pytest.raises(StaleError):
        await employees.restore(db, scope, 2, 1, SOMEBODY)
    with pytest.raises(NotFoundError):
        await employees.restore(db, other, 2, 1, SOMEBODY)
    assert await numbers(db, other) == [1]


@pytest.mark.parametrize("number", [0, -1, 2, 10**12])
async def test_a_version_that_is_none(db: Database, tenants: tuple[TenantScope, TenantScope], number: int) -> None:
    with pytest.raises(NotFoundError):
        await db.run(tenants[0], lambda session: employees.get_version(session, number))


async def test_the_list_goes_on_below_a_number(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope = tenants[0]
    for number in range(1, 6):
        await employees.save(db, scope, replace(FULL, name=f"R{number}"), number, SOMEBODY)

    async def listed(before: int | None) -> list[Version]:
        return await db.run(scope, lambda session: employees.list_versions(session, before=before, limit=3))

    assert [version.number for version in await listed(None)] == [6, 5, 4]
    assert [version.number for version in await listed(4)] == [3, 2, 1]


async def test_a_version_can_be_added_but_never_edited(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    for statement in ("UPDATE persona_versions SET note = 'x'", "DELETE FROM persona_versions"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.tenant(tenants[0]) as session:
                await session.execute(f"{statement} WHERE tenant_id = $1", tenants[0].tenant_id)


async def test_a_member_of_another_business_is_no_author(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    stranger = await member(db, tenants[1])
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await employees.save(db, tenants[0], FULL, 1, stranger)
    assert await numbers(db, tenants[0]) == [1]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": " \x00 "}),
        ("name", {"name": "n" * 101}),
        ("instructions", {"instructions": "\r\n"}),
        ("instructions", {"instructions": "字" * 20_001}),
        ("tone", {"tone": "angry"}),
        ("tone_note", {"tone_note": "x" * 501}),
        ("languages", {"languages": tuple(f"L{n}" for n in range(21))}),
        ("languages", {"languages": ("x" * 41,)}),
        ("outside_hours", {"outside_hours": "x" * 1001}),
        ("must_not", {"must_not": "x" * 10_001}),
        ("policy", {"policy": "x" * 20_001}),
        ("hours", {"hours": replace(WEEK, time_zone="Mars/Olympus")}),
        ("hours", {"hours": replace(WEEK, time_zone="../../etc/passwd")}),
        ("hours", {"hours": replace(WEEK, time_zone="")}),
        ("hours", {"hours": replace(WEEK, days=(None,) * 7)}),
        ("hours", {"hours": replace(WEEK, days=WEEK.days[:6])}),
        ("hours", {"hours": replace(WEEK, days=(("9:00", "17:00"), *WEEK.days[1:]))}),
        ("hours", {"hours": replace(WEEK, days=(("09:00", ""), *WEEK.days[1:]))}),
        ("hours", {"hours": replace(WEEK, days=(("24:00", "17:00"), *WEEK.days[1:]))}),
        ("hours", {"hours": replace(WEEK, days=(("09:00", "09:00"), *WEEK.days[1:]))}),
    ],
)
async def test_each_wrong_field_is_named(
    db: Database, tenants: tuple[TenantScope, TenantScope], field: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(DraftError) as caught:
        await employees.save(db, tenants[0], replace(FULL, **wrong), 1, SOMEBODY)  # type: ignore[arg-type]
    assert list(caught.value.problems) == [field]
    assert await numbers(db, tenants[0]) == [1]


async def test_the_longest_of_everything_fits(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    longest = Draft(
        name="名" * 100,
        instructions="字" * 20_000,
        tone_note="t" * 500,
        languages=tuple(f"{n:02}" + "l" * 38 for n in range(20)),
        outside_hours="o" * 1000,
        must_not="m" * 10_000,
        policy="p" * 20_000,
    )
    await employees.save(db, tenants[0], longest, 1, By(None, "n" * 300), note="n" * 900)
    now = (await current(db, tenants[0])).current
    assert now.draft == longest
    assert (len(now.note), len(now.changed_by_name)) == (500, 200)


def test_a_draft_is_tidied_as_it_is_stored() -> None:
    draft = Draft(
        name=" Ada \n Lovelace ",
        instructions=" one\r\ntwo\x00 ",
        languages=(" German ", "", "English", "German"),
        must_not="- Give discounts\r\n\r\n  • Promise dates\n-5 % on anything",
    )
    assert draft.tidy() == Draft(
        name="Ada Lovelace",
        instructions="one\ntwo",
        languages=("German", "English"),
        must_not="Give discounts\nPromise dates\n-5 % on anything",
    )
    assert draft.tidy().tidy() == draft.tidy()


async def test_limits_are_not_part_of_a_version(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    scope, other = tenants
    await employees.set_limits(db, scope, Limits("gpt-oss:20b", 32_000, 2000))
    assert (await current(db, scope)).limits == Limits("gpt-oss:20b", 32_000, 2000)
    assert (await current(db, other)).limits.model is None
    assert await numbers(db, scope) == [1]


@pytest.mark.parametrize(
    ("field", "limits"),
    [
        ("model", Limits("m" * 201, 16_000, 1000)),
        ("model", Limits("", 16_000, 1000)),
        ("context_limit_tokens", Limits(None, 999, 500)),
        ("context_limit_tokens", Limits(None, 2_000_001, 500)),
        ("reply_limit_tokens", Limits(None, 16_000, 15)),
        ("reply_limit_tokens", Limits(None, 16_000, 16_000)),
    ],
)
async def test_wrong_limits_are_named(db: Database, tenants: tuple[TenantScope, TenantScope], field: str, limits: Limits) -> None:
    with pytest.raises(DraftError) as caught:
        await employees.set_limits(db, tenants[0], limits)
    assert list(caught.value.problems) == [field]


async def test_nobody_is_found_in_a_business_without_an_employee(db: Database) -> None:
    nowhere = TenantScope(UUID(int=7))
    with pytest.raises(NotFoundError):
        await db.run(nowhere, employees.get_current)
    with pytest.raises(NotFoundError):
        await employees.save(db, nowhere, FULL, 1, SOMEBODY)
