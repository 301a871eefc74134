"""Notices: one per trouble, counted, resolved by a person or by themselves, and never mailed endlessly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError
from konstruct.tenants import notices, notices_repository
from konstruct.tenants.notices_repository import Notice
from tests.tenants.support import BROKEN, add_member, change, jobs_of, raise_in, rows

Tenants = tuple[TenantScope, TenantScope]


async def open_notices(db: Database, scope: TenantScope) -> list[Notice]:
    async with db.tenant(scope) as session:
        return await notices_repository.list_open(session)


async def settle(db: Database, scope: TenantScope, subject: str | None = None) -> int:
    async with db.tenant(scope) as session:
        return await notices.settle(session, "channel_broken", subject=subject)


async def resolve(db: Database, scope: TenantScope, notice_id: UUID, member_id: UUID) -> None:
    async with db.tenant(scope) as session:
        await notices.resolve(session, notice_id, member_id)


async def mails(db: Database, scope: TenantScope) -> list[int]:
    return [row["mails"] for row in await rows(db, scope, "SELECT mails FROM notices WHERE tenant_id = $1 ORDER BY id")]


async def a_day_later(db: Database, scope: TenantScope) -> None:
    await change(
        db,
        scope,
        "UPDATE notices SET emailed_at = emailed_at - interval '25 h', resolved_at = resolved_at - interval '25 h'"
        " WHERE tenant_id = $1",
    )


async def test_a_trouble_is_one_notice_however_often_it_happens(db: Database, tenants: Tenants) -> None:
    first = await raise_in(db, tenants[0])
    assert await raise_in(db, tenants[0], replace(BROKEN, title="Now it is worse", action_path="/channels/1")) == first
    (notice,) = await open_notices(db, tenants[0])
    assert (notice.count, notice.title, notice.action_path) == (2, "Now it is worse", "/channels/1")
    assert notice.last_at > notice.first_at
    assert await raise_in(db, tenants[0], replace(BROKEN, subject="account-2")) != first
    assert await mails(db, tenants[0]) == [1, 1]
    assert await open_notices(db, tenants[1]) == []


async def test_many_at_once_are_one(db: Database, tenants: Tenants) -> None:
    ids = await asyncio.gather(*(raise_in(db, tenants[0]) for _ in range(20)))
    assert len(set(ids)) == 1
    (notice,) = await open_notices(db, tenants[0])
    assert notice.count == 20
    assert await mails(db, tenants[0]) == [1]


async def test_it_mails_again_after_a_day_and_three_times_at_most(db: Database, tenants: Tenants) -> None:
    for expected in (1, 2, 3, 3, 3):
        await raise_in(db, tenants[0])
        await raise_in(db, tenants[0])
        assert await mails(db, tenants[0]) == [expected]
        await a_day_later(db, tenants[0])


async def test_what_comes_and_goes_all_day_is_one_notice_and_one_mail(db: Database, tenants: Tenants) -> None:
    for _ in range(5):
        await raise_in(db, tenants[0])
        assert await settle(db, tenants[0], "account-1") == 1
        assert await open_notices(db, tenants[0]) == []
    assert await mails(db, tenants[0]) == [1]
    await a_day_later(db, tenants[0])
    await raise_in(db, tenants[0])
    assert await mails(db, tenants[0]) == [1, 1]


async def test_settling_is_for_the_subject_named_or_for_all(db: Database, tenants: Tenants) -> None:
    for scope in tenants:
        await raise_in(db, scope)
        await raise_in(db, scope, replace(BROKEN, subject="account-2"))
        await raise_in(db, scope, replace(BROKEN, kind="document_failed"))
    assert await settle(db, tenants[0], "account-2") == 1
    assert await settle(db, tenants[0]) == 1
    assert [notice.kind for notice in await open_notices(db, tenants[0])] == ["document_failed"]
    assert len(await open_notices(db, tenants[1])) == 3


async def test_a_person_resolves_it_once_and_it_may_come_again(db: Database, tenants: Tenants) -> None:
    member = await add_member(db, tenants[0], "operator")
    other = await add_member(db, tenants[0], "admin")
    notice_id = await raise_in(db, tenants[0])
    await resolve(db, tenants[0], notice_id, member)
    await resolve(db, tenants[0], notice_id, other)
    async with db.tenant(tenants[0]) as session:
        found = await notices_repository.find(session, notice_id)
        (listed,) = await notices_repository.list_resolved(session, 10)
    assert found == listed and found is not None
    assert (found.resolution, found.resolved_by) == ("person", "Pat Doe")
    (row,) = await rows(db, tenants[0], "SELECT resolved_by FROM notices WHERE tenant_id = $1")
    assert row["resolved_by"] == member
    again = await raise_in(db, tenants[0])
    assert again != notice_id
    assert await mails(db, tenants[0]) == [1, 1]
    assert sorted(await jobs_of(db, tenants[0], "notice_mail")) == sorted([notice_id, again])


async def test_another_tenants_notice_does_not_exist(db: Database, tenants: Tenants) -> None:
    member = await add_member(db, tenants[1], "owner")
    notice_id = await raise_in(db, tenants[0])
    with pytest.raises(NotFoundError):
        await resolve(db, tenants[1], notice_id, member)
    assert len(await open_notices(db, tenants[0])) == 1


async def test_the_gravest_come_first_and_resolved_ones_are_paged(db: Database, tenants: Tenants) -> None:
    for number, severity in enumerate(["info", "critical", "warning"]):
        await raise_in(db, tenants[0], replace(BROKEN, subject=str(number), severity=severity))  # type: ignore[arg-type]
    assert [notice.severity for notice in await open_notices(db, tenants[0])] == ["critical", "warning", "info"]
    await settle(db, tenants[0])
    async with db.tenant(tenants[0]) as session:
        first = await notices_repository.list_resolved(session, 2)
        resolved_at = first[-1].resolved_at
        assert resolved_at is not None
        rest = await notices_repository.list_resolved(session, 2, (resolved_at, first[-1].id))
    assert len(first) == 2 and len(rest) == 1
    assert len({notice.id for notice in (*first, *rest)}) == 3


async def test_a_notice_of_a_transaction_that_fails_never_was(db: Database, tenants: Tenants) -> None:
    with pytest.raises(RuntimeError):
        async with db.tenant(tenants[0]) as session:
            await notices.raise_notice(session, BROKEN)
            raise RuntimeError
    assert await open_notices(db, tenants[0]) == []
    assert await jobs_of(db, tenants[0], "notice_mail") == []
