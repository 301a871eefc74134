"""What a person does on a page besides saying something: presses, fills in, commands, edits, dismisses."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.datastructures import FormData

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.local.sandbox.changing import delete, edit
from konstruct.local.sandbox.dialogs import close, submit, values_of
from konstruct.local.sandbox.interacting import Actor
from konstruct.local.sandbox.interaction_events import invite, opened
from konstruct.local.sandbox.interaction_model import Ephemeral, View
from konstruct.local.sandbox.model import Channel, Message
from konstruct.local.sandbox.pages.guard import refuse_other_sites
from konstruct.local.sandbox.pressing import ask_a_person, press_in_message, press_in_view
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.store import SandboxStore

Doing = Callable[[Actor, FormData], Awaitable[dict[str, str] | None]]
"""Does what a form asks for; returns what is wrong with its fields, if it has any."""


def acting_router(store: SandboxStore, sender: EventSender) -> APIRouter:
    """Return the routes. Each takes a form with at least `team` and `user`; a page without script is led back to where it was."""
    router = APIRouter(prefix="/sandbox", include_in_schema=False)
    for path, doing in ACTS.items():
        _add(router, path, doing, store, sender)
    return router


def _add(router: APIRouter, path: str, doing: Doing, store: SandboxStore, sender: EventSender) -> None:
    @router.post(path)
    async def act(request: Request) -> Response:
        refuse_other_sites(request)
        form = await request.form()
        try:
            faults = await doing(actor_of(store, sender, request, form), form)
        except NotFoundError as error:
            raise HTTPException(404, str(error)) from error
        except ConflictError as error:
            raise HTTPException(409, str(error)) from error
        if faults:
            return JSONResponse({"faults": faults})
        return _done(request)


def actor_of(store: SandboxStore, sender: EventSender, request: Request, form: FormData) -> Actor:
    """Return who sends a form. Raises NotFoundError for somebody whom the workspace does not have."""
    workspace = store.workspaces.by_team(field(form, "team"))
    person = store.workspaces.person(workspace.team_id, field(form, "user")) if workspace else None
    if workspace is None or person is None:
        raise NotFoundError("this workspace has no such person or channel")
    return Actor(store, sender, workspace, person, str(request.base_url).rstrip("/"))


def field(form: FormData, name: str) -> str:
    """Return one text field of a form, or ""."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _done(request: Request) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({})
    back = urlsplit(request.headers.get("referer", ""))
    where = f"{back.path}?{back.query}" if back.path.startswith("/sandbox") else "/sandbox"
    return RedirectResponse(where, status_code=303)


def channel_of(actor: Actor, form: FormData) -> Channel:
    """Return the channel that a form names. Raises NotFoundError for one that this person does not see."""
    channel = actor.store.workspaces.channel(actor.workspace.team_id, field(form, "channel"))
    if channel is None or channel.user_id not in (None, actor.person.user_id):
        raise NotFoundError("this workspace has no such person or channel")
    return channel


def _message(actor: Actor, channel: Channel, ts: str) -> Message | Ephemeral:
    found = actor.store.interactions.ephemeral(channel.channel_id, ts, actor.person.user_id)
    message = found or actor.store.messages.get(channel.channel_id, ts)
    if message is None:
        raise NotFoundError("this message is no longer there")
    return message


def _view(actor: Actor, form: FormData) -> View:
    view = actor.store.interactions.view(actor.workspace.team_id, field(form, "view"))
    if view is None or view.user_id != actor.person.user_id:
        raise NotFoundError("this dialog is no longer open")
    return view


async def _press(actor: Actor, form: FormData) -> None:
    """`press` says what: `[block_id, action_id, value]`; a choice brings its value in the field `choice` + the same text."""
    pressed = field(form, "press")
    try:
        block_id, action_id, *value = json.loads(pressed)
    except ValueError:
        raise NotFoundError("nothing was pressed") from None
    chosen = str(value[0]) if value else "\n".join(str(each) for each in form.getlist("choice" + pressed))
    if field(form, "view"):
        view = _view(actor, form)
        await press_in_view(actor, view, block_id, action_id, chosen, values_of(view, _filled(form)))
    else:
        channel = channel_of(actor, form)
        await press_in_message(actor, channel, _message(actor, channel, field(form, "ts")), block_id, action_id, chosen)


async def _submit(actor: Actor, form: FormData) -> dict[str, str]:
    return await submit(actor, _view(actor, form), _filled(form))


async def _close(actor: Actor, form: FormData) -> None:
    await close(actor, _view(actor, form))


async def _dismiss(actor: Actor, form: FormData) -> None:
    channel = channel_of(actor, form)
    message = _message(actor, channel, field(form, "ts"))
    if isinstance(message, Ephemeral):
        actor.store.interactions.remove_ephemeral(actor.workspace.team_id, message)


async def _shortcut(actor: Actor, form: FormData) -> None:
    channel = channel_of(actor, form)
    message = _message(actor, channel, field(form, "ts"))
    if isinstance(message, Ephemeral):
        raise NotFoundError("a private message has no shortcuts")
    await ask_a_person(actor, channel, message)


async def _edit(actor: Actor, form: FormData) -> None:
    edit(actor, channel_of(actor, form), field(form, "ts"), field(form, "text"))


async def _delete(actor: Actor, form: FormData) -> None:
    delete(actor, channel_of(actor, form), field(form, "ts"))


async def _opened(actor: Actor, form: FormData) -> None:
    direct = actor.store.workspaces.direct(actor.workspace.team_id, actor.person.user_id)
    if direct is not None:
        opened(actor, direct, "home" if field(form, "tab") == "home" else "messages")


async def _invite(actor: Actor, form: FormData) -> None:
    channel = channel_of(actor, form)
    if channel.has_bot:
        raise ConflictError("the employee is in this channel already")
    invite(actor, channel)


def _filled(form: FormData) -> dict[str, list[str]]:
    return {name: [str(value) for value in form.getlist(name)] for name in form}


ACTS: dict[str, Doing] = {
    "/act": _press,
    "/dialog": _submit,
    "/dialog/close": _close,
    "/dismiss": _dismiss,
    "/shortcut": _shortcut,
    "/opened": _opened,
    "/invite": _invite,
    "/edit": _edit,
    "/delete": _delete,
}
