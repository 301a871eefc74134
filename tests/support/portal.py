"""A person in the portal: signed in as a member of a role, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.mail import MailError
from konstruct.tenants import members_repository, sessions
from konstruct.tenants.members_repository import Member
from konstruct.tenants.roles import Role
from tests.support.house import House

SAME_SITE = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the portal answered. `path` is where redirects led, or where the first one leads if they were not followed."""

    status: int
    text: str
    path: str
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Person:
    """A browser without scripts. Redirects are followed unless asked otherwise."""

    url: str
    member: Member
    ticket: str
    http: aiohttp.ClientSession = field(repr=False)

    async def get(self, path: str, *, follow: bool = True, headers: dict[str, str] | None = None) -> Answer:
        return await self._ask("GET", path, follow, headers or {})

    async def post(self, path: str, *, follow: bool = True, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        return await self._ask("POST", path, follow, headers or {}, data=fields)

    async def send(self, path: str, data: Any, *, follow: bool = True, headers: dict[str, str] | None = None) -> Answer:
        """POST a body of any form: `aiohttp.FormData` for files, a list of pairs for repeated fields."""
        return await self._ask("POST", path, follow, headers or {}, data=data)

    async def _ask(self, method: str, path: str, follow: bool, headers: dict[str, str], data: Any = None) -> Answer:
        options = {"allow_redirects": follow, "headers": SAME_SITE | headers, "data": data}
        async with self.http.request(method, self.url + path, **options) as answer:
            text = (await answer.read()).decode("utf-8", "replace")
            led = answer.headers.get("Location") or answer.url.path_qs
            return Answer(answer.status, text, led, dict(answer.headers))


@asynccontextmanager
async def open_portal(house: House, scope: TenantScope, role: Role = "owner", name: str = "Pat Doe") -> AsyncIterator[Person]:
    """Sign a new member of `role` in to the portal of `scope`'s business."""
    member = Member(uuid7(), name, f"pat-{uuid7().hex[-12:]}@example.com", role)
    async with house.db.tenant(scope) as session:
        await members_repository.insert(session, member, None, None)
        ticket = await sessions.open_session(session, member.id, "Test")
    cookies = {"konstruct_session": ticket}
    async with aiohttp.ClientSession(cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield Person(house.url, member, ticket, http)


@dataclass
class Mailbox:
    """A mailer that keeps what it is given, or refuses it."""

    mails: list[tuple[str, str, str]] = field(default_factory=list)
    refuses: bool = False

    async def send(self, recipient: str, subject: str, text: str) -> None:
        if self.refuses:
            raise MailError("refused")
        self.mails.append((recipient, subject, text))


def catch_mail(house: House) -> Mailbox:
    """Let the house's web process put its e-mails into the mailbox that is returned."""
    mailbox = Mailbox()
    house.app.state.deps = replace(house.app.state.deps, mailer=mailbox)
    return mailbox
