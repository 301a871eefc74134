"""Tells the app what happens: in one webhook body each or in batches, in order or not, once or twice, at once or late."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from konstruct.local.sandbox.meta.notes import place_of
from konstruct.local.sandbox.meta.wire import META, escaped
from konstruct.local.sandbox.model import OutgoingEvent
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.store import SandboxStore

DELAY_S = 4.0
"""How late webhooks come where the switch says so."""
BATCH_S = 0.5
"""How long a batch waits for more."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One change of a webhook body, and which message of which chat it is about (where it is about one)."""

    waba_id: str
    field: str
    value: dict[str, Any]
    phone_id: str = ""
    phone_number_id: str = ""
    wamid: str = ""


class MetaPost:
    """Belongs to one event loop, as its sender does."""

    def __init__(self, store: SandboxStore, sender: EventSender) -> None:
        self._store = store
        self._sender = sender
        self._waiting: list[Happening] = []

    def tell(self, happenings: Sequence[Happening], *, always: bool = False, wait_s: float = 0.0) -> None:
        """Send what happened, in this order, `wait_s` seconds later.

        A business account that is not subscribed is not heard, unless `always`.
        """
        heard = [each for each in happenings if always or self._subscribed(each.waba_id)]
        if not heard:
            return
        if not self._store.control.switches().whatsapp_batches:
            self._send([[each] for each in heard], wait_s)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_later(BATCH_S, self._flush)
        self._waiting += heard

    def _subscribed(self, waba_id: str) -> bool:
        account = self._store.meta.businesses.account(waba_id)
        return account is not None and account.subscribed

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        self._send([batch], 0.0)

    def _send(self, bodies: Sequence[Sequence[Happening]], wait_s: float) -> None:
        switches = self._store.control.switches()
        if switches.whatsapp_disorder:
            bodies = [list(reversed(body)) for body in reversed(bodies)]
        again = 2 if switches.whatsapp_twice else 1
        events = [event for body in bodies for event in (_event(body),) * again]
        once_each = [event if at % again == 0 else _event_again(event) for at, event in enumerate(events)]
        self._sender.publish(once_each, in_order=True, wait_s=DELAY_S if switches.whatsapp_delay else wait_s)


def _event(happenings: Sequence[Happening]) -> OutgoingEvent:
    entries: dict[str, dict[str, Any]] = {}
    for each in happenings:
        entry = entries.setdefault(each.waba_id, {"id": each.waba_id, "time": int(time.time()), "changes": []})
        entry["changes"].append({"value": each.value, "field": each.field})
    first = happenings[0]
    return OutgoingEvent(
        event_id="wh" + secrets.token_hex(12),
        team_id=place_of(first.phone_id) if first.phone_id else "",
        channel_id=first.phone_number_id,
        root_ts=first.wamid,
        body=escaped({"object": "whatsapp_business_account", "entry": list(entries.values())}),
        wire=META,
    )


def _event_again(event: OutgoingEvent) -> OutgoingEvent:
    names = ("team_id", "channel_id", "root_ts", "body", "wire")
    return OutgoingEvent(event_id="wh" + secrets.token_hex(12), **{name: getattr(event, name) for name in names})
