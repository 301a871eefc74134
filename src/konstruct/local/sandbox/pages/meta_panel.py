"""WhatsApp's half of the control panel: what Meta thinks of each business, how its webhooks come, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import FormData

from konstruct.local.sandbox.meta import turning
from konstruct.local.sandbox.meta.errors import ERRORS
from konstruct.local.sandbox.meta.graph import FAULTED
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import (
    QUALITIES,
    STATUSES,
    TEMPLATE_STATES,
    TIERS,
    VERIFICATIONS,
    BusinessAccount,
    Number,
    Portfolio,
    Template,
)
from konstruct.local.sandbox.pages.acting import field
from konstruct.local.sandbox.pages.guard import refuse_other_sites
from konstruct.local.sandbox.pages.render import page
from konstruct.local.sandbox.slack.faults import FaultOrder
from konstruct.local.sandbox.switches import TimePasses

PATH = "/sandbox/control/whatsapp"
SWITCHES = {
    "whatsapp_receipts": ("Read receipts", "People let businesses see what they have read."),
    "whatsapp_disorder": ("Out of order", "Delivered comes before sent, and newer before older."),
    "whatsapp_twice": ("Twice", "Every webhook body comes twice."),
    "whatsapp_delay": ("Late", "Webhooks come four seconds late."),
    "whatsapp_batches": ("In batches", "What happens within half a second comes in one body."),
    "whatsapp_late_refusals": ("Refuse later", "A message is accepted first, and a status says that it failed."),
    "whatsapp_ai_prices": ("Priced as an AI provider", "Statuses name the category general_purpose_ai."),
}
CLOCK_STEPS = {"3600": "1 hour", "43200": "12 hours", "86400": "1 day", "90000": "25 hours"}
_TIER_WORDS = [(tier, "unlimited" if tier < 0 else f"{tier:,}") for tier in TIERS]


@dataclass(frozen=True, slots=True)
class BusinessView:
    """A business's number, and what stands behind it."""

    portfolio: Portfolio
    account: BusinessAccount
    number: Number
    templates: list[Template]
    firsts: int


def meta_panel_router(meta: Meta, time_passes: TimePasses) -> APIRouter:
    """Return the page, and the one address that its forms go to; `do` says which form it was."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def show() -> HTMLResponse:
        return _page(meta)

    @router.post(PATH)
    async def turn(request: Request) -> Response:
        refuse_other_sites(request)
        form = await request.form()
        doing = TURNS.get(field(form, "do"))
        if doing is None:
            raise HTTPException(404, "there is no such switch")
        doing(meta, form)
        if field(form, "do") == "clock":
            await time_passes(float(field(form, "seconds")))
        return RedirectResponse(PATH, status_code=303)

    return router


def _page(meta: Meta) -> HTMLResponse:
    state, offset_s = asdict(meta.sandbox.control.switches()), meta.sandbox.control.offset_s()
    phones = {phone.phone_id: phone.name for phone in meta.store.phones.all()}
    hours = offset_s / 3600
    return page(
        "control_whatsapp.html",
        businesses=[_business(meta, number) for number in meta.store.businesses.all_numbers()],
        switches=[(name, *words, state[name]) for name, words in SWITCHES.items()],
        steps=CLOCK_STEPS,
        ahead="Real time" if not offset_s else f"{hours:.0f} hours ahead" if hours >= 1 else f"{offset_s / 60:.0f} minutes ahead",
        faulted=FAULTED,
        errors=[*((str(code), known.title) for code, known in ERRORS.items()), ("100/33", "Object is gone")],
        pending=[fault for fault in meta.faults.pending() if fault.order.method in FAULTED],
        latest=[(note, phones.get(note.phone_id, "")) for note in meta.store.notes.latest(12)],
        qualities=_words(QUALITIES),
        statuses=_words(STATUSES),
        tiers=_TIER_WORDS,
        verifications=_words(VERIFICATIONS),
        template_states=_words(TEMPLATE_STATES),
        events=_words(turning.ACCOUNT_EVENTS),
    )


def _business(meta: Meta, number: Number) -> BusinessView:
    account, portfolio = meta.store.businesses.owner(number)
    firsts = meta.store.phones.firsts(portfolio.business_id, meta.now())
    return BusinessView(portfolio, account, number, meta.store.templates.of_account(account.waba_id), firsts)


def _words(values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(value, value.replace("_", " ").lower()) for value in values]


def _switch(meta: Meta, form: FormData) -> None:
    name = field(form, "name")
    if name not in SWITCHES:
        raise HTTPException(404, "there is no such switch")
    meta.sandbox.control.set(**{name: field(form, "on") == "1"})


def _clock(meta: Meta, form: FormData) -> None:
    if field(form, "seconds") not in CLOCK_STEPS:
        raise HTTPException(404, "there is no such step")
    meta.sandbox.control.advance(float(field(form, "seconds")))
    for phone in meta.store.phones.all():
        for number in meta.store.businesses.all_numbers():
            meta.store.notes.touch(phone.phone_id, number.phone_number_id)


def _fault(meta: Meta, form: FormData) -> None:
    names = ("method", "answer", "error", "times", "accept", "seconds")
    try:
        order = FaultOrder.model_validate({name: field(form, name) for name in names if field(form, name)})
    except ValidationError as error:
        raise HTTPException(422, "the fault is incomplete") from error
    meta.faults.add(order)


def _reset(meta: Meta, _form: FormData) -> None:
    meta.faults.clear()
    meta.pace.forget()


def _known(found: Any, value: str, values: Any) -> Any:
    if found is None or value not in values:
        raise HTTPException(404, "there is no such thing")
    return found


def _quality(meta: Meta, form: FormData) -> None:
    value = field(form, "value")
    turning.set_quality(meta, _known(meta.store.businesses.number(field(form, "id")), value, QUALITIES), value)


def _status(meta: Meta, form: FormData) -> None:
    value = field(form, "value")
    turning.set_status(meta, _known(meta.store.businesses.number(field(form, "id")), value, STATUSES), value)


def _tier(meta: Meta, form: FormData) -> None:
    value = field(form, "value")
    portfolio = _known(meta.store.businesses.portfolio(field(form, "id")), value, {str(tier) for tier in TIERS})
    turning.set_tier(meta, portfolio, int(value))


def _verification(meta: Meta, form: FormData) -> None:
    value = field(form, "value")
    turning.set_verification(meta, _known(meta.store.businesses.portfolio(field(form, "id")), value, VERIFICATIONS), value)


def _template(meta: Meta, form: FormData) -> None:
    value = field(form, "value")
    turning.set_template(meta, _known(meta.store.templates.get(field(form, "id")), value, TEMPLATE_STATES), value)


def _event(meta: Meta, form: FormData) -> None:
    value = field(form, "value")
    account = _known(meta.store.businesses.account(field(form, "id")), value, turning.ACCOUNT_EVENTS)
    turning.tell_account(meta, account, value)


def _token(meta: Meta, form: FormData) -> None:
    value = field(form, "value")
    account = _known(meta.store.businesses.account(field(form, "id")), value, ("revoke", "expire"))
    meta.store.tokens.end(account.waba_id, meta.now(), expired=value == "expire")


TURNS: dict[str, Callable[[Meta, FormData], None]] = {
    "switch": _switch,
    "clock": _clock,
    "fault": _fault,
    "reset": _reset,
    "quality": _quality,
    "status": _status,
    "tier": _tier,
    "verification": _verification,
    "template": _template,
    "event": _event,
    "token": _token,
}
