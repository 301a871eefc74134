"""Notices by e-mail: to whom, what, and never twice, whatever fails or dies in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import Job
from konstruct.jobs.tenant_runner import TenantJobs
from konstruct.kit.mail import MailError, SmtpMailer
from konstruct.tenants import notices
from konstruct.tenants.notices_mailing import ATTEMPTS_MAX, NoticeMails
from konstruct.tenants.service import set_status
from tests.support.house import until
from tests.support.mail_server import open_mail_server
from tests.tenants.support import BROKEN, Letterbox, add_member, change, claim_own, jobs_of, make_due, raise_in, rows, work_off

Tenants = tuple[TenantScope, TenantScope]
PORTAL = "https://desk.test/"


async def states(db: Database, scope: TenantScope) -> dict[tuple[UUID, int], str]:
    found = await rows(db, scope, "SELECT member_id, round, state FROM notice_mails WHERE tenant_id = $1")
    return {(row["member_id"], row["round"]): row["state"] for row in found}


async def owner(db: Database, scope: TenantScope, email: str = "ada@bikes.test") -> UUID:
    return await add_member(db, scope, "owner", email)


async def test_owners_and_admins_who_want_it_are_written_to_once(db: Database, tenants: Tenants) -> None:
    await owner(db, tenants[0])
    await add_member(db, tenants[0], "admin", "adi@bikes.test")
    await add_member(db, tenants[0], "operator", "op@bikes.test")
    await add_member(db, tenants[0], "viewer", "vi@bikes.test")
    silent = await add_member(db, tenants[0], "admin", "silent@bikes.test")
    await change(db, tenants[0], "UPDATE members SET notice_mail = false WHERE tenant_id = $1 AND id = $2", silent)
    await owner(db, tenants[1], "ben@bakery.test")
    await raise_in(db, tenants[0])
    box = Letterbox()
    work = NoticeMails(db, box, PORTAL)
    assert await work_off(db, tenants[0], "notice_mail", work) == 1
    assert sorted(box.recipients) == ["ada@bikes.test", "adi@bikes.test"]
    assert await jobs_of(db, tenants[0], "notice_mail") == []
    await raise_in(db, tenants[0])
    assert await work_off(db, tenants[0], "notice_mail", work) == 0
    assert len(box.mails) == 2


async def test_what_it_says(db: Database, tenants: Tenants) -> None:
    await owner(db, tenants[0])
    await raise_in(db, tenants[0])
    await raise_in(db, tenants[0])
    box = Letterbox()
    await work_off(db, tenants[0], "notice_mail", NoticeMails(db, box, PORTAL))
    ((_, subject, text),) = box.mails
    assert subject == "Slack has to be connected again · Alpha Bikes"
    assert "Do it." in text and "happened 2 times" in text
    assert "https://desk.test/channels\n" in text and "https://desk.test/notices\n" in text


async def test_what_is_resolved_before_its_mail_is_not_mailed(db: Database, tenants: Tenants) -> None:
    await owner(db, tenants[0])
    await raise_in(db, tenants[0])
    async with db.tenant(tenants[0]) as session:
        await notices.settle(session, "channel_broken")
    box = Letterbox()
    assert await work_off(db, tenants[0], "notice_mail", NoticeMails(db, box, PORTAL)) == 1
    assert box.mails == []


async def test_a_second_round_writes_to_everybody_again(db: Database, tenants: Tenants) -> None:
    member = await owner(db, tenants[0])
    await raise_in(db, tenants[0])
    box = Letterbox()
    work = NoticeMails(db, box, PORTAL)
    await work_off(db, tenants[0], "notice_mail", work)
    await change(db, tenants[0], "UPDATE notices SET emailed_at = emailed_at - interval '25 h' WHERE tenant_id = $1")
    await raise_in(db, tenants[0])
    await work_off(db, tenants[0], "notice_mail", work)
    assert box.recipients == ["ada@bikes.test"] * 2
    assert await states(db, tenants[0]) == {(member, 1): "sent", (member, 2): "sent"}


async def test_a_failure_is_tried_again_and_does_not_hold_up_or_double_the_others(db: Database, tenants: Tenants) -> None:
    await owner(db, tenants[0])
    await add_member(db, tenants[0], "admin", "adi@bikes.test")
    await raise_in(db, tenants[0])
    box = Letterbox(fails={"ada@bikes.test": MailError("busy")})
    work = NoticeMails(db, box, PORTAL)
    assert await work_off(db, tenants[0], "notice_mail", work) == 1
    assert await work_off(db, tenants[0], "notice_mail", work) == 0, "it waits"
    await make_due(db, tenants[0])
    box.fails.clear()
    assert await work_off(db, tenants[0], "notice_mail", work) == 1
    assert box.recipients == ["adi@bikes.test", "ada@bikes.test"]
    assert await jobs_of(db, tenants[0], "notice_mail") == []


@pytest.mark.parametrize(
    ("error", "state"), [(MailError("no such user", for_good=True), "refused"), (MailError("cut off", perhaps=True), "unknown")]
)
async def test_what_is_refused_for_good_or_perhaps_arrived_is_not_sent_again(
    db: Database, tenants: Tenants, error: MailError, state: str
) -> None:
    member = await owner(db, tenants[0])
    await raise_in(db, tenants[0])
    work = NoticeMails(db, Letterbox(fails={"ada@bikes.test": error}), PORTAL)
    await work_off(db, tenants[0], "notice_mail", work)
    assert await states(db, tenants[0]) == {(member, 1): state}
    assert await jobs_of(db, tenants[0], "notice_mail") == []


async def test_it_gives_up_in_the_end(db: Database, tenants: Tenants) -> None:
    member = await owner(db, tenants[0])
    await raise_in(db, tenants[0])
    work = NoticeMails(db, Letterbox(fails={"ada@bikes.test": MailError("busy")}), PORTAL)
    tried = 0
    while await jobs_of(db, tenants[0], "notice_mail"):
        await make_due(db, tenants[0])
        tried += await work_off(db, tenants[0], "notice_mail", work)
    assert tried == ATTEMPTS_MAX
    assert await states(db, tenants[0]) == {(member, 1): "refused"}


async def test_a_worker_that_died_while_handing_over_is_not_repeated(db: Database, tenants: Tenants) -> None:
    member = await owner(db, tenants[0])
    await raise_in(db, tenants[0])

    class Dying(Letterbox):
        async def send(self, recipient: str, subject: str, text: str) -> None:
            await super().send(recipient, subject, text)
            raise asyncio.CancelledError

    box = Dying()
    (job,) = await claim_own(db, tenants[0], "notice_mail")
    with pytest.raises(asyncio.CancelledError):
        await NoticeMails(db, box, PORTAL)(job)
    assert await states(db, tenants[0]) == {(member, 1): "sending"}
    await make_due(db, tenants[0])
    heir = Letterbox()
    assert await work_off(db, tenants[0], "notice_mail", NoticeMails(db, heir, PORTAL)) == 1
    assert len(box.mails) == 1 and heir.mails == []


async def test_several_workers_never_send_twice(db: Database, tenants: Tenants) -> None:
    addresses = [f"admin{number}@bikes.test" for number in range(6)]
    for address in addresses:
        await add_member(db, tenants[0], "admin", address)
    notice_id = await raise_in(db, tenants[0])
    box = Letterbox()
    # Even those that believe that they hold the same job.
    job = Job(tenants[0], "notice_mail", notice_id, epoch=1, seq=1, attempts=1)
    await asyncio.gather(*(NoticeMails(db, box, PORTAL)(job) for _ in range(5)))
    assert sorted(box.recipients) == addresses


async def test_a_claim_is_one_workers(db: Database, tenants: Tenants) -> None:
    await raise_in(db, tenants[0])
    claims = await asyncio.gather(*(claim_own(db, tenants[0], "notice_mail") for _ in range(5)))
    assert sum(len(jobs) for jobs in claims) == 1


async def test_a_suspended_business_is_not_written_to(db: Database, tenants: Tenants) -> None:
    await owner(db, tenants[0])
    await raise_in(db, tenants[0])
    await set_status(db, tenants[0].tenant_id, "suspended")
    assert await claim_own(db, tenants[0], "notice_mail") == []
    await set_status(db, tenants[0].tenant_id, "active")
    assert len(await claim_own(db, tenants[0], "notice_mail")) == 1


async def test_the_whole_way_through_a_worker_to_a_mail_server(db: Database, tenants: Tenants) -> None:
    await owner(db, tenants[0], "ada@bikes.test")
    async with open_mail_server() as server:
        mailer = SmtpMailer(f"smtp://127.0.0.1:{server.port}", "Desk <desk@firm.test>")
        async with TenantJobs(db, {"notice_mail": NoticeMails(db, mailer, PORTAL)}, poll_s=0.02).running():
            await raise_in(db, tenants[0], replace(BROKEN, title="Slack\r\nBcc: eve@evil.test"))
            await until(lambda: server.to("ada@bikes.test"))
            await until(lambda: _gone(db, tenants[0]))
    (mail,) = server.to("ada@bikes.test")
    assert mail["Subject"] == "Slack Bcc: eve@evil.test · Alpha Bikes" and mail["Bcc"] is None


async def _gone(db: Database, scope: TenantScope) -> bool:
    return not await jobs_of(db, scope, "notice_mail")


async def test_work_that_is_asked_for_while_it_is_done_is_done_once_more(db: Database, tenants: Tenants) -> None:
    notice_id = await raise_in(db, tenants[0])
    (job,) = await claim_own(db, tenants[0], "notice_mail")
    async with db.tenant(tenants[0]) as session:
        await tenant_jobs.ask(session, tenants[0], "notice_mail", notice_id)
    await tenant_jobs.end(db, job)
    (again,) = await claim_own(db, tenants[0], "notice_mail")
    assert again.attempts == 1 and not await tenant_jobs.renew(db, job)
    await tenant_jobs.end(db, job)
    assert await jobs_of(db, tenants[0], "notice_mail") == [notice_id], "an earlier holder ends nothing"
    await tenant_jobs.end(db, again)
    assert await jobs_of(db, tenants[0], "notice_mail") == []


async def test_work_that_fails_waits_and_is_done_again(db: Database, tenants: Tenants) -> None:
    await raise_in(db, tenants[0])
    tried: list[int] = []

    async def failing(job: Job) -> None:
        if job.scope == tenants[0]:
            tried.append(job.attempts)
            if len(tried) < 3:
                raise RuntimeError

    async with TenantJobs(db, {"notice_mail": failing}, poll_s=0.02, backoff_s=0.01).running():
        await until(lambda: _gone(db, tenants[0]))
    assert tried == [1, 2, 3]


async def test_a_job_whose_lease_is_lost_is_stopped(db: Database, tenants: Tenants) -> None:
    await raise_in(db, tenants[0])
    stopped = asyncio.Event()

    async def slow(job: Job) -> None:
        if job.scope != tenants[0]:
            return
        await change(db, tenants[0], "UPDATE tenant_jobs SET epoch = epoch + 1 WHERE tenant_id = $1")
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with TenantJobs(db, {"notice_mail": slow}, poll_s=0.02, lease_s=0.3).running():
        async with asyncio.timeout(10):
            await stopped.wait()
