"""Calls of the simulated Graph API, and what a person does on a phone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from konstruct.local.sandbox.meta.model import Note
from konstruct.local.sandbox.meta.samples import FERNWOOD_NUMBER, HARBOR_NUMBER, MARLOW_NUMBER, PHONES, MetaBusiness
from tests.sandbox.support import Heard, Listener, Sandbox, until

FERN, MARLOW, HARBOR = FERNWOOD_NUMBER, MARLOW_NUMBER, HARBOR_NUMBER
NUMBER = FERN.number.phone_number_id
MIRA, YUSUF, LAYLA, NOA, CHIDI = PHONES
LAYLA_ID = LAYLA.user_id(FERN.portfolio.business_id)
Body = dict[str, Any]


@dataclass
class Graph:
    """The Graph API and the phones of one sandbox."""

    sandbox: Sandbox
    listener: Listener

    async def call(
        self, method: str, path: str, business: MetaBusiness = FERN, *, token: str | None = None, **sent: Any
    ) -> tuple[int, Body]:
        """Make a call; return status and body. `sent` is what aiohttp takes: `json`, `data`, `params`."""
        held = business.token if token is None else token
        headers = {"Authorization": f"Bearer {held}"} if held else {}
        url = f"{self.sandbox.url}/sandbox/meta/v25.0/{path}"
        async with self.sandbox.http.request(method, url, headers=headers, **sent) as response:
            return response.status, await response.json()

    async def send(self, business: MetaBusiness = FERN, **values: Any) -> tuple[int, Body]:
        """Send a message, to Mira unless `to` or `recipient` says otherwise."""
        whom = {} if "to" in values or "recipient" in values else {"to": MIRA.digits}
        body = {"messaging_product": "whatsapp", **whom, **values}
        return await self.call("POST", f"{business.number.phone_number_id}/messages", business, json=body)

    async def code(self, business: MetaBusiness = FERN, **values: Any) -> int:
        """Send a message; return the code of its refusal, 0 for none."""
        return code_of(await self.send(business, **values))

    async def act(self, do: str, phone: str = "mira", business: MetaBusiness = FERN, **fields: str) -> tuple[int, Body]:
        """Do something on a phone."""
        form = {"do": do, "phone": phone, "number": business.number.phone_number_id, **fields}
        async with self.sandbox.http.post(f"{self.sandbox.url}/sandbox/phone/act", data=form) as response:
            return response.status, await response.json()

    async def turn(self, do: str, **fields: str) -> int:
        """Turn something in the control panel."""
        form = {"do": do, **fields}
        address = f"{self.sandbox.url}/sandbox/control/whatsapp"
        async with self.sandbox.http.post(address, data=form, allow_redirects=False) as response:
            return response.status

    async def write(self, text: str = "Hello", phone: str = "mira", business: MetaBusiness = FERN) -> Note:
        """Let a person write; return the message."""
        assert (await self.act("write", phone, business, text=text))[0] == 200
        return self.sandbox.store.meta.notes.chat(phone, business.number.phone_number_id)[-1]

    def wait(self, seconds: float) -> None:
        """Move the clock on."""
        self.sandbox.store.control.advance(seconds)

    async def heard(self, field: str, count: int = 1) -> list[Body]:
        """Return the values of a field that the app heard of, once there are as many as `count`."""
        await until(lambda: len(values_of(self.listener.meta, field)) >= count)
        return values_of(self.listener.meta, field)

    async def messages(self, count: int = 1) -> list[Body]:
        """Return the messages of people that the app heard of."""

        def found() -> list[Body]:
            return [each for value in values_of(self.listener.meta, "messages") for each in value.get("messages", [])]

        await until(lambda: len(found()) >= count)
        return found()

    async def statuses(self, count: int = 1) -> list[Body]:
        """Return the statuses that the app heard of, in the order in which they came."""

        def found() -> list[Body]:
            return [each for value in values_of(self.listener.meta, "messages") for each in value.get("statuses", [])]

        await until(lambda: len(found()) >= count)
        return found()


def values_of(heard: list[Heard], field: str) -> list[Body]:
    """Return the values of a field in what was heard."""
    changes = [change for each in heard for entry in json.loads(each.body)["entry"] for change in entry["changes"]]
    return [change["value"] for change in changes if change["field"] == field]


def code_of(answer: tuple[int, Body]) -> int:
    """Return the code of a refusal, 0 where there was none."""
    status, body = answer
    assert (status == 200) == ("error" not in body), answer
    return int(body.get("error", {}).get("code", 0))


def text(body: str = "Hello") -> Body:
    """Return the fields of a text."""
    return {"type": "text", "text": {"body": body}}


def template(name: str, *body: str, language: str = "en", **more: Any) -> Body:
    """Return the fields of a template."""
    components = [{"type": "body", "parameters": [{"type": "text", "text": each} for each in body]}] if body else []
    return {
        "type": "template",
        "template": {"name": name, "language": {"code": language}, "components": [*components, *more.get("components", [])]},
    }


REMINDER = template("appointment_reminder", "Mira", "Tuesday")
