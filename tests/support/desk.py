"""The desk's work by hand: forms posted and signed, and their events handled as a worker would, one house's own only."""

from __future__ import annotations

import io
from typing import Any

import aiohttp

from konstruct.channels.desk import Desk
from konstruct.channels.events_handling import EventHandling
from konstruct.channels.port_events import Opened
from konstruct.conversations.forgetting import Forgetting
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import Job, JobKind
from tests.conftest import SIGNING_SECRET
from tests.support import slack_forms
from tests.support.house import House
from tests.support.slack_events import Team, sign

INTERACTIVITY, COMMANDS = "/webhooks/slack/interactivity", "/webhooks/slack/commands"


async def post_form(
    house: House, path: str, body: bytes, headers: dict[str, str] | None = None, method: str = "POST"
) -> tuple[int, str]:
    """Post a body, signed unless `headers` are given; return status and text."""
    signed = sign(body, SIGNING_SECRET) if headers is None else headers
    signed |= {"Content-Type": "application/x-www-form-urlencoded"}
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, house.url + path, data=io.BytesIO(body), headers=signed) as answer,
    ):
        text = await answer.text()
    assert "Traceback" not in text
    return answer.status, text


def desk_of(house: House) -> Desk:
    """Return the desk of the house's worker."""
    return Desk(house.db, house.sends._adapters, house.sends._credentials, house.sends._limits)


async def handle(house: House) -> int:
    """Handle every event that waits in the house's two tenants; return how many that were."""
    desk = desk_of(house)
    work = EventHandling(house.db, {**desk.handlers(), Opened: desk.home.opened}, house.counters)
    jobs = await _jobs(house, "channel_event")
    for job in jobs:
        await work(job)
        await tenant_jobs.end(house.db, job)
    return len(jobs)


async def forget(house: House, step: int = 3) -> list[float | None]:
    """Do the jobs by which people are forgotten; return what each said about being done again."""
    work = Forgetting(house.db, desk_of(house).telling.tell, step)
    jobs = await _jobs(house, "forget_person")
    said = []
    for job in jobs:
        said.append(await work(job))
        await tenant_jobs.end(house.db, job, said[-1])
    return said


async def _jobs(house: House, kind: JobKind) -> list[Job]:
    found: list[Job] = []
    for scope in house.scopes:
        async with house.db.fleet("test") as fleet:
            await fleet.execute("UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $1 AND kind = $2", scope.tenant_id, kind)
    while jobs := await tenant_jobs.claim(house.db, kind, 1000):
        found += [job for job in jobs if job.scope in house.scopes]
    return found


async def press(
    house: House, team: Team, user: str, element: dict[str, Any], post: dict[str, Any] | None = None, **more: Any
) -> None:
    """Let a person press a button, and handle it. The payload carries a trigger and a response address that hold."""
    slack = house.slack
    holding = {"trigger_id": slack.interactive.trigger(team.team_id)}
    if post is not None or more.get("channel"):
        holding["response_url"] = slack.interactive.response_url(slack.url)
    payload = slack_forms.pressed(team, user, element, post, **{**holding, **more})
    assert await post_form(house, INTERACTIVITY, slack_forms.encode(payload)) == (200, "")
    await handle(house)


async def command(house: House, team: Team, user: str, text: str, channel: str = "D1", **more: str) -> dict[str, Any]:
    """Let a person give a command, handle it, and return the note that answers it."""
    url = house.slack.interactive.response_url(house.slack.url)
    before = len(house.slack.interactive.notes)
    fields = slack_forms.commanded(team, user, channel, text, **{"response_url": url, **more})
    assert await post_form(house, COMMANDS, slack_forms.encode(fields)) == (200, "")
    await handle(house)
    (note,) = house.slack.interactive.notes[before:]
    return note


def words(note: dict[str, Any]) -> str:
    """Return what a note, a message or a page says."""
    texts = []
    for block in note["blocks"]:
        text = block.get("text")
        texts.append(text if isinstance(text, str) else (text or {}).get("text", ""))
    return "\n".join(filter(None, texts))
