"""Templates: asked for, changed by what the provider says, used only while they are approved, and filled in as it takes them."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import orjson
import pytest

from konstruct.channels.outreach.check import Refused
from konstruct.channels.outreach.words import SENTENCES
from konstruct.channels.templates import filling
from konstruct.channels.templates.template import Template
from konstruct.conversations.template_use import TemplateUse, restored
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from tests.outreach.lines import ORDER_READY, USE, Lines
from tests.support.fake_meta import graph_answer

APPROVED = {("order_ready", "en"): "APPROVED"}


async def test_they_are_fetched_page_by_page_and_what_is_gone_goes(lines: Lines) -> None:
    here, other = lines.of
    waba = here.number.waba_id
    for number in range(230):
        lines.meta.templates[waba, f"news_{number:03d}", "pt_BR"] = {"status": "REJECTED", "reason": "TAG_CONTENT_MISMATCH"}
    lines.meta.templates[waba, "a_word_of_tomorrow", "en"] = {"status": "IN_SOME_NEW_STATE", "quality": "PURPLE", "body": 1}
    before = len(lines.meta.requests)
    assert await lines.sync(here) == 24 * 3600.0, "and once a day from here on"
    assert len(lines.meta.requests) - before == 3, "a hundred a page"
    known = await lines.templates(here)
    assert len(known) == 232 and known["a_word_of_tomorrow", "en"] == "IN_SOME_NEW_STATE"
    assert await lines.templates(other) == APPROVED, "nothing of it is the other's"
    [row] = await lines.rows(here, "SELECT * FROM templates WHERE tenant_id = $1 AND name = 'news_007'")
    assert (row["reason"], row["category"], row["body_places"]) == ("TAG_CONTENT_MISMATCH", "UTILITY", 0)
    for key in [key for key in lines.meta.templates if key[0] == waba and key[1].startswith("news")]:
        del lines.meta.templates[key]
    await lines.sync(here)
    assert set(await lines.templates(here)) == {("order_ready", "en"), ("a_word_of_tomorrow", "en")}

    # Refused for now, or for good: what is known stays, and the page says why.
    lines.meta.break_with(graph_answer(131000), only="message_templates", times=1)
    assert (await lines.sync(here) or 0) >= 1
    assert len(await lines.templates(here)) == 2
    lines.meta.break_with(graph_answer(100), only="message_templates", times=1)
    assert await lines.sync(here) == 3600.0
    [account] = await lines.rows(
        here, "SELECT templates_failure FROM channel_accounts WHERE tenant_id = $1 AND kind = 'whatsapp'"
    )
    assert account["templates_failure"]
    await lines.sync(here)
    [account] = await lines.rows(
        here, "SELECT templates_failure FROM channel_accounts WHERE tenant_id = $1 AND kind = 'whatsapp'"
    )
    assert account["templates_failure"] is None
    lines.meta.break_with(graph_answer(190, status=401), only="message_templates", times=1)
    assert await lines.sync(here) is None, "not before somebody connects the number again"


async def test_a_change_counts_if_it_is_newer_than_what_is_known(lines: Lines) -> None:
    here, other = lines.of
    now = time.time()
    cases = [
        ("paused a minute from now", {"state": "PAUSED", "at": now + 60}, "PAUSED"),
        ("an approval of before comes late", {"state": "APPROVED", "at": now + 30}, "PAUSED"),
        ("the same again", {"state": "PAUSED", "at": now + 60}, "PAUSED"),
        ("its quality alone, later", {"quality": "YELLOW", "at": now + 90}, "PAUSED"),
        ("resumed before that, and said afterwards", {"state": "APPROVED", "at": now + 80}, "APPROVED"),
        ("a word of tomorrow", {"state": "SOMETHING_NEW", "at": now + 100}, "SOMETHING_NEW"),
    ]
    for name, event, state in cases:
        await lines.changed(here, **event)
        assert (await lines.templates(here))["order_ready", "en"] == state, name
    # What was asked before that does not overrule it.
    await lines.sync(here)
    assert await lines.templates(here) == {("order_ready", "en"): "SOMETHING_NEW"}
    assert await lines.templates(other) == APPROVED
    # A template that nobody has heard of yet is known from here on, and its words are asked for.
    await lines.rows(here, "DELETE FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'template_sync'")
    await lines.changed(here, name="fresh", language="de", state="APPROVED", at=now)
    assert (await lines.templates(here))["fresh", "de"] == "APPROVED"
    assert len(await lines.rows(here, "SELECT 1 FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'template_sync'")) == 1
    assert await lines.template(here, TemplateUse("fresh", "de")) == Refused("template_unusable"), "before its words are known"


async def test_only_an_approved_template_goes(lines: Lines) -> None:
    here, other = lines.of
    states = {
        "PENDING": "template_not_approved",
        "REJECTED": "template_not_approved",
        "PAUSED": "template_paused",
        "DISABLED": "template_disabled",
        "ARCHIVED": "template_not_approved",
        "SOMETHING_NEW": "template_not_approved",
    }
    for state, reason in states.items():
        await lines.rows(here, "UPDATE templates SET state = $2 WHERE tenant_id = $1", state)
        assert await lines.template(here) == Refused(reason), state
        assert reason in SENTENCES
    assert await lines.template(here, TemplateUse("of nobody", "en")) == Refused("template_unknown")
    assert await lines.template(here, TemplateUse("order_ready", "de")) == Refused("template_unknown"), "not in that language"
    assert await lines.rows(here, "SELECT 1 FROM deliveries WHERE tenant_id = $1") == []
    # Approved when it was asked for, and paused before its send: Meta is not asked.
    await lines.rows(here, "UPDATE templates SET state = 'APPROVED' WHERE tenant_id = $1")
    assert isinstance(await lines.template(here), UUID)
    await lines.rows(here, "UPDATE templates SET state = 'PAUSED' WHERE tenant_id = $1")
    await lines.settle(here)
    assert [(state, reason) for state, reason, _ in await lines.deliveries(here)] == [("failed", "template_paused")]
    assert lines.calls(here) == 0
    # The other's template of the same name was never touched, and its message says what the template says.
    assert isinstance(await lines.template(other), UUID)
    await lines.settle(other)
    [(state, _, text)] = await lines.deliveries(other)
    assert state == "sent" and text.startswith("Good news\n\nHello Robin, your bike is ready.\nSee you soon!")
    [message] = await lines.rows(other, "SELECT author FROM messages WHERE tenant_id = $1")
    assert message["author"] == "human", "the employee never begins"
    [shown] = lines.meta.messages
    assert shown["template"]["components"] == [
        {"type": "body", "parameters": [{"type": "text", "text": "Robin"}, {"type": "text", "text": "your bike"}]}
    ]


async def test_what_meta_says_of_a_template_when_it_is_sent_is_known(lines: Lines) -> None:
    here, other = lines.of
    for code, state in ((132015, "PAUSED"), (132016, "DISABLED"), (132001, "MISSING")):
        await lines.rows(here, "UPDATE templates SET state = 'APPROVED' WHERE tenant_id = $1")
        assert isinstance(await lines.template(here), UUID)
        lines.meta.break_with(graph_answer(code), only="messages", times=1)
        await lines.settle(here)
        assert await lines.templates(here) == {("order_ready", "en"): state}, code
        assert isinstance(await lines.template(here), Refused), code
    assert await lines.templates(other) == APPROVED
    # Asked for anew, it is what Meta says it is.
    await lines.sync(here)
    assert await lines.templates(here) == APPROVED


async def test_a_contact_of_another_business_is_nobody(lines: Lines) -> None:
    here, other = lines.of
    with pytest.raises(NotFoundError):
        await lines.template(type(here)(here.scope, here.account_id, here.number, other.contact_id, other.conversation_id))
    with pytest.raises(NotFoundError):
        await lines.template(type(here)(here.scope, other.account_id, here.number, here.contact_id, here.conversation_id))
    for line in lines.of:
        assert await lines.rows(line, "SELECT 1 FROM deliveries WHERE tenant_id = $1") == []


def _template(*components: Any, named: bool = False) -> Template:
    return Template(uuid7(), "whatsapp", "w", "t", "en", "APPROVED", named=named, components=orjson.dumps(components).decode())


def test_what_is_filled_in_is_what_meta_takes() -> None:
    """Whatever Meta refuses in a parameter, before it is asked."""
    whole = _template(*ORDER_READY["components"])
    assert filling.problems(whole, USE) == {}
    cases = {
        "": "parameter_empty", "   ": "parameter_empty", "a\nb": "parameter_broken", "a\tb": "parameter_broken",
        "a    b": "parameter_broken", "a\r\nb": "parameter_broken", "a\u2028b": "parameter_broken", "x" * 1025: "parameter_long",
    }  # fmt: skip
    for value, word in cases.items():
        assert filling.problems(whole, TemplateUse("t", "en", ("Robin", value))) == {"body-1": word}, repr(value)
        assert word in SENTENCES
    for value in ("Zoë 🚲", "مرحبا", "a   b", "x" * 900, "{{1}}", "<b>&amp;"):
        assert filling.problems(whole, TemplateUse("t", "en", ("Robin", value))) == {}, repr(value)
        assert value in filling.text_of(whole, TemplateUse("t", "en", ("Robin", value)))
    assert filling.problems(whole, TemplateUse("t", "en", ("x" * 600, "y" * 600))) == {"": "body_long"}
    for wrong in (("Robin",), ("Robin", "bike", "more"), ()):
        assert filling.problems(whole, TemplateUse("t", "en", wrong)) == {"": "parameters_wrong"}, wrong
    # Numbers out of order, a place that stands twice, names, a button's address; and what cannot be filled in here.
    mixed = _template({"type": "BODY", "text": "{{2}} {{1}} {{2}}"})
    assert [place.name for place in mixed.places] == ["1", "2"]
    assert filling.text_of(mixed, TemplateUse("t", "en", ("one", "two"))) == "two one two"
    named = _template({"type": "BODY", "text": "Hi {{first_name}}"}, named=True)
    use = filling.use_of(named, {"body-0": " Robin "})
    assert (use.body, use.body_names) == (("Robin",), ("first_name",)) and restored(use.kept()) == use
    url = {"type": "URL", "text": "See", "url": "https://x.example/{{1}}"}
    button = _template(
        {"type": "BODY", "text": "Hi"}, {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Ok"}, url]}
    )
    assert filling.use_of(button, {"button-1": "42"}).buttons == ((1, "42"),) and button.usable
    for part in ({"type": "HEADER", "format": "IMAGE"}, {"type": "CAROUSEL"}, {"type": "BUTTONS", "buttons": [{"type": "OTP"}]}):
        assert not _template({"type": "BODY", "text": "Hi"}, part).usable, part
    assert not _template().usable
