"""The pages of consent, without scripts: a file with its preview, attesting, one person's evidence; each role has its own."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiohttp
import pytest

from konstruct.conversations.consent import consents_repository, recording
from konstruct.conversations.consent.recorder import PERSON
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants.vault import Vault
from tests.consent.numbers import Number, numbers
from tests.consent.test_reading_list import HEAD
from tests.support.api import open_api
from tests.support.house import House, open_house
from tests.support.portal import Answer, Person, open_portal

LEFT = "4915100000009"
LINES = f"""{HEAD}
+49 151 00000001,Maria <b>Muster</b>,2026-03-31,form on our website,"Yes, send me offers.",v1,https://example.com/1,marketing,
+49 151 00000002,,2026-04-01 10:00,on paper,"Yes, send me offers.",,folder 3,any,
nobody,X,2026-04-01,on paper,Yes.,,folder 3,any,
+{LEFT},Lee,2026-11-01,on paper,Yes.,,folder 3,any,
"""


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


@pytest.fixture
async def pair(house: House) -> tuple[Number, Number]:
    """Two businesses, each with a number beside its workspace."""
    return await numbers(house.db, house.vault, house.scopes)


async def upload(person: Person, text: str | bytes, name: str = "people.csv", account: str = "") -> Answer:
    form = aiohttp.FormData()
    form.add_field("account", account)
    data = text.encode() if isinstance(text, str) else text
    form.add_field("file", io.BytesIO(data), filename=name, content_type="text/csv")
    return await person.send("/consent/import", form)


async def live(number: Number) -> set[str]:
    """Return the people of a business who may be written to for marketing."""
    sql = "SELECT external_id FROM contacts WHERE tenant_id = $1 AND consent_live($1, id, 'marketing') IS NOT NULL"
    return {row["external_id"] for row in await number.rows(sql)}


async def test_a_list_counts_when_an_admin_has_confirmed_it(house: House, pair: tuple[Number, Number]) -> None:
    number, other = pair
    gone = await number.contact(LEFT)
    await number.rows("UPDATE contacts SET opted_out_at = now() WHERE tenant_id = $1 AND id = $2", gone)
    async with open_portal(house, number.scope, "operator", "Olga") as operator:
        preview = await upload(operator, LINES)
        assert preview.status == 200 and preview.path.startswith("/consent/uploads/")
        assert "Store 2 people" in preview.text and "Maria &lt;b&gt;Muster&lt;/b&gt;" in preview.text
        assert "phone is no phone number" in preview.text and "asked for no more messages" in preview.text
        assert await number.value("SELECT count(*) FROM consents WHERE tenant_id = $1") == 0, "nothing is stored by a preview"
        # Another business gets neither the preview nor the list.
        async with open_portal(house, other.scope) as stranger:
            assert (await stranger.get(preview.path)).status == 404
            assert (await stranger.post(f"{preview.path}/store")).status == 404
        stored = await operator.post(f"{preview.path}/store")
        assert stored.status == 200 and stored.path.startswith("/consent/lists/") and "does not count" in stored.text
        assert (await operator.post(f"{preview.path}/store")).status == 404, "a second click stores nothing"
        assert await number.value("SELECT count(*) FROM consents WHERE tenant_id = $1") == 2
        address = stored.path.partition("?")[0]
        assert await live(number) == set()
        assert "has to confirm this" in stored.text
        assert (await operator.post(f"{address}/attest", confirmed="yes", statement=recording.STATEMENT)).status == 403
    async with open_portal(house, number.scope, "admin", "Ada Admin") as admin:
        assert (await admin.post(f"{address}/attest", statement=recording.STATEMENT)).status == 422
        assert (await admin.post(f"{address}/attest", confirmed="yes", statement="Something else.")).status == 409
        assert await live(number) == set()
        [statement] = re.findall(r'name="statement" value="([^"]+)"', (await admin.get(address)).text)
        assert statement == recording.STATEMENT
        assert "Confirmed" in (await admin.post(f"{address}/attest", confirmed="yes", statement=statement)).text
    assert await live(number) == {"4915100000001", "4915100000002"} and await live(other) == set()
    [row] = await number.rows("SELECT * FROM consent_attestations WHERE tenant_id = $1")
    assert (row["statement"], row["member_name"]) == (recording.STATEMENT, "Ada Admin")
    assert abs(datetime.now(UTC) - row["attested_at"]) < timedelta(minutes=10)
    [first, *_] = await number.rows("SELECT * FROM consents WHERE tenant_id = $1 ORDER BY id")
    assert (first["recorded_by_name"], first["wording"], first["wording_version"]) == ("Olga", "Yes, send me offers.", "v1")


async def test_one_by_hand_its_evidence_and_its_withdrawal(house: House, pair: tuple[Number, Number]) -> None:
    number, other = pair
    values = {
        "person": "+49 151 00000003", "name": "Kim", "purpose": "any", "obtained_at": "2026-05-01", "how": "by telephone",
        "wording": '=cmd() <script>alert("x")</script>'[6:], "proof": "call 12", "version": "", "expires_at": "",
    }  # fmt: skip
    async with open_portal(house, number.scope, "viewer") as viewer:
        assert (await viewer.send("/consent/record", values)).status == 403
        assert (await viewer.get("/consent")).status == 200
    async with open_portal(house, number.scope, "owner", "Olga") as owner:
        wrong = await owner.send("/consent/record", values | {"person": "12", "obtained_at": "01/02/2026", "proof": ""})
        assert wrong.status == 422 and wrong.text.count('aria-invalid="true"') == 3 and "Kim" in wrong.text
        recorded = await owner.send("/consent/record", values)
        assert recorded.status == 200 and "does not count yet" in recorded.text and "<script>alert" not in recorded.text
        address = recorded.path.partition("?")[0]
        [list_path] = set(re.findall(r"/consent/lists/[0-9a-f-]{36}", recorded.text))
        await owner.post(f"{list_path}/attest", confirmed="yes", statement=recording.STANDING_STATEMENT)
        # The list of those recorded one by one is confirmed once: what is recorded afterwards counts at once.
        again = await owner.send("/consent/record", values | {"person": "+49 151 00000004"})
        assert "may be written to" in again.text and await live(number) == {"4915100000003", "4915100000004"}
        assert "Kim" in (await owner.get("/consent?q=%2B49+151+00000003")).text
        found = (await owner.get(f"{address}/evidence?kind=json")).json()
        assert [(each["event"], each["how"], each["proof"], each["attested_by"]) for each in found] == [
            ("consented", "by telephone", "call 12", "Olga")]  # fmt: skip
        [write] = re.findall(r'href="(/contacts/[0-9a-f-]{36}/write)"', (await owner.get(address)).text)
        assert (await owner.get(write)).status == 200, "from here a conversation is begun"
        gone = await owner.post(f"{address}/withdraw", purpose="any", note="=1+1 by telephone")
        assert "withdrawn" in gone.text and "/write" not in gone.text and await live(number) == {"4915100000004"}
        text = (await owner.get(f"{address}/evidence?kind=csv")).text
        assert "'=1+1 by telephone" in text and text.count("\r\n") == 3
        whole = await owner.get(f"{list_path}/evidence?kind=json")
        assert [each["event"] for each in json.loads(whole.text)] == ["consented", "withdrawn", "consented"]
        assert (await owner.get(f"{list_path}/evidence?kind=csv")).text.startswith("event,person,")
    async with open_portal(house, other.scope) as stranger:
        for path in (address, f"{address}/evidence", list_path, f"{list_path}/evidence"):
            assert (await stranger.get(path)).status == 404, path
        assert (await stranger.post(f"{address}/withdraw", purpose="any")).status == 404
        assert "00000003" not in (await stranger.get("/consent")).text


async def test_a_file_that_cannot_be_read_says_what_to_do(house: House, pair: tuple[Number, Number]) -> None:
    async with open_portal(house, pair[0].scope) as owner:
        for data, expected in ((b"PK\x03\x04", "save it as CSV"), (b"", "empty"), (b"phone\n1\n", "are missing")):
            answer = await upload(owner, data)
            assert answer.status == 422 and expected in answer.text, expected
        assert (await upload(owner, b"x" * (6 * 1024 * 1024))).status == 413
        only_bad = await upload(owner, f"{HEAD}\nx,,,,,,,,\n")
        assert "Store" not in re.sub(r"Store the good", "", only_bad.text) and only_bad.status == 200
        assert (await owner.post(f"{only_bad.path}/store")).status == 409
        assert (await owner.post(f"{only_bad.path}/discard")).status == 200
        assert (await owner.get(only_bad.path)).status == 404
        example = (await owner.get("/consent/example.csv")).text
        assert "Store 1 person" in (await upload(owner, example)).text, "the example is good"
    assert await pair[0].value("SELECT count(*) FROM consents WHERE tenant_id = $1") == 0


async def test_programs_record_and_withdraw(house: House, pair: tuple[Number, Number]) -> None:
    number, other = pair
    body = {
        "account_id": str(number.account_id), "person": "+49 151 00000005", "purpose": "marketing",
        "obtained_at": "2026-05-01T10:00:00+02:00", "how": "form", "wording": "Yes.", "proof": "form 5",
    }  # fmt: skip
    async with open_api(house, number.scope) as program:
        first = await program.post("/consents", body, once="a")
        again = await program.post("/consents", body, once="a")
        assert (first.status, first.text) == (201, again.text) and first.json()["state"] == "waiting"
        assert await number.value("SELECT count(*) FROM consents WHERE tenant_id = $1 AND source = 'api'") == 1
        async with house.db.tenant(number.scope) as session:
            list_id = await session.fetchval("SELECT id FROM consent_lists WHERE tenant_id = $1", number.scope.tenant_id)
            await recording.attest(session, list_id, recording.STANDING_STATEMENT, PERSON)
        assert (await program.post("/consents", body)).json()["state"] == "live"
        wrong = await program.post("/consents", body | {"person": "5", "obtained_at": "2100-01-01T00:00:00Z"})
        assert wrong.status == 422 and {each["field"] for each in wrong.json()["errors"]} == {"obtained_at"}
        assert (await program.post("/consents", body | {"account_id": str(other.account_id)})).status == 404
        assert (await program.post("/consents", {**body, "account_id": None})).status == 422, "which of the two"
        gone = await program.post("/consents/withdrawals", {"account_id": body["account_id"], "person": "+4915100000005"})
        assert gone.status == 201 and gone.json()["state"] == "withdrawn" and await live(number) == set()
        # Somebody who left by themselves does not come back by a program.
        contact_id = UUID(gone.json()["contact_id"])
        await number.rows("UPDATE contacts SET opted_out_at = now() WHERE tenant_id = $1 AND id = $2", contact_id)
        refused = await program.post("/consents", body)
        assert refused.status == 422 and "START" in refused.text
    assert await other.value("SELECT count(*) FROM contacts WHERE tenant_id = $1") == 0
    async with house.db.tenant(number.scope) as session:
        assert await consents_repository.live(session, contact_id, "marketing") is None
