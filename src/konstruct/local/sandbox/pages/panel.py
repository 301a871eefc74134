"""The control panel: what the simulated Slack does wrong on request, its clock, and where the app is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import FormData

from konstruct.local.sandbox import removals
from konstruct.local.sandbox.installations import Installation
from konstruct.local.sandbox.pages.acting import field
from konstruct.local.sandbox.pages.guard import refuse_other_sites
from konstruct.local.sandbox.pages.render import page
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.slack.faults import FaultOrder, Faults
from konstruct.local.sandbox.slack.limits import Limiter
from konstruct.local.sandbox.store import SandboxStore
from konstruct.local.sandbox.switches import TimePasses, only_here

SWITCHES = {
    "streams": ("Streams", "Answers may grow while they are written. Off: Slack says feature_not_enabled."),
    "echoes": ("Echoes", "The app hears of its own messages."),
    "limits": ("Rate limits", "Too many calls are refused, with a time to wait."),
    "rotation": ("Tokens that expire", "What is installed from now on gets tokens for twelve hours."),
    "file_redirect": ("Files lead elsewhere", "A file's address redirects to another host."),
}
CLOCK_STEPS = {"300": "5 minutes", "3600": "1 hour", "43200": "12 hours", "86400": "1 day"}
FAULTED = (
    "chat.postMessage",
    "chat.update",
    "chat.startStream",
    "chat.appendStream",
    "chat.stopStream",
    "assistant.threads.setStatus",
    "conversations.replies",
    "files.completeUploadExternal",
    "views.open",
    "views.publish",
    "users.info",
    "auth.test",
)
REPEATED_MAX = 50


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel turns."""

    store: SandboxStore
    sender: EventSender
    faults: Faults
    limiter: Limiter
    time_passes: TimePasses = only_here


def panel_router(panel: Panel) -> APIRouter:
    """Return the page, and the one address that its forms go to; `do` says which form it was."""
    router = APIRouter(prefix="/sandbox/control", include_in_schema=False)

    @router.get("")
    async def show() -> HTMLResponse:
        return _page(panel)

    @router.post("")
    async def turn(request: Request) -> Response:
        refuse_other_sites(request)
        form = await request.form()
        doing = TURNS.get(field(form, "do"))
        if doing is None:
            raise HTTPException(404, "there is no such switch")
        doing(panel, form)
        if field(form, "do") == "clock":
            await panel.time_passes(float(field(form, "seconds")))
        return RedirectResponse("/sandbox/control", status_code=303)

    return router


def _page(panel: Panel) -> HTMLResponse:
    store = panel.store
    state = asdict(store.control.switches())
    names = {w.team_id: w.name for w in store.workspaces.all()} | {
        e.enterprise_id: e.name for e in store.workspaces.enterprises()
    }
    installed = [(_place(found), names.get(_place(found), _place(found)), found) for found in store.installations.all()]
    return page(
        "control.html",
        switches=[(name, *words, state[name]) for name, words in SWITCHES.items() if name in state],
        steps=CLOCK_STEPS,
        offset_s=store.control.offset_s(),
        faulted=FAULTED,
        pending=[fault for fault in panel.faults.pending() if not fault.order.method.startswith("whatsapp.")],
        installed=installed,
        repeatable=len(panel.sender.recent),
        repeated_max=REPEATED_MAX,
        accepted=store.records.accepted()[-12:][::-1],
    )


def _place(installation: Installation) -> str:
    return installation.team_id or installation.enterprise_id or ""


def _switch(panel: Panel, form: FormData) -> None:
    name = field(form, "name")
    if name not in SWITCHES:
        raise HTTPException(404, "there is no such switch")
    panel.store.control.set(**{name: field(form, "on") == "1"})


def _clock(panel: Panel, form: FormData) -> None:
    step = field(form, "seconds")
    if step not in CLOCK_STEPS:
        raise HTTPException(404, "there is no such step")
    panel.store.control.advance(float(step))
    panel.store.messages.redraw_streams()


def _fault(panel: Panel, form: FormData) -> None:
    try:
        order = FaultOrder.model_validate(
            {n: field(form, n) for n in ("method", "answer", "times", "accept", "seconds") if field(form, n)}
        )
    except ValidationError as error:
        raise HTTPException(422, "the fault is incomplete") from error
    panel.faults.add(order)


def _reset(panel: Panel, _form: FormData) -> None:
    panel.faults.clear()
    panel.limiter.forget()


def _repeat(panel: Panel, form: FormData) -> None:
    count = field(form, "count")
    panel.sender.repeat(int(count) if count.isdecimal() else 1, shuffled=field(form, "shuffled") == "1")


def _remove(remove: Callable[[SandboxStore, EventSender, Installation], None]) -> Callable[[Panel, FormData], None]:
    def turn(panel: Panel, form: FormData) -> None:
        found = next((each for each in panel.store.installations.all() if _place(each) == field(form, "place")), None)
        if found is None:
            raise HTTPException(404, "the app is not installed there")
        remove(panel.store, panel.sender, found)

    return turn


TURNS: dict[str, Callable[[Panel, FormData], None]] = {
    "switch": _switch,
    "clock": _clock,
    "fault": _fault,
    "reset": _reset,
    "repeat": _repeat,
    "uninstall": _remove(removals.uninstall),
    "revoke": _remove(removals.revoke_tokens),
}
