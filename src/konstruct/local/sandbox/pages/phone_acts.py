"""What a person does on a phone's page: one address for its forms, `do` says which it was."""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData, UploadFile

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.local.sandbox.meta import moves
from konstruct.local.sandbox.meta.contents import MEDIA
from konstruct.local.sandbox.meta.delivering import read
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.persons import Person
from konstruct.local.sandbox.meta.sample_files import SAMPLES
from konstruct.local.sandbox.pages.acting import done, field
from konstruct.local.sandbox.pages.guard import refuse_other_sites

FILE_MAX = 16 * 1024 * 1024
Doing = Callable[[Person, FormData], Awaitable[None] | None]


def phone_acts_router(meta: Meta) -> APIRouter:
    """Return the route. A page without script is led back to where it was."""
    router = APIRouter(prefix="/sandbox", include_in_schema=False)

    @router.post("/phone/act")
    async def act(request: Request) -> Response:
        refuse_other_sites(request)
        async with request.form(max_files=1) as form:
            doing = ACTS.get(field(form, "do"))
            if doing is None:
                raise HTTPException(404, "there is no such button")
            try:
                result = doing(_person(meta, form), form)
                if result is not None:
                    await result
            except NotFoundError as error:
                raise HTTPException(404, str(error)) from error
            except ConflictError as error:
                raise HTTPException(409, str(error)) from error
        return _back(request)

    return router


def _back(request: Request) -> Response:
    back = done(request, JSONResponse({}))
    if "location" in back.headers:
        # Whom one answers, and what one changes, is over with it.
        back.headers["location"] = back.headers["location"].partition("?")[0]
    return back


def _person(meta: Meta, form: FormData) -> Person:
    phone = meta.store.phones.get(field(form, "phone"))
    number = meta.store.businesses.number(field(form, "number"))
    if phone is None or number is None:
        raise NotFoundError("there is no such phone")
    return Person(meta, phone, number)


def _write(person: Person, form: FormData) -> Awaitable[None] | None:
    """Whoever writes has read what stands above."""
    read(person.meta, person.number, person.phone)
    text, edited = field(form, "text"), field(form, "edit")
    if edited:
        person.edit(person.message(edited), text)
        return None
    file = form.get("file")
    if isinstance(file, UploadFile) and file.filename:
        return _send_file(person, form, file)
    person.write(text, _context(person, form))
    return None


def _context(person: Person, form: FormData) -> str | None:
    quoted = field(form, "quote")
    return person.message(quoted).wamid if quoted else None


async def _send_file(person: Person, form: FormData, file: UploadFile) -> None:
    content = await file.read(FILE_MAX + 1)
    if not content or len(content) > FILE_MAX:
        raise ConflictError(f"a file has 1 byte to {FILE_MAX // 1024 // 1024} MB")
    name = file.filename or "file"
    mime = file.content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    _send(person, name, mime, content, field(form, "text"), _context(person, form))


def _send(person: Person, name: str, mime: str, content: bytes, caption: str, context: str | None = None) -> None:
    fitting = (kind for kind in ("image", "video", "audio") if mime.partition(";")[0] in MEDIA[kind][1])
    kind = next(fitting, "document")
    media = person.meta.store.media
    stored = media.add(person.number.phone_number_id, mime, name, content, person.meta.now())
    person.send_file(kind, stored, caption, context)


def _sample(person: Person, form: FormData) -> None:
    sample = SAMPLES.get(field(form, "sample"))
    if sample is None:
        raise NotFoundError("there is no such sample")
    name, mime, content = sample()
    _send(person, name, mime, content, "")


def _place(person: Person, form: FormData) -> None:
    person.send_place(51.5033, -0.1196, "By the river, London")


def _card(person: Person, form: FormData) -> None:
    other = next(each for each in person.meta.store.phones.all() if each.phone_id != person.phone.phone_id)
    person.send_card(other.name, other.digits)


def _poll(person: Person, form: FormData) -> None:
    person.send_poll()


def _press(person: Person, form: FormData) -> None:
    read(person.meta, person.number, person.phone)
    person.press(person.message(field(form, "wamid")), field(form, "choice"))


def _react(person: Person, form: FormData) -> None:
    note, emoji = person.message(field(form, "wamid")), field(form, "emoji")
    person.react(note, "" if note.reaction == emoji else emoji)


def _delete(person: Person, form: FormData) -> None:
    person.delete(person.message(field(form, "wamid")))


def _read(person: Person, form: FormData) -> None:
    read(person.meta, person.number, person.phone)


def _move(person: Person, form: FormData) -> None:
    moves.change_number(person.meta, person.phone)


def _show(person: Person, form: FormData) -> None:
    shows = field(form, "on") == "1"
    person.meta.store.phones.show_number(person.phone, shows)


def _flag(doing: Callable[[Person, bool], None]) -> Doing:
    def act(person: Person, form: FormData) -> None:
        doing(person, field(form, "on") == "1")

    return act


def _report(person: Person, form: Any) -> None:
    moves.report(person)


def _call(person: Person, form: Any) -> None:
    if person.meta.store.phones.chat(person.phone.phone_id, person.number.phone_number_id).blocked:
        raise ConflictError("you have blocked this business: unblock it to call")
    moves.call(person)


ACTS: dict[str, Doing] = {
    "write": _write,
    "sample": _sample,
    "place": _place,
    "card": _card,
    "poll": _poll,
    "press": _press,
    "react": _react,
    "delete": _delete,
    "read": _read,
    "move": _move,
    "show": _show,
    "block": _flag(moves.block),
    "marketing": _flag(moves.stop_marketing),
    "report": _report,
    "call": _call,
}
