"""STOP as it comes from Meta, over HTTP: done before it is acknowledged, no turn of it, one confirmation."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from konstruct.channels.opting import Opting, Preferences
from konstruct.channels.port_events import Opted, PreferenceChanged
from konstruct.conversations.consent import confirmations
from konstruct.conversations.part import Part
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants.vault import Vault
from tests.support import meta_events as meta
from tests.support.consenting import agree
from tests.support.meta_events import ANN
from tests.support.meta_house import MetaHouse, open_meta_house


def _render(_kind: str, _channel: str, _thread: str | None, _participants: frozenset[str], text: str) -> list[Part]:
    return [Part(text)]


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[MetaHouse]:
    async with open_meta_house(settings, db, house_vault, tenants, ScriptedBackend()) as opened:
        opened.handlers[Opted] = Opting(db, _render).opted
        opened.handlers[PreferenceChanged] = Preferences(db).changed
        yield opened


async def _live(house: MetaHouse, tenant: int) -> list[bool]:
    sql = "SELECT consent_live($1, id, 'marketing') IS NOT NULL AS live FROM contacts WHERE tenant_id = $1 ORDER BY id"
    return [row["live"] for row in await house.rows(sql, tenant=tenant)]


async def test_a_word_of_leaving_is_done_before_it_is_acknowledged(house: MetaHouse) -> None:
    # Both businesses have the person's number on a list; they have never written.
    for tenant in (0, 1):
        [row] = await house.rows(
            "INSERT INTO contacts (tenant_id, id, account_id, external_id) VALUES ($1, uuidv7(), $2, $3) RETURNING id",
            house.accounts[tenant], ANN.phone, tenant=tenant,
        )  # fmt: skip
        await agree(house.db, house.scopes[tenant], row["id"])
    assert await _live(house, 0) == await _live(house, 1) == [True]
    stop = meta.text(house.numbers[0], "¡BAJA! 🙏")
    assert await house.deliver(stop, stop) == [200, 200]
    assert await _live(house, 0) == [False] and await _live(house, 1) == [True]
    await house.settle()
    await house.deliver(meta.text(house.numbers[0], "stop"), meta.text(house.numbers[0], "please stop the order"))
    await house.settle()
    states = await house.rows("SELECT text, state FROM messages WHERE tenant_id = $1 AND direction = 'in' ORDER BY seq")
    assert [tuple(row) for row in states] == [
        ("¡BAJA! 🙏", "settled"), ("stop", "settled"), ("please stop the order", "answered")]  # fmt: skip
    said = await house.rows("SELECT kind, body FROM deliveries WHERE tenant_id = $1 ORDER BY position")
    assert tuple(said[0]) == ("notice", confirmations.confirmation("BAJA", wants=False))
    assert [row["kind"] for row in said] == ["notice", "reply"], "one confirmation, and one answer to what was a sentence"
    # Their own word brings them back: once, and with its evidence.
    await house.deliver(meta.text(house.numbers[0], "Start."))
    await house.settle()
    assert await _live(house, 0) == [True]
    said = await house.rows("SELECT body FROM deliveries WHERE tenant_id = $1 AND kind = 'notice' ORDER BY position")
    assert [row["body"] for row in said][1:] == [confirmations.confirmation("start", wants=True)]
    assert await house.rows("SELECT 1 FROM deliveries WHERE tenant_id = $1", tenant=1) == []


async def test_what_people_tell_meta_finds_them_by_their_number(house: MetaHouse) -> None:
    for tenant in (0, 1):
        [row] = await house.rows(
            "INSERT INTO contacts (tenant_id, id, account_id, external_id) VALUES ($1, uuidv7(), $2, $3) RETURNING id",
            house.accounts[tenant], ANN.phone, tenant=tenant,
        )  # fmt: skip
        await agree(house.db, house.scopes[tenant], row["id"])
    stop = meta.preference(house.numbers[0], "stop")
    assert await house.deliver(stop, stop) == [200, 200]
    await house.settle()
    assert await _live(house, 0) == [False] and await _live(house, 1) == [True]
    assert len(await house.rows("SELECT 1 FROM withdrawals WHERE tenant_id = $1 AND source = 'provider'")) == 1
    assert await house.rows("SELECT 1 FROM deliveries WHERE tenant_id = $1") == []
